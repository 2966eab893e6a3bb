//! Lines by contrast with what surrounds them.

use super::super::blur;
use super::super::resample::Plane;
use crate::picture::Picture;

/// How wide the surroundings are: the deviation of a Gaussian, in pixels.
const SURROUNDINGS: f32 = 6.0;

/// Differences up to this are paper.
const PAPER: u8 = 8;

/// What a line in the middle becomes.
const LINE: u32 = 127;

/// The least that counts as a line in the middle, so that a picture without lines stays black.
const FAINTEST: u8 = 16;

/// 0 where there is no line.
pub(super) fn lines(picture: &Picture) -> Vec<u8> {
    let &Picture { width, height, ref rgb, .. } = picture;
    let plane = Plane { width, height, channels: 3, values: rgb.clone() };
    let around = blur::blurred(plane, SURROUNDINGS).values;
    let darker = rgb.chunks_exact(3).zip(around.chunks_exact(3)).map(|(pixel, around)| {
        [0, 1, 2].map(|i| around[i].saturating_sub(pixel[i])).into_iter().min().unwrap_or(0)
    });
    let darker: Vec<u8> = darker.collect();
    let middle = u32::from(middle(&darker).max(FAINTEST));
    darker.into_iter().map(|value| (u32::from(value) * LINE / middle).min(255) as u8).collect()
}

/// The median of all that is no paper.
fn middle(values: &[u8]) -> u8 {
    let mut counts = [0_usize; 256];
    values.iter().filter(|&&value| value > PAPER).for_each(|&value| counts[usize::from(value)] += 1);
    let mut left = counts.iter().sum::<usize>() / 2;
    let reached = |count: &usize| {
        let is_reached = *count > left;
        left = left.saturating_sub(*count);
        is_reached
    };
    counts.iter().position(reached).map_or(0, |value| value as u8)
}
