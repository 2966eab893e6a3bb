//! One small graph with its inputs, and what a backend makes of it.

use std::sync::Arc;

use half::{bf16, f16};

use crate::Result;
use crate::backend::{Backend, CancelToken, HostTensor, Values};
use crate::cpu::reference;
use crate::graph::{Affine, Element, Graph, Recorder, Shape, Tensor};
use crate::noise::TorchRng;
use crate::weights::{Format, Weight};

/// An operation on numbers small enough to be checked with plain loops.
#[derive(Debug, Clone)]
pub struct Case {
    /// The operation, as [`crate::graph::Op::name`] has it.
    pub kernel: &'static str,
    /// Sizes and options: `f16 1×5×7×20→33 stride 2, silu`.
    pub variant: String,
    /// The operation, between conversions where values are stored in 16 bits.
    pub graph: Arc<Graph>,
    /// By name.
    pub inputs: Vec<(String, HostTensor)>,
    /// The greatest [`nmse`] that is no mistake.
    pub tolerance: f64,
}

/// What a backend made of a case.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verdict {
    /// The operation.
    pub kernel: &'static str,
    /// Sizes and options.
    pub variant: String,
    /// How far from right; NaN where a value is not finite.
    pub nmse: f64,
    /// How far is still right.
    pub tolerance: f64,
    /// Whether it is.
    pub agrees: bool,
}

impl Case {
    /// The right answer: every node with plain loops.
    #[must_use]
    pub fn expected(&self) -> HostTensor {
        let mut values: Vec<HostTensor> = Vec::with_capacity(self.graph.nodes().len());
        for node in self.graph.nodes() {
            let given = self.inputs.iter().find(|(name, _)| *name == node.label);
            let value = match given {
                Some((_, tensor)) => tensor.clone(),
                None => {
                    let inputs: Vec<&HostTensor> = node.inputs.iter().map(|&id| &values[id]).collect();
                    reference::evaluate(node, &inputs)
                }
            };
            values.push(value);
        }
        values.swap_remove(self.graph.outputs()[0])
    }

    /// What `backend` answers.
    ///
    /// # Errors
    /// Whatever the backend fails with.
    pub fn run(&self, backend: &dyn Backend) -> Result<HostTensor> {
        let inputs: Vec<(&str, &HostTensor)> = self.inputs.iter().map(|(name, t)| (&**name, t)).collect();
        let mut outputs = backend.compile(self.graph.clone())?.run(&inputs, &CancelToken::default())?;
        Ok(outputs.swap_remove(0))
    }

    /// Runs the case and compares.
    ///
    /// # Errors
    /// Whatever the backend fails with.
    pub fn check(&self, backend: &dyn Backend) -> Result<Verdict> {
        let nmse = nmse(&self.run(backend)?, &self.expected());
        let agrees = nmse <= self.tolerance;
        let Self { kernel, ref variant, tolerance, .. } = *self;
        Ok(Verdict { kernel, variant: variant.clone(), nmse, tolerance, agrees })
    }
}

/// Normalised mean square error, `Σ(got − wanted)² / Σwanted²`. Of pictures the channels are compared.
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
        error += (got - wanted).powi(2);
        scale += wanted.powi(2);
    }
    if error == 0.0 { 0.0 } else { error / scale }
}

/// Makes one case: a recorder that also draws the numbers.
pub(super) struct Forge {
    pub(super) graph: Recorder,
    element: Element,
    rng: TorchRng,
    inputs: Vec<(String, HostTensor)>,
    weights: usize,
}

impl Forge {
    /// `seed` keeps the numbers of one case apart from another's.
    pub(super) fn new(element: Element, seed: usize) -> Self {
        let rng = TorchRng::seed(seed as u64);
        Self { graph: Recorder::new(element), element, rng, inputs: Vec::new(), weights: 0 }
    }

    /// Values of N(0, 1).
    pub(super) fn x(&mut self, shape: Shape) -> Tensor {
        self.x_around(shape, 0.0)
    }

    /// Values of N(mean, 1), all of which 16 bits hold exactly.
    pub(super) fn x_around(&mut self, shape: Shape, mean: f32) -> Tensor {
        let values = self.numbers(shape.len(), |v| v + mean);
        let name = self.name();
        let x = self.graph.input(&name, shape);
        self.inputs.push((name, HostTensor::f32(shape, values)));
        match self.element {
            // Inputs come as f32, and the kernel must read halves.
            Element::F16 => self.graph.convert(x),
            _ => x,
        }
    }

    /// These values, in f32.
    pub(super) fn given(&mut self, shape: Shape, values: Vec<f32>) -> Tensor {
        let name = self.name();
        let tensor = self.graph.input(&name, shape);
        self.inputs.push((name, HostTensor::f32(shape, values)));
        tensor
    }

    pub(super) fn ids(&mut self, shape: Shape, ids: Vec<u32>) -> Tensor {
        let name = self.name();
        let tensor = self.graph.ids(&name, shape);
        self.inputs.push((name, HostTensor::u32(shape, ids)));
        tensor
    }

    /// A matrix or kernel whose products keep the size of what they multiply. Formats take turns.
    pub(super) fn weight(&mut self, shape: &[usize]) -> Arc<Weight> {
        let fan_in: usize = shape.iter().skip(1).product();
        let scale = (fan_in as f32).sqrt().recip();
        self.draw(shape, |v| v * scale)
    }

    /// What follows a normalisation.
    pub(super) fn affine(&mut self, channels: usize, epsilon: f32) -> Affine {
        Affine { scale: self.draw(&[channels], |v| 1.0 + 0.1 * v), shift: self.shift(channels), epsilon }
    }

    /// A summand for each channel.
    pub(super) fn shift(&mut self, channels: usize) -> Arc<Weight> {
        self.draw(&[channels], |v| 0.5 * v)
    }

    pub(super) fn finish(mut self, kernel: &'static str, variant: &str, y: Tensor) -> Case {
        let halves = self.element == Element::F16;
        // Outputs are f32: converted, so that the kernel must write halves. Pixels are no activations.
        let copied = halves && kernel != "picture";
        let y = if copied { self.graph.convert(y) } else { y };
        let (precision, tolerance) =
            if halves { ("f16", super::TOLERANCE_F16) } else { ("f32", super::TOLERANCE_F32) };
        let graph = self.graph.finish(&[y]).expect("the cases' shapes fit");
        let variant = format!("{precision} {variant}");
        Case { kernel, variant, graph: Arc::new(graph), inputs: self.inputs, tolerance }
    }

    fn draw(&mut self, shape: &[usize], change: impl Fn(f32) -> f32) -> Arc<Weight> {
        let values = self.numbers(shape.iter().product(), change);
        self.weights += 1;
        let name = format!("w{}", self.weights);
        let shape = shape.to_vec();
        Arc::new(match self.weights % 3 {
            0 => Weight::from_f32(name, shape, &values),
            1 => {
                let halves: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
                Weight::from_f16(name, shape, &halves)
            }
            _ => {
                let bytes: Vec<u8> = values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect();
                Weight::new(name, shape, Format::Bf16, bytes.into())
            }
        })
    }

    /// Rounded to halves: what a device keeps in 16 bits is then what the reference computes with.
    fn numbers(&mut self, count: usize, change: impl Fn(f32) -> f32) -> Vec<f32> {
        let halves = |v: f32| f16::from_f32(change(v)).to_f32();
        self.rng.normals(count).into_iter().map(halves).collect()
    }

    fn name(&self) -> String {
        format!("x{}", self.inputs.len())
    }
}
