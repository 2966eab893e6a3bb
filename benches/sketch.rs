//! One operation as a graph, with seeded numbers.

use std::sync::Arc;

use fulmen_engine::Result;
use fulmen_engine::backend::{CancelToken, HostTensor};
use fulmen_engine::graph::{Recorder, Shape, Tensor};
use fulmen_engine::noise::TorchRng;
use fulmen_engine::weights::Weight;
use half::f16;

use super::Device;

/// A graph under construction, and the numbers that it will be given.
pub struct Sketch {
    graph: Recorder,
    inputs: Vec<(String, HostTensor)>,
    outputs: Vec<Tensor>,
    rng: TorchRng,
}

impl Sketch {
    /// For this device.
    #[must_use]
    pub fn new(device: &Device) -> Self {
        let (inputs, outputs) = (Vec::new(), Vec::new());
        Self { graph: Recorder::new(device.element), inputs, outputs, rng: TorchRng::seed(1) }
    }

    /// Activations of this shape. What is copied to the device is a 64th of them, which it enlarges
    /// itself: the copy costs next to nothing beside the operation.
    pub fn activations(&mut self, shape: Shape) -> Tensor {
        let (height, width) = match shape.height {
            1 => (1, shape.width.div_ceil(64)),
            height => (height.div_ceil(8), shape.width.div_ceil(8)),
        };
        // Few pixels are no burden, and keys that are all alike are no attention.
        let given = if shape.pixels() < 1024 { shape } else { Shape { height, width, ..shape } };
        let values = self.numbers(given.len(), 1.0);
        let name = format!("x{}", self.inputs.len());
        let x = self.graph.input(&name, given);
        self.inputs.push((name, HostTensor::f32(given, values)));
        self.graph.upsample(x, shape.height, shape.width)
    }

    /// A matrix or kernel in halves, as checkpoints have it; products keep the size of what it multiplies.
    pub fn weight(&mut self, shape: &[usize]) -> Arc<Weight> {
        let fan_in: usize = shape.iter().skip(1).product();
        let values = self.numbers(shape.iter().product(), (fan_in as f32).sqrt().recip());
        let halves: Vec<f16> = values.into_iter().map(f16::from_f32).collect();
        Arc::new(Weight::from_f16("weight", shape.to_vec(), &halves))
    }

    /// A bias, scale or shift.
    pub fn vector(&mut self, channels: usize) -> Arc<Weight> {
        Arc::new(Weight::from_f32("vector", vec![channels], &self.numbers(channels, 1.0)))
    }

    /// Records copies of a node, one after the other. Of every copy's value one pixel will come back,
    /// so that reading it costs nothing either.
    pub fn repeat(&mut self, copies: usize, node: impl Fn(&mut Recorder) -> Tensor) {
        let mut first = None;
        for _ in 0..copies {
            let y = node(&mut self.graph);
            let first = *first.get_or_insert_with(|| self.first_pixel(y.shape().images));
            self.outputs.push(self.graph.take_token(y, first));
        }
    }

    /// What runs the graph, as often as a UNet's is run: where the CPU turns weights, they stay turned.
    pub fn compile(self, device: &Device) -> Result<impl FnMut() + use<>> {
        let mut program = device.backend.compile(Arc::new(self.graph.finish(&self.outputs)?))?;
        program.run_often();
        let (inputs, never) = (self.inputs, CancelToken::default());
        Ok(move || {
            let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(name, x)| (&**name, x)).collect();
            program.run(&inputs, &never).expect("a program that was compiled runs");
        })
    }

    /// What runs the graph and answers the work of its products, convolutions and attention, and their seconds by the device's
    /// clock.
    ///
    /// # Errors
    /// As compiling.
    pub fn profiled(self, device: &Device) -> Result<impl FnMut() -> Result<(u64, f64)> + use<>> {
        let mut program = device.backend.compile(Arc::new(self.graph.finish(&self.outputs)?))?;
        let (inputs, never) = (self.inputs, CancelToken::default());
        Ok(move || {
            let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(name, x)| (&**name, x)).collect();
            let kernels = program.profile(&inputs, &never)?.kernels;
            let work = kernels.iter().filter(|kernel| kernel.flops > 0);
            Ok(work
                .fold((0, 0.0), |(flops, seconds), kernel| (flops + kernel.flops, seconds + kernel.seconds)))
        })
    }

    /// The place 0 for each image.
    fn first_pixel(&mut self, images: usize) -> Tensor {
        let shape = Shape::vector(images, 1);
        self.inputs.push(("first".into(), HostTensor::u32(shape, vec![0; images])));
        self.graph.ids("first", shape)
    }

    /// Uniform, mean 0. The generator's normal values take ten times as long, and no kernel asks.
    fn numbers(&mut self, count: usize, deviation: f32) -> Vec<f32> {
        let width = 12f32.sqrt() * deviation;
        self.rng.uniforms(count).into_iter().map(|value| (value - 0.5) * width).collect()
    }
}
