//! What happens to a product's sums while they are still in cache.

use super::functions::{activate, gate, vectorised};
use super::panel::{Outputs, PANEL};
use super::strips::Strips;
use super::value::Turn;
use crate::graph::{Activation, Epilogue};

/// An epilogue with its numbers at hand.
#[derive(Debug)]
pub(super) struct Finish<'a> {
    /// A number for each output, gates included; empty where there is no bias.
    bias: Vec<f32>,
    /// `[images, outputs]`.
    per_image: Option<&'a [f32]>,
    activation: Activation,
    /// `[rows, outputs]`.
    residual: Option<&'a [f32]>,
    outputs: usize,
    pixels: usize,
}

impl<'a> Finish<'a> {
    pub(super) fn new(epilogue: &Epilogue, turn: &Turn<'a>) -> Self {
        let inputs = turn.inputs;
        Self {
            bias: epilogue.bias.as_ref().map_or_else(Vec::new, |bias| bias.to_f32()),
            per_image: epilogue.per_image.then(|| inputs[1].numbers),
            activation: epilogue.activation,
            residual: epilogue.residual.then(|| inputs[inputs.len() - 1].numbers),
            outputs: turn.shape.channels,
            pixels: turn.shape.pixels(),
        }
    }

    /// Whether two sums make one output.
    pub(super) fn is_geglu(&self) -> bool {
        self.activation == Activation::Geglu
    }

    /// Finishes `sums [..][PANEL]`, the first of which is row `first_row`, and writes them to `out`.
    ///
    /// # Safety
    /// Rows and outputs of this block are this task's alone.
    pub(super) unsafe fn write(&self, sums: &mut [f32], first_row: usize, at: Outputs, out: &Strips<'_>) {
        vectorised(
            #[inline(always)]
            || {
                for (row, sums) in (first_row..).zip(sums.chunks_exact_mut(PANEL)) {
                    // SAFETY: the caller's promise.
                    let out = unsafe { out.strip(row, at.first, at.count) };
                    self.write_row(sums, row, at, out);
                }
            },
        );
    }

    #[inline(always)]
    fn write_row(&self, sums: &mut [f32], row: usize, at: Outputs, out: &mut [f32]) {
        let (first, count) = (at.first, at.count);
        if !self.bias.is_empty() {
            add(&mut sums[..count], &self.bias[first..]);
        }
        if let Some(vectors) = self.per_image {
            add(&mut sums[..count], &vectors[row / self.pixels * self.outputs + first..]);
        }
        if let Some(first_gate) = at.gate {
            let (values, gates) = sums.split_at_mut(PANEL / 2);
            if !self.bias.is_empty() {
                add(&mut gates[..count], &self.bias[first_gate + first..]);
            }
            gate(&mut values[..count], gates);
        } else {
            activate(&mut sums[..count], self.activation);
        }
        if let Some(residual) = self.residual {
            add(&mut sums[..count], &residual[row * self.outputs + first..]);
        }
        out.copy_from_slice(&sums[..count]);
    }
}

#[inline(always)]
fn add(sums: &mut [f32], summands: &[f32]) {
    sums.iter_mut().zip(summands).for_each(|(sum, summand)| *sum += summand);
}
