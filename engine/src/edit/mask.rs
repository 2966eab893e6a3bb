//! Which parts of a picture are drawn anew.

use super::blur;
use super::resample::Plane;
use crate::picture::Picture;

/// What is drawn anew of a picture: white is, black stays, grey is blended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// 0 for what stays to 255 for what is drawn anew, rows from the top.
    pub values: Vec<u8>,
}

impl Mask {
    /// A mask of one value.
    #[must_use]
    pub fn plain(width: usize, height: usize, value: u8) -> Self {
        Self { width, height, values: vec![value; width * height] }
    }

    /// A picture of a mask: how light it is (the luma of ITU-R 601, as Pillow's mode `L`). What is transparent is black.
    #[must_use]
    pub fn of_luminance(picture: &Picture) -> Self {
        Self { width: picture.width, height: picture.height, values: luminance(picture).collect() }
    }

    /// What a picture leaves open: the more transparent a pixel, the more of it is drawn anew. `None` where all of it is
    /// opaque.
    #[must_use]
    pub fn of_transparency(picture: &Picture) -> Option<Self> {
        let values = transparency(picture.alpha.as_ref()?).collect();
        Some(Self { width: picture.width, height: picture.height, values })
    }

    /// Whether nothing at all is drawn anew.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(|&value| value == 0)
    }

    /// Blurred with a Gaussian of this deviation in pixels, as Pillow's `GaussianBlur` and diffusers' `blur`.
    #[must_use]
    pub fn blurred(&self, deviation: f32) -> Self {
        Self::from_plane(blur::blurred(self.plane(), deviation))
    }

    /// In exactly this size.
    #[must_use]
    pub fn resampled(&self, width: usize, height: usize) -> Self {
        Self::from_plane(self.plane().resampled(width, height))
    }

    pub(super) fn plane(&self) -> Plane {
        Plane { width: self.width, height: self.height, channels: 1, values: self.values.clone() }
    }

    pub(super) fn from_plane(plane: Plane) -> Self {
        Self { width: plane.width, height: plane.height, values: plane.values }
    }
}

/// Whether a value of a mask means that a pixel is drawn anew, where it is that or not.
pub(crate) fn is_drawn(value: u8) -> bool {
    value > u8::MAX / 2
}

/// Whether a mask of how light this picture is has anything drawn anew.
#[must_use]
pub fn has_white(picture: &Picture) -> bool {
    luminance(picture).any(is_drawn)
}

/// Whether a mask of what is transparent in this picture has anything drawn anew.
#[must_use]
pub fn has_transparent(picture: &Picture) -> bool {
    picture.alpha.as_ref().is_some_and(|alpha| transparency(alpha).any(is_drawn))
}

fn luminance(picture: &Picture) -> impl Iterator<Item = u8> {
    let alpha = picture.alpha.as_ref();
    picture.rgb.chunks_exact(3).enumerate().map(move |(at, rgb)| {
        let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
        let luma = ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8;
        alpha.map_or(luma, |alpha| mixed(0, luma, alpha[at]))
    })
}

fn transparency(alpha: &[u8]) -> impl Iterator<Item = u8> {
    alpha.iter().map(|alpha| 255 - alpha)
}

/// `a` where the share is 0, `b` where it is 255.
pub(super) fn mixed(a: u8, b: u8, share: u8) -> u8 {
    let [a, b, share] = [a, b, share].map(u32::from);
    ((a * (255 - share) + b * share + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_mask_has_anything_drawn_is_known_before_it_is_made() {
        for light in [0, 127, 128, 255] {
            for opacity in [None, Some(0), Some(127), Some(128), Some(255)] {
                let alpha = opacity.map(|opacity| vec![opacity]);
                let picture = Picture { alpha, ..Picture::new(1, 1, vec![light; 3]) };
                let drawn = |mask: Mask| mask.values.into_iter().any(is_drawn);
                assert_eq!(has_white(&picture), drawn(Mask::of_luminance(&picture)), "{light} {opacity:?}");
                let transparent = Mask::of_transparency(&picture).is_some_and(drawn);
                assert_eq!(has_transparent(&picture), transparent, "{light} {opacity:?}");
                assert_eq!(transparent, opacity.is_some_and(|opacity| opacity < 128));
            }
        }
    }
}
