//! Modules initialised as torch does it: in the order of construction, from one generator.

use fulmen_engine::backend::{CancelToken, HostTensor};
use fulmen_engine::graph::{Element, Recorder, Shape, Tensor};
use fulmen_engine::noise::TorchRng;
use fulmen_engine::weights::{Weight, Weights};

/// torch prints four digits; we must meet them to within 1e-4.
const TOLERANCE: f32 = 1e-4;

/// One generator for inputs and weights, as `torch.manual_seed` makes it.
pub(crate) struct Torch {
    rng: TorchRng,
    weights: Vec<Weight>,
}

impl Torch {
    pub(crate) fn seed(seed: u64) -> Self {
        Self { rng: TorchRng::seed(seed), weights: Vec::new() }
    }

    /// The generator begins anew; what was built stays.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.rng = TorchRng::seed(seed);
    }

    /// `randn(images, channels, height, width)`, of which the first image is kept, channels innermost.
    pub(crate) fn image(&mut self, images: usize, channels: usize, side: usize) -> HostTensor {
        let values = self.rng.normals(images * channels * side * side);
        let at = |pixel: usize, channel: usize| values[channel * side * side + pixel];
        let nhwc = (0..side * side).flat_map(|p| (0..channels).map(move |c| (p, c)));
        HostTensor::f32(Shape::image(1, side, side, channels), nhwc.map(|(p, c)| at(p, c)).collect())
    }

    /// `randn(images, channels)`, of which the first row is kept.
    pub(crate) fn vector(&mut self, images: usize, channels: usize) -> HostTensor {
        let values = self.rng.normals(images * channels);
        HostTensor::f32(Shape::vector(1, channels), values[..channels].to_vec())
    }

    /// `randn(1, tokens, channels)`.
    pub(crate) fn tokens(&mut self, tokens: usize, channels: usize) -> HostTensor {
        HostTensor::f32(Shape::tokens(1, tokens, channels), self.rng.normals(tokens * channels))
    }

    /// `Conv2d(inputs, outputs, kernel)`.
    pub(crate) fn conv(&mut self, name: &str, inputs: usize, outputs: usize, kernel: usize) {
        let shape = vec![outputs, inputs, kernel, kernel];
        self.uniform(&format!("{name}.weight"), shape, inputs * kernel * kernel);
        self.uniform(&format!("{name}.bias"), vec![outputs], inputs * kernel * kernel);
    }

    /// `Linear(inputs, outputs)`.
    pub(crate) fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.linear_without_bias(name, inputs, outputs);
        self.uniform(&format!("{name}.bias"), vec![outputs], inputs);
    }

    /// `Linear(inputs, outputs, bias=False)`.
    pub(crate) fn linear_without_bias(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.uniform(&format!("{name}.weight"), vec![outputs, inputs], inputs);
    }

    /// `GroupNorm` or `LayerNorm`: ones and zeros, nothing is drawn.
    pub(crate) fn norm(&mut self, name: &str, channels: usize) {
        for (part, value) in [("weight", 1.0), ("bias", 0.0)] {
            let values = vec![value; channels];
            self.weights.push(Weight::from_f32(format!("{name}.{part}"), vec![channels], &values));
        }
    }

    /// `ResnetBlock2D` without its shortcut.
    pub(crate) fn res_block(&mut self, name: &str, inputs: usize, outputs: usize, time: Option<usize>) {
        self.norm(&format!("{name}norm1"), inputs);
        self.conv(&format!("{name}conv1"), inputs, outputs, 3);
        if let Some(time) = time {
            self.linear(&format!("{name}time_emb_proj"), time, outputs);
        }
        self.norm(&format!("{name}norm2"), outputs);
        self.conv(&format!("{name}conv2"), outputs, outputs, 3);
    }

    /// `Transformer2DModel` of one layer with 1×1 convolutions at both doors.
    pub(crate) fn transformer(&mut self, name: &str, channels: usize, context: usize) {
        let layer = format!("{name}transformer_blocks.0");
        self.norm(&format!("{name}norm"), channels);
        self.conv(&format!("{name}proj_in"), channels, channels, 1);
        self.norm(&format!("{layer}.norm1"), channels);
        self.attention(&format!("{layer}.attn1"), channels, channels);
        self.norm(&format!("{layer}.norm2"), channels);
        self.attention(&format!("{layer}.attn2"), channels, context);
        self.norm(&format!("{layer}.norm3"), channels);
        self.linear(&format!("{layer}.ff.net.0.proj"), channels, 8 * channels);
        self.linear(&format!("{layer}.ff.net.2"), 4 * channels, channels);
        self.conv(&format!("{name}proj_out"), channels, channels, 1);
    }

    /// All that was built so far.
    pub(crate) fn weights(&mut self) -> Weights {
        Weights::of(&std::mem::take(&mut self.weights))
    }

    fn attention(&mut self, name: &str, channels: usize, context: usize) {
        self.linear_without_bias(&format!("{name}.to_q"), channels, channels);
        self.linear_without_bias(&format!("{name}.to_k"), context, channels);
        self.linear_without_bias(&format!("{name}.to_v"), context, channels);
        self.linear(&format!("{name}.to_out.0"), channels, channels);
    }

    fn uniform(&mut self, name: &str, shape: Vec<usize>, fan_in: usize) {
        let bound = 1.0 / (fan_in as f32).sqrt();
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| self.rng.uniform() * 2.0 * bound - bound).collect();
        self.weights.push(Weight::from_f32(name, shape, &values));
    }
}

/// Runs what `forward` records on every backend and compares the slice with the published one.
pub(crate) fn check(
    name: &str,
    inputs: &[&HostTensor],
    forward: impl Fn(&mut Recorder, &[Tensor]) -> Tensor,
    published: [f32; 9],
) {
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("input {i}")).collect();
    let given: Vec<(&str, &HostTensor)> =
        names.iter().map(String::as_str).zip(inputs.iter().copied()).collect();
    for backend in crate::devices::backends() {
        let mut g = Recorder::new(Element::F32);
        let tensors: Vec<Tensor> = given.iter().map(|(name, x)| g.input(name, x.shape)).collect();
        let y = forward(&mut g, &tensors);
        let graph = g.finish(&[y]).expect("shapes fit");
        let mut program = backend.compile(graph.into()).expect("it compiles");
        let outputs = program.run(&given, &CancelToken::default()).expect("it runs");
        let slice = last_corner(&outputs[0]);
        for (got, wanted) in slice.iter().zip(published) {
            let device = backend.name();
            assert!((got - wanted).abs() < TOLERANCE, "{name} on {device}: {slice:?} is not {published:?}");
        }
    }
}

fn last_corner(y: &HostTensor) -> Vec<f32> {
    let Shape { height, width, channels, .. } = y.shape;
    let at = |row: usize, column: usize| y.as_f32()[(row * width + column) * channels + channels - 1];
    let corner = (height - 3..height).flat_map(|row| (width - 3..width).map(move |column| (row, column)));
    corner.map(|(row, column)| at(row, column)).collect()
}
