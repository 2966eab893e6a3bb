//! Normalisations.

use crate::Result;
use crate::graph::{Affine, Recorder, Tensor};
use crate::weights::Weights;

/// Group norm over the pixels and channels of each group.
#[derive(Debug)]
pub struct GroupNorm {
    groups: usize,
    affine: Affine,
}

impl GroupNorm {
    /// `weight [channels]` and `bias [channels]`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, channels: usize, groups: usize, epsilon: f32) -> Result<Self> {
        Ok(Self { groups, affine: affine(w, channels, epsilon)? })
    }

    /// The shape stays.
    pub fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        g.group_norm(x, self.groups, &self.affine)
    }

    /// The norm, then SiLU.
    pub fn silu(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let x = self.forward(g, x);
        g.silu(x)
    }
}

/// Layer norm over the channels of each token.
#[derive(Debug)]
pub struct LayerNorm {
    affine: Affine,
}

impl LayerNorm {
    /// `weight [channels]` and `bias [channels]`.
    pub(crate) fn load(w: &Weights, channels: usize, epsilon: f32) -> Result<Self> {
        Ok(Self { affine: affine(w, channels, epsilon)? })
    }

    /// The shape stays.
    pub(crate) fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        g.layer_norm(x, &self.affine)
    }
}

fn affine(w: &Weights, channels: usize, epsilon: f32) -> Result<Affine> {
    Ok(Affine { scale: w.vector("weight", channels)?, shift: w.vector("bias", channels)?, epsilon })
}
