//! One small graph with its inputs, and how far from right a backend's values are.

use std::sync::Arc;

use crate::Result;
use crate::backend::{HostTensor, Program, Values};
use crate::cpu::reference;
use crate::graph::{Graph, Op};

/// An operation on numbers small enough to be checked with plain loops.
#[derive(Debug, Clone)]
pub struct Case {
    /// The operation.
    pub kernel: &'static str,
    /// Sizes and options: `f16 1×5×7×20→33 stride 2, silu`.
    pub variant: String,
    /// The operation, between conversions where values are stored in 16 bits.
    pub graph: Arc<Graph>,
    /// By name.
    pub inputs: Vec<(String, HostTensor)>,
    /// The greatest [`nmse`] that is no mistake.
    pub bound: f64,
}

impl Case {
    /// The inputs, as a program takes them.
    #[must_use]
    pub fn given(&self) -> Vec<(&str, &HostTensor)> {
        self.inputs.iter().map(|(name, tensor)| (&**name, tensor)).collect()
    }

    /// Traces a program of [`Case::graph`]: the greatest [`nmse`] of its nodes, each against plain loops
    /// over the values that the program made of the nodes before it, and the last value.
    ///
    /// # Errors
    /// Whatever the program fails with.
    pub fn worst_node(&self, program: &mut dyn Program) -> Result<(f64, HostTensor)> {
        let mut values: Vec<HostTensor> = Vec::with_capacity(self.graph.nodes().len());
        let mut worst = 0.0f64;
        program.trace(&self.given(), &mut |node, value| {
            if !matches!(node.op, Op::Input { .. }) {
                let inputs: Vec<&HostTensor> = node.inputs.iter().map(|&id| &values[id]).collect();
                let error = nmse(value, &reference::evaluate(node, &inputs));
                // What is not a number is worse than any number.
                worst = if worst > error || worst.is_nan() { worst } else { error };
            }
            values.push(value.clone());
            Ok(())
        })?;
        Ok((worst, values.swap_remove(self.graph.outputs()[0])))
    }
}

/// Normalised mean square error, `Σ(got − wanted)² / Σwanted²`. Of pictures the channels are compared.
/// NaN where only one of two numbers is finite; where both are not, they must be the same or NaN.
#[must_use]
pub fn nmse(got: &HostTensor, wanted: &HostTensor) -> f64 {
    if got.shape != wanted.shape {
        return f64::NAN;
    }
    match (&got.values, &wanted.values) {
        (Values::F32(got), Values::F32(wanted)) => {
            ratio(got.iter().zip(wanted).map(|(&g, &w)| (f64::from(g), f64::from(w))))
        }
        (Values::U32(got), Values::U32(wanted)) => {
            let channels = |(&g, &w): (&u32, &u32)| (0..4).map(move |c| (byte(g, c), byte(w, c)));
            ratio(got.iter().zip(wanted).flat_map(channels))
        }
        _ => f64::NAN,
    }
}

fn byte(pixel: u32, channel: usize) -> f64 {
    f64::from(pixel.to_le_bytes()[channel])
}

fn ratio(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut error, mut scale) = (0.0, 0.0);
    for (got, wanted) in pairs {
        if got == wanted || (got.is_nan() && wanted.is_nan()) {
            scale += if wanted.is_finite() { wanted.powi(2) } else { 0.0 };
            continue;
        }
        error += (got - wanted).powi(2);
        scale += wanted.powi(2);
    }
    if error == 0.0 { 0.0 } else { error / scale }
}
