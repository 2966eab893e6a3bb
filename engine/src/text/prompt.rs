//! A prompt of any length through the encoders: chunk by chunk, each token as heavy as its weight says.
//!
//! The rule is AUTOMATIC1111's "original" one. In each chunk, and for each encoder by itself, the states of the tokens
//! are multiplied by their weights, those of begin, end and padding by 1; then all states of the chunk together are
//! scaled so that their mean over tokens and channels is what it was. Its other rule, "No norm", leaves out the
//! second half. The pooled projection is the first chunk's, and no weight touches it.

use super::Conditioning;
use crate::Result;
use crate::tokens::{LENGTH, Tokens};

/// Beyond this the mean was next to nothing, and scaling by it would make noise of the prompt.
const MOST_SCALE: f64 = 100.0;

/// The conditioning of all chunks, one behind the other: `[77 · chunks, context]`.
///
/// `widths` are the channels of the two encoders' states, which stand side by side; `encode` runs one chunk through both
/// encoders.
///
/// # Errors
/// Those of `encode`.
pub fn encode_prompt(
    chunks: &[[Tokens; 2]],
    widths: [usize; 2],
    mut encode: impl FnMut(&[Tokens; 2]) -> Result<Conditioning>,
) -> Result<Conditioning> {
    let mut whole = Conditioning { context: vec![], pooled: vec![] };
    for chunk in chunks {
        let Conditioning { mut context, pooled } = encode(chunk)?;
        weigh(&mut context, widths, chunk);
        if whole.context.is_empty() {
            whole.pooled = pooled;
        }
        whole.context.extend(context);
    }
    Ok(whole)
}

/// Multiplies the states of a chunk, `[77, both encoders' channels]`, by the weights of their tokens.
fn weigh(context: &mut [f32], widths: [usize; 2], chunk: &[Tokens; 2]) {
    let [first, second] = widths;
    for (channels, tokens) in [0..first, first..first + second].into_iter().zip(chunk) {
        if tokens.weights == [1.0; LENGTH] {
            continue;
        }
        let before = sum(context, widths, channels.clone());
        for (row, weight) in context.chunks_exact_mut(first + second).zip(tokens.weights) {
            row[channels.clone()].iter_mut().for_each(|state| *state *= weight);
        }
        let scale = before / sum(context, widths, channels.clone());
        if scale > 0.0 && scale <= MOST_SCALE {
            for row in context.chunks_exact_mut(first + second) {
                row[channels.clone()]
                    .iter_mut()
                    .for_each(|state| *state = (f64::from(*state) * scale) as f32);
            }
        }
    }
}

/// The sum of one encoder's states.
fn sum(context: &[f32], widths: [usize; 2], channels: std::ops::Range<usize>) -> f64 {
    let rows = context.chunks_exact(widths[0] + widths[1]);
    rows.flat_map(|row| &row[channels.clone()]).copied().map(f64::from).sum()
}
