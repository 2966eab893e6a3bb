//! What a 3×3 convolution is to a picture that is shown twice as high and wide: four convolutions of 2×2 taps.
//!
//! Three neighbouring lines of the doubled picture show two of it. Which two taps fall on the same one depends on whether
//! the output's line is even; along the columns it is the same. So there are four weights, one for each parity of line and
//! column, whose taps are sums: 16 products for four outputs that took 36.

use std::ops::Range;

use super::stored::Stored;
use crate::graph::{Element, Window};
use crate::weights::Weight;

/// Weights: for even and odd lines, and in each for even and odd columns.
pub(super) const PARITIES: usize = 4;
/// Taps of each.
pub(super) const TAPS: usize = 4;

/// Along an axis, for even and odd outputs: the taps that fall on the first pixel and on the second.
const SHARED: [[Range<usize>; 2]; 2] = [[0..1, 1..3], [0..2, 2..3]];

/// The weights of all parities, `[outputs, inputs, 2, 2]`, of one of `[outputs, inputs, 3, 3]`.
pub(super) fn weights(weight: &Weight) -> impl Iterator<Item = Weight> {
    let numbers = weight.to_f32();
    let shape = [&weight.shape()[..2], &[2, 2]].concat();
    let name = weight.name().to_owned();
    (0..PARITIES).map(move |parity| {
        let [lines, columns] = [&SHARED[parity / 2], &SHARED[parity % 2]];
        let sums: Vec<f32> = numbers
            .chunks_exact(9)
            .flat_map(|taps| {
                lines
                    .iter()
                    .flat_map(move |lines| columns.iter().map(move |columns| sum(taps, lines, columns)))
            })
            .collect();
        Weight::from_f32(&name, shape.clone(), &sums)
    })
}

fn sum(taps: &[f32], lines: &Range<usize>, columns: &Range<usize>) -> f32 {
    lines.clone().map(|line| taps[3 * line..][columns.clone()].iter().sum::<f32>()).sum()
}

/// How they are stored where the weight would be stored so: in halves beside halves. Sums of halves need more digits, which
/// they keep beside f32; and small integers would be rounded twice.
pub(super) fn stored(weight: Stored, left: Element) -> Stored {
    if left == Element::F16 && weight != Stored::F32 { Stored::F16 } else { Stored::F32 }
}

/// Rows and columns of zeros before the picture as it is, for the outputs of even lines and columns.
pub(super) fn origin(window: Window) -> [isize; 2] {
    window.origin.map(|zeros| (zeros + 1) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parity_has_the_sums_of_the_taps_that_fall_on_one_pixel() {
        let taps: Vec<f32> = (1..=18).map(|tap| tap as f32).collect();
        let weight = Weight::from_f32("w", vec![2, 1, 3, 3], &taps);
        let found: Vec<_> = weights(&weight).collect();
        assert!(found.iter().all(|weight| weight.shape() == [2, 1, 2, 2]));
        let first: Vec<_> = found.iter().map(|weight| weight.to_f32()[..4].to_vec()).collect();
        assert_eq!(first, [[1., 5., 11., 28.], [3., 3., 24., 15.], [5., 16., 7., 17.], [12., 9., 15., 9.]]);
        assert_eq!(found[0].to_f32()[4..], [10., 23., 29., 64.]);
    }

    #[test]
    fn sums_lose_no_digits_beside_f32_and_integers_are_not_rounded_twice() {
        for (weight, beside_halves) in [
            (Stored::F16, Stored::F16),
            (Stored::Q8, Stored::F16),
            (Stored::Q4, Stored::F16),
            (Stored::F32, Stored::F32),
        ] {
            assert_eq!(stored(weight, Element::F16), beside_halves);
            assert_eq!(stored(weight, Element::F32), Stored::F32);
        }
    }
}
