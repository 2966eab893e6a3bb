//! Pictures made larger by repetition.
//!
//! Twin: `reference::resample`. Exact.

use rayon::prelude::*;

use super::value::Turn;

/// Nearest neighbour: `source = place · from / to`.
pub(super) fn upsample(turn: &Turn<'_>, out: &mut [f32]) {
    let (from, to, x) = (turn.inputs[0].shape, turn.shape, turn.inputs[0].numbers);
    let channels = to.channels;
    out.par_chunks_mut(to.width * channels).enumerate().for_each(|(line, out)| {
        let (image, y) = (line / to.height, line % to.height * from.height / to.height);
        let source = &x[(image * from.height + y) * from.width * channels..][..from.width * channels];
        for (column, pixel) in out.chunks_exact_mut(channels).enumerate() {
            pixel.copy_from_slice(&source[column * from.width / to.width * channels..][..channels]);
        }
    });
}
