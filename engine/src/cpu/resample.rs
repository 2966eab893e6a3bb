//! Pictures made larger by repetition and smaller by means.
//!
//! Twin: `reference::resample`. Upsampling is exact, means have NMSE ≤ 1e-12.

use rayon::prelude::*;

use super::functions::vectorised;
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

/// Mean of 2×2 pixels; a last odd row or column is dropped.
pub(super) fn downsample(turn: &Turn<'_>, out: &mut [f32]) {
    let (from, to, x) = (turn.inputs[0].shape, turn.shape, turn.inputs[0].numbers);
    let channels = to.channels;
    out.par_chunks_mut(to.width * channels).enumerate().for_each(|(line, out)| {
        let top = (line / to.height * from.height + line % to.height * 2) * from.width * channels;
        let [upper, lower] = [top, top + from.width * channels].map(|start| &x[start..]);
        vectorised(
            #[inline(always)]
            || {
                for (column, pixel) in out.chunks_exact_mut(channels).enumerate() {
                    let [left, right] = [column * 2 * channels, (column * 2 + 1) * channels];
                    for (c, out) in pixel.iter_mut().enumerate() {
                        *out = (upper[left + c] + upper[right + c] + (lower[left + c] + lower[right + c]))
                            * 0.25;
                    }
                }
            },
        );
    });
}
