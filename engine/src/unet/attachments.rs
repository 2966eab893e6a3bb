//! What is recorded into the UNet's own graph beside it: nets that add to its skips.

use crate::graph::{Recorder, Tensor};

/// What a step gives the UNet, and every net beside it alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    /// `[n, h, w, channels]`: the noisy latents alone, whatever else the UNet is given with them.
    pub(crate) latents: Tensor,
    /// `[n, 1, 1, level-0 channels]`, a sinusoid.
    pub(crate) time: Tensor,
    /// `[n, 1, 1, pooled + 6 sinusoids]`.
    pub(crate) added: Tensor,
    /// `[n, 1, tokens, context]`.
    pub(crate) context: Tensor,
}

/// What the encoder half of the UNet gives the other half.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    /// In the order in which they are made.
    pub(crate) skips: Vec<Tensor>,
    /// What leaves the middle block.
    pub(crate) mid: Tensor,
}

/// A net that sees what the UNet sees, and adds to what its encoder made.
pub(crate) trait SkipNet {
    /// Records the net. It is the `place`-th of those beside the UNet, by which its own inputs are called.
    fn add_to(&self, g: &mut Recorder, given: Given, place: usize, encoded: &mut Encoded);
}

/// What stands beside the UNet in its graph; nothing by default.
#[derive(Default)]
pub(crate) struct Attachments<'a> {
    /// Nets that are run with it.
    pub(crate) nets: Vec<&'a dyn SkipNet>,
}

/// What a feature is called as an input of the graph.
pub(crate) fn feature_name(place: usize) -> String {
    format!("feature.{place}")
}
