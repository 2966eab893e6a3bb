//! The hint net: a picture's pixels to features of the latents' size.

use crate::Result;
use crate::graph::{ConvWindow, Padding, Recorder, Tensor};
use crate::layers::Conv3x3;
use crate::weights::Weights;

/// Convolutions with SiLU between, every second of the inner ones at half the resolution.
///
/// `[n, h, w, 3] → [n, ⌈h/8⌉, ⌈w/8⌉, level-0 channels]`, of numbers from 0 to 1.
#[derive(Debug)]
pub(crate) struct HintNet {
    conv_in: Conv3x3,
    blocks: Vec<Conv3x3>,
    conv_out: Conv3x3,
}

impl HintNet {
    /// `widths`: channels of the picture, then of each level of resolution, then of what comes out.
    pub(crate) fn load(w: &Weights, widths: &[usize]) -> Result<Self> {
        let half = ConvWindow { stride: 2, padding: [Padding::AROUND; 2] };
        let levels = &widths[1..widths.len() - 1];
        let mut blocks = Vec::with_capacity(2 * levels.len());
        for pair in levels.windows(2) {
            let at = |i: usize| w.at(&format!("blocks.{i}"));
            blocks.push(Conv3x3::load(&at(blocks.len()), pair[0], pair[0])?);
            blocks.push(Conv3x3::load_with(&at(blocks.len()), pair[0], pair[1], half)?);
        }
        Ok(Self {
            conv_in: Conv3x3::load(&w.at("conv_in"), widths[0], widths[1])?,
            blocks,
            conv_out: Conv3x3::load(&w.at("conv_out"), levels[levels.len() - 1], widths[widths.len() - 1])?,
        })
    }

    pub(crate) fn forward(&self, g: &mut Recorder, pixels: Tensor) -> Tensor {
        let mut x = self.conv_in.forward(g, pixels);
        x = g.silu(x);
        for block in &self.blocks {
            x = block.forward(g, x);
            x = g.silu(x);
        }
        self.conv_out.forward(g, x)
    }
}
