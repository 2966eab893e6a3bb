//! A picture with a border around it, or some rows of one.
//!
//! Twin: `reference::pad`. Exact.

use rayon::prelude::*;

use super::value::Turn;

/// A part of the plane on which a picture lies.
pub(super) struct Frame {
    /// Row and column of the picture at the frame's first pixel; below 0 in a border.
    pub(super) first: [isize; 2],
    /// Whether height and width continue on their opposite sides; beyond others there are zeros.
    pub(super) wrap: [bool; 2],
}

impl Frame {
    /// The place in the picture of a place in the frame.
    fn source(&self, axis: usize, place: usize, extent: usize) -> Option<usize> {
        let source = self.first[axis] + place as isize;
        if self.wrap[axis] {
            return Some(source.rem_euclid(extent as isize) as usize);
        }
        usize::try_from(source).ok().filter(|&source| source < extent)
    }
}

pub(super) fn pad(frame: &Frame, turn: &Turn<'_>, out: &mut [f32]) {
    let (from, to, x) = (turn.inputs[0].shape, turn.shape, turn.inputs[0].numbers);
    let channels = to.channels;
    out.par_chunks_mut(to.width * channels).enumerate().for_each(|(line, out)| {
        let Some(row) = frame.source(0, line % to.height, from.height) else { return out.fill(0.0) };
        let source = &x[(line / to.height * from.height + row) * from.width * channels..];
        for (column, pixel) in out.chunks_exact_mut(channels).enumerate() {
            match frame.source(1, column, from.width) {
                Some(column) => pixel.copy_from_slice(&source[column * channels..][..channels]),
                None => pixel.fill(0.0),
            }
        }
    });
}
