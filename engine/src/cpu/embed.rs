//! Tokens to vectors, and one token's vector out of many.
//!
//! Twin: `reference::embed`. Exact.

use super::value::Turn;
use crate::weights::Weight;

/// Row `ids[i]` of the table plus row `i` of the positions. A few hundred rows: no threads.
pub(super) fn embed(table: &Weight, positions: &Weight, turn: &Turn<'_>, out: &mut [f32]) {
    let (channels, tokens) = (turn.shape.channels, turn.shape.pixels());
    let mut place = vec![0.0; channels];
    for (i, (out, &id)) in out.chunks_exact_mut(channels).zip(turn.inputs[0].ids()).enumerate() {
        table.read(id as usize * channels, out);
        positions.read(i % tokens * channels, &mut place);
        out.iter_mut().zip(&place).for_each(|(out, place)| *out += place);
    }
}

/// Token `index[image]` of each image.
pub(super) fn take_token(turn: &Turn<'_>, out: &mut [f32]) {
    let (channels, tokens) = (turn.shape.channels, turn.inputs[0].shape.pixels());
    for (image, (out, &index)) in out.chunks_exact_mut(channels).zip(turn.inputs[1].ids()).enumerate() {
        let row = image * tokens + index as usize;
        out.copy_from_slice(&turn.inputs[0].numbers[row * channels..][..channels]);
    }
}
