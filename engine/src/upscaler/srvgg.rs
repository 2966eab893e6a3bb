//! SRVGG: Real-ESRGAN's small network, convolutions in a row whose last makes all pixels that one becomes.

use std::sync::Arc;

use crate::Result;
use crate::graph::{Recorder, Tensor};
use crate::layers::Conv3x3;
use crate::layers::limits::{self, Fits};
use crate::weights::{UpscalerFile, Weight, Weights};

/// Largest number of pixels of a side that one becomes.
const LARGEST_SCALE: usize = 8;

/// The extents of a network, which its tensors tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SrvggConfig {
    features: usize,
    /// Convolutions between the first and the last.
    convs: usize,
    /// Channels of all pixels that one becomes.
    outputs: usize,
}

impl SrvggConfig {
    /// Those of a file's network; `None` where its names are not of this network.
    pub(super) fn of(file: &UpscalerFile) -> Option<Self> {
        let number = |name: &str| name.strip_prefix("body.")?.strip_suffix(".weight")?.parse::<usize>().ok();
        let last = file.names().filter_map(number).max()?;
        let outputs = *file.shape(&format!("body.{last}.weight"))?.first()?;
        let features = *file.shape("body.0.weight")?.first()?;
        // Convolutions and slopes in turn.
        Some(Self { features, convs: (last / 2).saturating_sub(1), outputs })
    }

    /// How far it looks: a pixel with each convolution.
    pub(super) fn sees(&self) -> usize {
        self.convs + 2
    }

    /// Pixels of a side that one pixel becomes.
    pub(super) fn scale(&self) -> usize {
        (1..=LARGEST_SCALE).find(|side| 3 * side * side == self.outputs).unwrap_or(0)
    }

    /// An error, as a sentence, unless this network can be made.
    pub(super) fn check(&self) -> Fits {
        limits::extents("body.0.weight", &[self.features])?;
        limits::layers("body", &[self.convs])?;
        limits::require(self.scale() > 0, || {
            format!("the last convolution makes {} channels, which are no square of pixels", self.outputs)
        })
    }
}

/// `[n, h, w, 3] → [n, h, w, 3 · scale²]`: what is added to the pixel itself, for each pixel that it becomes.
#[derive(Debug)]
pub(super) struct Srvgg {
    convs: Vec<(Conv3x3, Arc<Weight>)>,
    last: Conv3x3,
}

impl Srvgg {
    /// Under Real-ESRGAN's names.
    pub(super) fn load(w: &Weights, config: &SrvggConfig) -> Result<Self> {
        let layer = |number: usize| w.at(&format!("body.{number}"));
        let convs = (0..=config.convs).map(|place| {
            let inputs = if place == 0 { 3 } else { config.features };
            let conv = Conv3x3::load(&layer(2 * place), inputs, config.features)?;
            Ok((conv, layer(2 * place + 1).vector("weight", config.features)?))
        });
        let convs = convs.collect::<Result<Vec<_>>>()?;
        let last = Conv3x3::load(&layer(2 * convs.len()), config.features, config.outputs)?;
        Ok(Self { convs, last })
    }

    pub(super) fn forward(&self, g: &mut Recorder, x: Tensor) -> Tensor {
        let x = self.convs.iter().fold(x, |x, (conv, slopes)| {
            let x = conv.forward(g, x);
            g.prelu(x, slopes)
        });
        self.last.forward(g, x)
    }
}
