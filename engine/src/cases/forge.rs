//! Makes a case: a recorder that also draws the numbers.

use std::sync::Arc;

use half::{bf16, f16};

use crate::backend::HostTensor;
use crate::graph::{Affine, Element, Graph, Recorder, Shape, Tensor};
use crate::noise::TorchRng;
use crate::weights::{NumberFormat, Quantisation, Weight};

/// What the numbers of a case are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distribution {
    /// N(0, 1), rounded to halves; weights so that products keep the size of what they multiply.
    Normal,
    /// Whole, from −4 to 4.
    Whole,
}

pub(super) struct Forge {
    pub(super) graph: Recorder,
    element: Element,
    numbers: Distribution,
    rng: TorchRng,
    inputs: Vec<(String, HostTensor)>,
    weights: usize,
}

impl Forge {
    pub(super) fn new(element: Element, numbers: Distribution, seed: usize) -> Self {
        let rng = TorchRng::seed(seed as u64);
        Self { graph: Recorder::new(element), element, numbers, rng, inputs: Vec::new(), weights: 0 }
    }

    /// Activations.
    pub(super) fn x(&mut self, shape: Shape) -> Tensor {
        self.x_as(shape, |x| x)
    }

    /// Activations, changed.
    pub(super) fn x_as(&mut self, shape: Shape, change: impl Fn(f32) -> f32) -> Tensor {
        let values = self.draw(shape.len(), change);
        self.values(shape, values)
    }

    /// These activations, all of which 16 bits hold exactly.
    pub(super) fn values(&mut self, shape: Shape, values: Vec<f32>) -> Tensor {
        let x = self.parameters(shape, values);
        match self.element {
            // Inputs come as f32, and the kernel must read halves.
            Element::F16 => self.graph.convert(x),
            _ => x,
        }
    }

    /// These numbers, in f32 whatever the graph computes in.
    pub(super) fn parameters(&mut self, shape: Shape, values: Vec<f32>) -> Tensor {
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

    /// A matrix or kernel. Formats take turns.
    pub(super) fn weight(&mut self, shape: &[usize]) -> Arc<Weight> {
        let fan_in: usize = shape.iter().skip(1).product();
        let scale = (fan_in as f32).sqrt().recip();
        self.make(shape, |v| v * scale)
    }

    /// The same in eight bits with scales, or in four.
    pub(super) fn quantised_weight(&mut self, bits: Quantisation, shape: &[usize]) -> Arc<Weight> {
        let mut weight = self.weight(shape);
        if bits == Quantisation::Q4 {
            weight = Arc::new(weight.as_q4_1());
        }
        weight.quantised().map_or(weight, Arc::new)
    }

    /// What follows a normalisation.
    pub(super) fn affine(&mut self, channels: usize, epsilon: f32) -> Affine {
        Affine { scale: self.make(&[channels], |v| 1.0 + 0.1 * v), shift: self.shift(channels), epsilon }
    }

    /// A summand for each channel.
    pub(super) fn shift(&mut self, channels: usize) -> Arc<Weight> {
        self.make(&[channels], |v| 0.5 * v)
    }

    /// The graph and its inputs. `converted`: whether the value is one of activations, not of pixels.
    pub(super) fn finish(mut self, y: Tensor, converted: bool) -> (Arc<Graph>, Vec<(String, HostTensor)>) {
        // Outputs are f32: converted, so that the kernel must write halves.
        let converted = converted && self.element == Element::F16;
        let y = if converted { self.graph.convert(y) } else { y };
        let graph = self.graph.finish(&[y]).expect("the cases' shapes fit");
        (Arc::new(graph), self.inputs)
    }

    fn make(&mut self, shape: &[usize], change: impl Fn(f32) -> f32) -> Arc<Weight> {
        let values = self.draw(shape.iter().product(), change);
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
                Weight::new(name, shape, NumberFormat::Bf16, bytes.into())
            }
        })
    }

    /// Whole numbers, or changed ones rounded to halves: what a device keeps in 16 bits is then what
    /// the reference computes with.
    fn draw(&mut self, count: usize, change: impl Fn(f32) -> f32) -> Vec<f32> {
        match self.numbers {
            Distribution::Whole => {
                self.rng.uniforms(count).into_iter().map(|u| (9.0 * u).floor().min(8.0) - 4.0).collect()
            }
            Distribution::Normal => {
                let halves = |v: f32| f16::from_f32(change(v)).to_f32();
                self.rng.normals(count).into_iter().map(halves).collect()
            }
        }
    }

    fn name(&self) -> String {
        format!("x{}", self.inputs.len())
    }
}
