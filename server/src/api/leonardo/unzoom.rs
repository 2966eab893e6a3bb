//! More around a picture, in the same size: it takes the middle, and the rest is drawn.

use crate::jobs::InitSpec;

/// How much is added around a picture where nothing is said, and the most, in its own widths and heights.
pub(super) const UNZOOM: f64 = 0.5;
const MOST_UNZOOM: f64 = 3.0;

/// The picture takes the middle, as much smaller as is added around it, and the rest is drawn.
pub(super) fn zoom_out(
    init: &mut InitSpec,
    (width, height): (usize, usize),
    amount: f64,
    keep_strength: bool,
) {
    let inner = |side: usize| {
        ((side as f64 / (1.0 + amount.clamp(0.0, MOST_UNZOOM)) / 8.0).round() as usize).max(1) * 8
    };
    let inner = [inner(width).min(width), inner(height).min(height)];
    let [across, down] = [width - inner[0], height - inner[1]];
    if across + down == 0 {
        return;
    }
    init.size = Some(inner);
    init.outpaint = Some([across / 2, down / 2, across - across / 2, down - down / 2]);
    if !keep_strength {
        init.denoising_strength = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zoomed(size: (usize, usize), amount: f64) -> InitSpec {
        let mut init = InitSpec { denoising_strength: 0.25, ..InitSpec::default() };
        zoom_out(&mut init, size, amount, false);
        init
    }

    #[test]
    fn the_picture_takes_the_middle_and_all_of_the_rest_is_drawn() {
        for (size, amount, inner) in
            [((1024, 768), 0.5, [680, 512]), ((512, 512), 1.0, [256, 256]), ((64, 64), 99.0, [16, 16])]
        {
            let init = zoomed(size, amount);
            assert_eq!((init.size, init.denoising_strength), (Some(inner), 1.0));
            let [left, top, right, bottom] = init.outpaint.unwrap();
            assert_eq!((inner[0] + left + right, inner[1] + top + bottom), size);
            assert!(left.abs_diff(right) <= 1 && top.abs_diff(bottom) <= 1);
        }
    }

    #[test]
    fn nothing_more_is_nothing_done() {
        for amount in [0.0, -1.0, 0.001] {
            assert_eq!(zoomed((512, 512), amount).outpaint, None, "{amount}");
        }
    }
}
