//! What recipes do to a finished picture: its tones and colours, its sharpness, and blur and shade towards its borders.

use fulmen_engine::picture::Picture;
use image::imageops::fast_blur;
use image::{ImageBuffer, Rgb};

use super::postprocess::with_contrast;
use crate::fields::Finish;

/// The share of the darkest and of the lightest pixels that tones are stretched beyond.
const CLIPPED: f64 = 0.005;

/// Tones closer together than this are no picture to stretch.
const LEAST_RANGE: f32 = 16.0;

/// How wide the edges are that are sharpened: a share of the shorter side, and pixels at the least.
const EDGE: f32 = 0.004;
const LEAST_EDGE: f32 = 0.8;

/// Where blur begins and is whole: distances from the middle, half a side being 1.
const BLURRED: [f32; 2] = [0.35, 1.0];

/// The same of shade; corners are 1.41 away.
const SHADED: [f32; 2] = [0.5, 1.41];

/// Bytes of a pixel between two of these, at the most.
pub(super) const BYTES: u64 = 12;

/// The picture with all of it.
pub(super) fn finished(mut picture: Picture, finish: &Finish) -> Picture {
    let Finish { contrast, saturation, range, sharpness, blur, vignette } = *finish;
    if range > 0.0 {
        stretch(&mut picture, range);
    }
    if contrast != 1.0 {
        picture = with_contrast(picture, contrast);
    }
    if saturation != 1.0 {
        saturate(&mut picture, saturation);
    }
    let side = picture.width.min(picture.height) as f32;
    if sharpness > 0.0 {
        let blurred = blurred(&picture, (side * EDGE).max(LEAST_EDGE));
        for (value, soft) in picture.rgb.iter_mut().zip(blurred) {
            *value = byte(f32::from(*value) + (f32::from(*value) - f32::from(soft)) * sharpness);
        }
    }
    if blur > 0.0 {
        let blurred = blurred(&picture, side * blur);
        each(&mut picture, |at, pixel, distance| {
            let share = smooth(BLURRED, distance);
            let soft = &blurred[at * 3..];
            [0, 1, 2].map(|c| pixel[c] + (f32::from(soft[c]) - pixel[c]) * share)
        });
    }
    if vignette > 0.0 {
        each(&mut picture, |_, pixel, distance| {
            pixel.map(|value| value * (1.0 - vignette * smooth(SHADED, distance)))
        });
    }
    picture
}

/// Stretches the tones towards black and white, as far as `amount` says.
fn stretch(picture: &mut Picture, amount: f32) {
    let mut counts = [0usize; 256];
    picture.rgb.chunks_exact(3).for_each(|pixel| counts[usize::from(byte(luma(pixel)))] += 1);
    let most = (counts.iter().sum::<usize>() as f64 * CLIPPED) as usize;
    let low = beyond(most, counts.iter().enumerate());
    let high = beyond(most, counts.iter().enumerate().rev());
    if high - low < LEAST_RANGE {
        return;
    }
    for value in &mut picture.rgb {
        let stretched = (f32::from(*value) - low) * 255.0 / (high - low);
        *value = byte(f32::from(*value) + (stretched - f32::from(*value)) * amount);
    }
}

/// The first tone beyond so many pixels.
fn beyond<'a>(pixels: usize, mut tones: impl Iterator<Item = (usize, &'a usize)>) -> f32 {
    let mut passed = 0;
    let found = tones.find(|(_, count)| {
        passed += **count;
        passed > pixels
    });
    found.map_or(0.0, |(tone, _)| tone as f32)
}

/// Moves colours away from the grey that is as light, or towards it.
fn saturate(picture: &mut Picture, factor: f32) {
    for pixel in picture.rgb.chunks_exact_mut(3) {
        let grey = luma(pixel);
        pixel.iter_mut().for_each(|value| *value = byte(grey + (f32::from(*value) - grey) * factor));
    }
}

fn blurred(picture: &Picture, sigma: f32) -> Vec<u8> {
    let image =
        ImageBuffer::<Rgb<u8>, _>::from_raw(picture.width as u32, picture.height as u32, picture.rgb.clone());
    fast_blur(&image.expect("a picture has three bytes a pixel"), sigma).into_raw()
}

/// Changes every pixel, which is given with its place and its distance from the middle, half a side being 1.
fn each(picture: &mut Picture, change: impl Fn(usize, [f32; 3], f32) -> [f32; 3]) {
    let Picture { width, height, rgb, .. } = picture;
    let from_middle = |at: usize, side: usize| (2 * at + 1) as f32 / side as f32 - 1.0;
    for (at, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let distance = from_middle(at % *width, *width).hypot(from_middle(at / *width, *height));
        let changed = change(at, [0, 1, 2].map(|c| f32::from(pixel[c])), distance);
        pixel.iter_mut().zip(changed).for_each(|(value, changed)| *value = byte(changed));
    }
}

/// From 0 at the first to 1 at the second, without corners.
fn smooth([from, to]: [f32; 2], at: f32) -> f32 {
    let share = ((at - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// How light a pixel is (Rec. 709).
fn luma(pixel: &[u8]) -> f32 {
    0.2126 * f32::from(pixel[0]) + 0.7152 * f32::from(pixel[1]) + 0.0722 * f32::from(pixel[2])
}

fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stripes of two colours, 4 pixels wide.
    fn stripes(one: [u8; 3], other: [u8; 3]) -> Picture {
        let pixel = |at: usize| if (at % 64 / 4).is_multiple_of(2) { one } else { other };
        Picture::new(64, 64, (0..64 * 64).flat_map(pixel).collect())
    }

    fn at(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
        [0, 1, 2].map(|c| picture.rgb[(y * picture.width + x) * 3 + c])
    }

    fn with(finish: Finish) -> Picture {
        finished(stripes([100, 100, 100], [140, 120, 120]), &finish)
    }

    #[test]
    fn nothing_is_done_where_nothing_is_asked_for() {
        assert_eq!(with(Finish::NONE), stripes([100, 100, 100], [140, 120, 120]));
    }

    #[test]
    fn tones_are_stretched_to_black_and_white() {
        let whole = with(Finish { range: 1.0, ..Finish::NONE });
        assert_eq!((at(&whole, 0, 0), at(&whole, 4, 0)), ([0, 0, 0], [255, 213, 213]));
        let half = with(Finish { range: 0.5, ..Finish::NONE });
        assert!(at(&half, 0, 0)[0] == 50 && at(&half, 4, 0)[0] > 180, "{:?}", at(&half, 4, 0));
        let flat = Picture::new(8, 8, vec![90; 192]);
        assert_eq!(finished(flat.clone(), &Finish { range: 1.0, ..Finish::NONE }), flat);
    }

    #[test]
    fn saturation_leaves_grey_and_how_light_colours_are() {
        let strong = with(Finish { saturation: 2.0, ..Finish::NONE });
        assert_eq!(at(&strong, 0, 0), [100, 100, 100]);
        assert_eq!(at(&strong, 4, 0), [156, 116, 116]);
        assert_eq!(at(&with(Finish { saturation: 0.0, ..Finish::NONE }), 4, 0), [124, 124, 124]);
    }

    #[test]
    fn sharpening_moves_both_sides_of_an_edge_apart() {
        let sharp = with(Finish { sharpness: 1.0, ..Finish::NONE });
        assert!(at(&sharp, 7, 32)[0] > 140 && at(&sharp, 8, 32)[0] < 100);
    }

    #[test]
    fn blur_and_shade_grow_from_the_middle_to_the_corners() {
        let soft = with(Finish { blur: 0.05, ..Finish::NONE });
        let difference = |x, y| at(&soft, x, y)[0].abs_diff(at(&soft, x + 1, y)[0]);
        assert_eq!(difference(31, 32), 40);
        assert!(difference(3, 2) < 15, "{}", difference(3, 2));
        let dark = with(Finish { vignette: 0.5, ..Finish::NONE });
        assert_eq!(at(&dark, 33, 32), [100, 100, 100]);
        assert!(at(&dark, 0, 0)[0] < 55 && at(&dark, 32, 0)[0] < 100);
    }
}
