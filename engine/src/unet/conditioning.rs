//! What every block takes as one vector: the time step, the pooled text and the size of the picture.

use super::UNetConfig;
use crate::Result;
use crate::graph::{Recorder, Tensor};
use crate::layers::Linear;
use crate::weights::Weights;

/// `values` as `cos ‖ sin` of `channels / 2` frequencies 10000^(−i / (channels / 2)), side by side.
///
/// diffusers' `get_timestep_embedding` with `flip_sin_to_cos` and no shift of the frequencies
/// (Vaswani et al. 2017). Computed on the host: drivers' sin and cos are not accurate enough.
#[must_use]
pub fn sinusoid(values: &[f32], channels: usize) -> Vec<f32> {
    let half = channels / 2;
    let frequency = |i: usize| (-(10_000f32.ln()) * i as f32 / half as f32).exp();
    let mut out = Vec::with_capacity(values.len() * channels);
    for &value in values {
        out.extend((0..half).map(|i| (value * frequency(i)).cos()));
        out.extend((0..half).map(|i| (value * frequency(i)).sin()));
        out.extend(std::iter::repeat_n(0.0, channels - 2 * half));
    }
    out
}

/// The time step, and text and size, each through two layers.
#[derive(Debug)]
pub struct TimeEmbedding {
    time: Mlp,
    added: Mlp,
}

impl TimeEmbedding {
    /// `time_embedding` and `add_embedding`.
    pub(crate) fn load(w: &Weights, config: &UNetConfig) -> Result<Self> {
        let (channels, added) = (config.time_channels(), config.projection_class_embeddings_input_dim);
        Ok(Self {
            time: Mlp::load(&w.at("time_embedding"), config.block_out_channels[0], channels)?,
            added: Mlp::load(&w.at("add_embedding"), added, channels)?,
        })
    }

    /// `time [n, 1, 1, level-0 channels]` (a sinusoid) and `added [n, 1, 1, pooled + 6 sinusoids]`
    /// to `[n, 1, 1, time channels]`, through SiLU as every residual block wants it.
    pub(crate) fn forward(&self, g: &mut Recorder, time: Tensor, added: Tensor) -> Tensor {
        let both = self.sum(g, time, added);
        g.silu(both)
    }

    /// The same without SiLU, for more to be added.
    pub(crate) fn sum(&self, g: &mut Recorder, time: Tensor, added: Tensor) -> Tensor {
        let time = self.time.forward(g, time);
        let added = self.added.forward(g, added);
        g.add(time, added)
    }
}

/// Two linear layers with SiLU between.
#[derive(Debug)]
pub(crate) struct Mlp {
    linear_1: Linear,
    linear_2: Linear,
}

impl Mlp {
    /// `linear_1` and `linear_2`.
    pub(crate) fn load(w: &Weights, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self {
            linear_1: Linear::load(&w.at("linear_1"), inputs, outputs)?,
            linear_2: Linear::load(&w.at("linear_2"), outputs, outputs)?,
        })
    }

    /// `[.., in] → [.., out]`.
    pub(crate) fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let x = self.linear_1.forward(g, x);
        let x = g.silu(x);
        self.linear_2.forward(g, x)
    }
}

#[cfg(test)]
mod tests {
    use super::sinusoid;

    /// Rows 23..25, columns 47..49 of 64-channel embeddings of 0..127: a published slice
    /// (diffusers, tests/models/test_layers_utils.py, test_sinoid_embeddings_hardcoded, t2).
    #[test]
    fn sinusoids_match_the_published_slice() {
        let times: Vec<f32> = (0..128).map(|t| t as f32).collect();
        let all = sinusoid(&times, 64);
        let got = (23..26).flat_map(|row| all[row * 64 + 47..row * 64 + 50].to_vec());
        let wanted = [0.3019, 0.2280, 0.1716, 0.3146, 0.2377, 0.1790, 0.3272, 0.2474, 0.1864];
        for (got, wanted) in got.zip(wanted) {
            assert!((got - wanted).abs() < 1e-4f32, "{got} is not {wanted}");
        }
    }
}
