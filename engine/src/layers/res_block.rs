//! The residual block of UNet and VAE.

use super::{Conv3x3, GroupNorm, Linear};
use crate::Result;
use crate::graph::{Recorder, Tensor};
use crate::weights::Weights;

/// Extents of a residual block.
#[derive(Debug, Clone, Copy)]
pub struct ResBlockShape {
    /// Channels that come in.
    pub inputs: usize,
    /// Channels that go out.
    pub outputs: usize,
    /// Channels of the time embedding; none in the VAE.
    pub time: Option<usize>,
    /// Groups of the norms.
    pub groups: usize,
    /// Added to the variance: 1e-5 in SDXL's UNet, 1e-6 in its VAE.
    pub epsilon: f32,
}

/// Two 3×3 convolutions with the time step added between them.
///
/// `[n, h, w, in] → [n, h, w, out]`. `time [n, 1, 1, time]` arrives already through SiLU: it is the
/// same for every block, so that is done once a step.
#[derive(Debug)]
pub struct ResBlock {
    norm1: GroupNorm,
    conv1: Conv3x3,
    time: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv3x3,
    /// 1×1 projection; present only where the block changes the number of channels.
    shortcut: Option<Linear>,
}

impl ResBlock {
    /// Under diffusers' names.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, shape: ResBlockShape) -> Result<Self> {
        let ResBlockShape { inputs, outputs, time, groups, epsilon } = shape;
        let shortcut = || Linear::pointwise(&w.at("conv_shortcut"), inputs, outputs);
        Ok(Self {
            norm1: GroupNorm::load(&w.at("norm1"), inputs, groups, epsilon)?,
            conv1: Conv3x3::load(&w.at("conv1"), inputs, outputs)?,
            time: time.map(|time| Linear::load(&w.at("time_emb_proj"), time, outputs)).transpose()?,
            norm2: GroupNorm::load(&w.at("norm2"), outputs, groups, epsilon)?,
            conv2: Conv3x3::load(&w.at("conv2"), outputs, outputs)?,
            shortcut: (inputs != outputs).then(shortcut).transpose()?,
        })
    }

    /// `x [n, h, w, in] → [n, h, w, out]`.
    pub fn forward(&self, g: &mut Recorder, x: Tensor, time: Option<Tensor>) -> Tensor {
        // Before the norm, which may then write over `x`.
        let beside = self.shortcut.as_ref().map_or(x, |project| project.forward(g, x));
        let h = self.norm1.silu(g, x);
        let mut h = self.conv1.forward(g, h);
        if let (Some(project), Some(time)) = (&self.time, time) {
            let t = project.forward(g, time);
            h = g.add_per_image(h, t);
        }
        let h = self.norm2.silu(g, h);
        let h = self.conv2.forward(g, h);
        g.add(beside, h)
    }
}
