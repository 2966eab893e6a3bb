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
        let luma = picture.rgb.chunks_exact(3).map(|rgb| {
            let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
            ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8
        });
        let values = match &picture.alpha {
            None => luma.collect(),
            Some(alpha) => luma.zip(alpha).map(|(luma, &alpha)| mixed(0, luma, alpha)).collect(),
        };
        Self { width: picture.width, height: picture.height, values }
    }

    /// What a picture leaves open: the more transparent a pixel, the more of it is drawn anew. `None` where all of it is
    /// opaque.
    #[must_use]
    pub fn of_transparency(picture: &Picture) -> Option<Self> {
        let values = picture.alpha.as_ref()?.iter().map(|alpha| 255 - alpha).collect();
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

/// `a` where the share is 0, `b` where it is 255.
pub(super) fn mixed(a: u8, b: u8, share: u8) -> u8 {
    let [a, b, share] = [a, b, share].map(u32::from);
    ((a * (255 - share) + b * share + 127) / 255) as u8
}
