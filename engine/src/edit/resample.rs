//! Pictures in another size: Lanczos with three lobes, as Pillow computes it, to the bit.

use std::f64::consts::PI;
use std::ops::Range;

use rayon::prelude::*;

use crate::picture::Picture;

/// Where the filter ends, in pixels of the smaller picture.
const LOBES: f64 = 3.0;

/// Bits behind the point of a weight.
const BITS: u32 = 22;

/// Numbers in rows: `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) values: Vec<u8>,
}

impl Plane {
    pub(super) fn transposed(self) -> Self {
        let Self { width, height, channels, values } = self;
        let mut turned = vec![0; values.len()];
        turned.par_chunks_exact_mut(height * channels).enumerate().for_each(|(x, column)| {
            for (y, pixel) in column.chunks_exact_mut(channels).enumerate() {
                pixel.copy_from_slice(&values[(y * width + x) * channels..][..channels]);
            }
        });
        Self { width: height, height: width, channels, values: turned }
    }

    /// In exactly this size: the rows and the columns, each rounded to 8 bits. The columns come first where they lose more
    /// than twice as many pixels as the rows; that is how Pillow 13 orders them.
    pub(super) fn resampled(self, width: usize, height: usize) -> Self {
        self.resampled_part((width, height), 0..width, 0..height)
    }

    /// These columns and rows of what [`Plane::resampled`] makes. Nothing else is computed, so that a thin picture that is
    /// scaled to cover a size takes no more than that.
    pub(super) fn resampled_part(
        self,
        size: (usize, usize),
        columns: Range<usize>,
        rows: Range<usize>,
    ) -> Self {
        let lost = [self.width.saturating_sub(size.0), self.height.saturating_sub(size.1)];
        if lost[1] > 2 * lost[0] {
            self.down(size.1, rows).across(size.0, columns)
        } else {
            self.across(size.0, columns).down(size.1, rows)
        }
    }

    fn across(self, width: usize, columns: Range<usize>) -> Self {
        if width == self.width && columns == (0..width) {
            return self;
        }
        let taps = taps(self.width, width, columns);
        let Self { channels, height, .. } = self;
        let width = taps.len();
        let mut values = vec![0; width * height * channels];
        let rows = values.par_chunks_exact_mut(width * channels);
        rows.zip(self.values.par_chunks_exact(self.width * channels)).for_each(|(to, from)| {
            for (pixel, taps) in to.chunks_exact_mut(channels).zip(&taps) {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let seen = from[taps.first * channels + channel..].iter().step_by(channels);
                    *value = taps.sum(seen.copied());
                }
            }
        });
        Self { width, height, channels, values }
    }

    fn down(self, height: usize, rows: Range<usize>) -> Self {
        if height == self.height && rows == (0..height) {
            return self;
        }
        let taps = taps(self.height, height, rows);
        let Self { channels, width, .. } = self;
        let (length, height) = (width * channels, taps.len());
        let mut values = vec![0; height * length];
        values.par_chunks_exact_mut(length).zip(&taps).for_each(|(to, taps)| {
            for (i, value) in to.iter_mut().enumerate() {
                *value = taps.sum(self.values[taps.first * length + i..].iter().step_by(length).copied());
            }
        });
        Self { width, height, channels, values }
    }
}

/// The pixels that one pixel of the other size is made of.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Taps {
    fn sum(&self, values: impl Iterator<Item = u8>) -> u8 {
        let half = 1 << (BITS - 1);
        let sum = self.weights.iter().zip(values).fold(half, |sum, (w, value)| sum + w * i32::from(value));
        (sum >> BITS).clamp(0, 255) as u8
    }
}

/// Of the places `kept` of `to`. Where nothing is scaled, a place is made of itself alone.
fn taps(from: usize, to: usize, kept: Range<usize>) -> Vec<Taps> {
    if from == to {
        return kept.map(|first| Taps { first, weights: vec![1 << BITS] }).collect();
    }
    let scale = from as f64 / to as f64;
    // What becomes smaller is averaged over all that a pixel covers.
    let stretch = scale.max(1.0);
    let reach = LOBES * stretch;
    let taps = |i: usize| {
        let centre = (i as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from);
        let weights: Vec<f64> = (first..end).map(|x| lanczos((x as f64 - centre + 0.5) / stretch)).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |w: f64| (w / sum * f64::from(1 << BITS)).round() as i32;
        Taps { first, weights: weights.into_iter().map(fixed).collect() }
    };
    kept.map(taps).collect()
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
    if (-LOBES..LOBES).contains(&x) { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

/// The picture in exactly this size. Colours count by how opaque their pixels are.
#[must_use]
pub fn resampled(picture: &Picture, width: usize, height: usize) -> Picture {
    resampled_part(picture, (width, height), &(0..width), &(0..height))
}

/// These columns and rows of the picture in this size.
pub(super) fn resampled_part(
    picture: &Picture,
    size: (usize, usize),
    columns: &Range<usize>,
    rows: &Range<usize>,
) -> Picture {
    let (width, height) = (columns.len(), rows.len());
    let part = |channels, values| {
        let plane = Plane { width: picture.width, height: picture.height, channels, values };
        plane.resampled_part(size, columns.clone(), rows.clone()).values
    };
    let Some(alpha) = &picture.alpha else {
        return Picture::new(width, height, part(3, picture.rgb.clone()));
    };
    if (picture.width, picture.height) == size {
        let (rgb, alpha) = (part(3, picture.rgb.clone()), Some(part(1, alpha.clone())));
        return Picture { width, height, rgb, alpha };
    }
    let pixels = picture.rgb.chunks_exact(3).zip(alpha);
    let values = pixels.flat_map(|(rgb, &a)| [times(rgb[0], a), times(rgb[1], a), times(rgb[2], a), a]);
    let small = part(4, values.collect());
    let pixels = small.chunks_exact(4);
    let rgb = pixels.clone().flat_map(|p| [0, 1, 2].map(|i| over(p[i], p[3]))).collect();
    Picture { width, height, rgb, alpha: Some(pixels.map(|p| p[3]).collect()) }
}

/// A colour times an alpha, rounded.
fn times(colour: u8, alpha: u8) -> u8 {
    ((u32::from(colour) * u32::from(alpha) + 127) / 255) as u8
}

/// The colour that was multiplied by this alpha; without any the product stays, which nobody sees.
fn over(product: u8, alpha: u8) -> u8 {
    (255 * u32::from(product)).checked_div(u32::from(alpha)).map_or(product, |colour| colour.min(255) as u8)
}
