//! A picture in the size that is drawn.

use std::borrow::Cow;

use super::mask::Mask;
use super::resample::Plane;
use crate::picture::Picture;

/// A latent covers this many pixels each way, so sides that are drawn are multiples of it. A picture that differs from
/// the size by less is cut or extended as it is, so that its pixels stay what they are.
const GRAIN: usize = 8;

/// How a picture is brought to the size that is drawn, where its shape is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// Scaled until it covers the size; what is too much at two sides is cut off.
    #[default]
    Crop,
    /// Scaled until the size holds it; the edges go on to the sides that are missing.
    Pad,
    /// Scaled each way for itself.
    Stretch,
}

impl Fit {
    /// Their names.
    pub const WORDS: [(&'static str, Self); 3] =
        [("crop", Self::Crop), ("pad", Self::Pad), ("stretch", Self::Stretch)];

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, fit)| *fit == self).map_or("", |(word, _)| word)
    }

    /// The size that a picture of this size is drawn at where none is asked for: its own, in multiples of 8, and at least 8.
    #[must_use]
    pub fn own_size(self, width: usize, height: usize) -> (usize, usize) {
        let side = |side: usize| match self {
            Self::Pad => side.next_multiple_of(GRAIN),
            Self::Crop | Self::Stretch => (side / GRAIN * GRAIN).max(GRAIN),
        };
        (side(width), side(height))
    }

    /// The picture in this size.
    #[must_use]
    pub fn picture(self, picture: &Picture, width: usize, height: usize) -> Picture {
        let (across, down) = self.scaled((picture.width, picture.height), (width, height));
        let Picture { rgb, alpha, .. } = super::resampled(picture, across, down);
        let placed = |channels, values| {
            Plane { width: across, height: down, channels, values }.placed(width, height).values
        };
        Picture { width, height, rgb: placed(3, rgb), alpha: alpha.map(|alpha| placed(1, alpha)) }
    }

    /// The mask of a picture of size `of`, in the size that the picture is brought to. One that had another size than
    /// its picture is stretched to that first.
    #[must_use]
    pub fn mask(self, mask: &Mask, of: (usize, usize), (width, height): (usize, usize)) -> Mask {
        let (across, down) = self.scaled(of, (width, height));
        let scaled = if (mask.width, mask.height) == of && of == (across, down) {
            Cow::Borrowed(mask)
        } else {
            Cow::Owned(mask.resampled(of.0, of.1).resampled(across, down))
        };
        Mask::from_plane(scaled.plane().placed(width, height))
    }

    /// The size that a picture of size `from` is scaled to before it is cut or extended to `to`.
    fn scaled(self, from: (usize, usize), to: (usize, usize)) -> (usize, usize) {
        let is_near = |more: usize, less: usize| (less..less + GRAIN).contains(&more);
        let is_wider = from.0 * to.1 > to.0 * from.1;
        let by_height = || ((from.0 * to.1 / from.1).max(1), to.1);
        let by_width = || (to.0, (from.1 * to.0 / from.0).max(1));
        match self {
            Self::Stretch => to,
            Self::Crop if is_near(from.0, to.0) && is_near(from.1, to.1) => from,
            Self::Pad if is_near(to.0, from.0) && is_near(to.1, from.1) => from,
            Self::Crop if is_wider => by_height(),
            Self::Crop => by_width(),
            Self::Pad if is_wider => by_width(),
            Self::Pad => by_height(),
        }
    }
}

impl Plane {
    /// In the middle of this size: cut where it is larger, its edges going on where it is smaller.
    fn placed(self, width: usize, height: usize) -> Self {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let Self { channels, values, .. } = self;
        let left = (width / 2) as isize - (self.width / 2) as isize;
        let top = (height / 2) as isize - (self.height / 2) as isize;
        let from = |at: usize, first: isize, length: usize| {
            (at as isize - first).clamp(0, length as isize - 1) as usize
        };
        let mut placed = Vec::with_capacity(width * height * channels);
        for y in 0..height {
            let row = &values[from(y, top, self.height) * self.width * channels..][..self.width * channels];
            for x in 0..width {
                placed.extend_from_slice(&row[from(x, left, self.width) * channels..][..channels]);
            }
        }
        Self { width, height, channels, values: placed }
    }
}
