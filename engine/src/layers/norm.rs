//! Normalisations.

use std::sync::Arc;

use crate::Result;
use crate::graph::{Recorder, Tensor};
use crate::weights::{Weight, Weights};

/// Group norm over the pixels and channels of each group.
#[derive(Debug)]
pub struct GroupNorm {
    scale: Arc<Weight>,
    shift: Arc<Weight>,
    groups: usize,
    epsilon: f32,
}

impl GroupNorm {
    /// `weight [channels]` and `bias [channels]`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, channels: usize, groups: usize, epsilon: f32) -> Result<Self> {
        let (scale, shift) = (w.vector("weight", channels)?, w.vector("bias", channels)?);
        Ok(Self { scale, shift, groups, epsilon })
    }

    /// The shape stays.
    pub fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        g.group_norm(x, (&self.scale, &self.shift), self.groups, self.epsilon)
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
    scale: Arc<Weight>,
    shift: Arc<Weight>,
    epsilon: f32,
}

impl LayerNorm {
    /// `weight [channels]` and `bias [channels]`.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, channels: usize, epsilon: f32) -> Result<Self> {
        let (scale, shift) = (w.vector("weight", channels)?, w.vector("bias", channels)?);
        Ok(Self { scale, shift, epsilon })
    }

    /// The shape stays.
    pub fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        g.layer_norm(x, (&self.scale, &self.shift), self.epsilon)
    }
}
