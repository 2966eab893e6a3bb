//! Gaussian blur as Pillow's `ImageFilter.GaussianBlur` does it, to the bit: three box blurs each way, whose width need
//! not be whole (Gwosdek et al. 2011, "Theoretical foundations of Gaussian convolution by extended box filtering").
//! That is diffusers' `VaeImageProcessor.blur`. It costs the same whatever the deviation.

use rayon::prelude::*;

use super::resample::Plane;

/// Box blurs each way.
const PASSES: usize = 3;

/// The weights of a box are fractions of this.
const ONE: u32 = 1 << 24;

/// A box of `2 · whole + 1` pixels and a little of the next on both sides.
struct Width {
    whole: usize,
    inner: u32,
    outer: u32,
}

impl Width {
    /// Of boxes that have together this deviation.
    fn of(deviation: f32) -> Self {
        let variance = deviation * deviation / PASSES as f32;
        let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
        let whole = ((length - 1.0) / 2.0).floor();
        let next = (whole + 1.0) * (whole + 1.0);
        let part = (2.0 * whole + 1.0) * (whole * (whole + 1.0) - 3.0 * variance) / (6.0 * (variance - next));
        let inner = (ONE as f32 / ((whole + part) * 2.0 + 1.0)) as u32;
        let outer = (ONE - (2 * whole as u32 + 1) * inner) / 2;
        Self { whole: whole as usize, inner, outer }
    }

    /// One row of `channels` interleaved; beyond its ends it goes on as it ends.
    fn pass(&self, from: &[u8], to: &mut [u8], channels: usize) {
        let last = from.len() / channels - 1;
        let whole = self.whole as isize;
        for channel in 0..channels {
            let at = |x: isize| u32::from(from[x.clamp(0, last as isize) as usize * channels + channel]);
            let mut sum: u32 = (-whole..=whole).map(at).sum();
            for x in 0..=last as isize {
                let ends = at(x - whole - 1) + at(x + whole + 1);
                let weighed = sum * self.inner + ends * self.outer;
                to[x as usize * channels + channel] = ((weighed + ONE / 2) >> 24) as u8;
                sum = sum + at(x + whole + 1) - at(x - whole);
            }
        }
    }

    fn along_rows(&self, mut plane: Plane) -> Plane {
        let length = plane.width * plane.channels;
        plane.values.par_chunks_exact_mut(length).for_each(|row| {
            let mut other = row.to_vec();
            for _ in 0..PASSES {
                self.pass(row, &mut other, plane.channels);
                row.copy_from_slice(&other);
            }
        });
        plane
    }
}

/// Blurred with this deviation in pixels; none changes nothing.
pub(super) fn blurred(plane: Plane, deviation: f32) -> Plane {
    if deviation <= 0.0 || plane.values.is_empty() {
        return plane;
    }
    let width = Width::of(deviation);
    width.along_rows(width.along_rows(plane).transposed()).transposed()
}
