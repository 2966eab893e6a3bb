//! 3×3 convolutions of stride 1 by Winograd's ways: a square of pixels is made of fewer products than pixels and taps.
//!
//! | way | products | error | weight |
//! | --- | --- | --- | --- |
//! | F(2×2, 3×3) | four ninths | small: numbers are added and halved, and may be rounded to bf16 | twice as large |
//! | F(2×2, 3×3) of a doubled picture | a quarter | the same | as large |
//! | F(4×4, 3×3) | a quarter | more, in f32 only | four times as large: where many pixels are made with it |

mod points;
mod squares;

pub(super) use squares::{DoubledFactors, FourFactors, TwoFactors};

use super::direct::DirectFactors;
use super::lines::CHANNELS;

/// Lines of a kernel, and taps of each.
const LINES: usize = 3;
/// Channels from which on more is saved than the transformations take.
const LEAST_INPUTS: usize = 128;
const LEAST_OUTPUTS: usize = 64;
/// Pixels of a line from which on few of its last unit are wasted.
const LEAST_WIDTH: usize = 12;
/// Pixels of a line from which on F(4×4, 3×3) is used. How many lines there are does not count: strips have fewer.
const LEAST_FOURS: usize = 64;

/// By which way a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// All products.
    Direct,
    /// F(2×2, 3×3).
    Twos,
    /// F(2×2, 3×3) of a doubled picture, whose windows begin with the second of two equal lines and columns.
    Doubled,
    /// F(4×4, 3×3).
    Fours,
}

/// By which way this convolution is.
pub(super) fn way(factors: &DirectFactors<'_>) -> Way {
    let DirectFactors { taps, x, to, arithmetic, .. } = factors;
    let inputs = x.shape.channels;
    let is_wide = inputs >= LEAST_INPUTS && to.channels >= LEAST_OUTPUTS && to.width >= LEAST_WIDTH;
    let is_whole = taps.window.stride == 1 && inputs.is_multiple_of(CHANNELS) && !taps.weight.is_changed();
    if !(is_wide && is_whole && arithmetic.sees_windows()) {
        Way::Direct
    } else if taps.window.doubled {
        Way::Doubled
    } else if to.width >= LEAST_FOURS && !arithmetic.is_in_pairs() {
        Way::Fours
    } else {
        Way::Twos
    }
}
