//! The values of a synthetic tensor: a function of its name and shape, the same bits everywhere.
//!
//! `tests/fixtures/seeded_weights.py` is the same rule for PyTorch, and says it in words.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::noise::TorchRng;

const EMBEDDINGS: [&str; 2] = ["token_embedding.weight", "position_embedding.weight"];
/// The last layers of residual branches. They are drawn smaller, or the sum would grow with every block.
const RESIDUAL_OUT: [&str; 6] = [
    "conv2.weight",
    "to_out.0.weight",
    "ff.net.2.weight",
    "proj_out.weight",
    "out_proj.weight",
    "mlp.fc2.weight",
];

/// A tensor's values in row-major order, drawn as they are asked for.
pub(super) struct Initializer {
    rng: TorchRng,
    offset: f32,
    scale: f32,
}

impl Initializer {
    /// Of a canonical name: `unet.conv_in.weight`.
    pub(super) fn new(name: &str, shape: &[usize]) -> Self {
        let (offset, scale) = spread(name, shape);
        let seed = crc32fast::hash(name.as_bytes());
        Self { rng: TorchRng::seed(u64::from(seed)), offset, scale }
    }

    /// The next values. Every operation rounds once: the order of these is part of the rule.
    pub(super) fn fill(&mut self, out: &mut [f16], scratch: &mut Vec<f32>) {
        let Self { rng, offset, scale } = self;
        scratch.clear();
        scratch.extend((0..out.len()).map(|_| *offset + *scale * (2.0 * rng.uniform() - 1.0)));
        out.convert_from_f32_slice(scratch);
    }
}

/// All values of the tensor of this canonical name.
#[must_use]
pub fn values(name: &str, shape: &[usize]) -> Vec<f16> {
    let mut out = vec![f16::ZERO; shape.iter().product()];
    Initializer::new(name, shape).fill(&mut out, &mut Vec::new());
    out
}

/// The middle of the values, and how far they reach to both sides.
pub(super) fn spread(name: &str, shape: &[usize]) -> (f32, f32) {
    let ends_with = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if name.ends_with(".bias") || ends_with(&EMBEDDINGS) {
        (0.0, 0.05)
    } else if shape.len() == 1 {
        (1.0, 0.1)
    } else {
        let fan_in: usize = shape.iter().skip(1).product();
        let gain = if ends_with(&RESIDUAL_OUT) { 0.3 } else { 1.0 };
        (0.0, (gain * (3.0 / fan_in as f64).sqrt()) as f32)
    }
}
