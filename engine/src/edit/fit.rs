//! A picture in the size that is drawn.

use std::ops::Range;

use super::mask::Mask;
use super::resample::{Plane, resampled_part};
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
        let scaled = self.scaled((picture.width, picture.height), (width, height));
        let (columns, rows) = (middle(scaled.0, width), middle(scaled.1, height));
        let Picture { rgb, alpha, .. } = resampled_part(picture, scaled, &columns, &rows);
        let placed = |channels, values| {
            let (width_kept, height_kept) = (columns.len(), rows.len());
            Plane { width: width_kept, height: height_kept, channels, values }.placed(width, height).values
        };
        Picture { width, height, rgb: placed(3, rgb), alpha: alpha.map(|alpha| placed(1, alpha)) }
    }

    /// The mask of a picture of size `of`, in the size that the picture is brought to. One that had another size than
    /// its picture is stretched to that first.
    #[must_use]
    pub fn mask(self, mask: &Mask, of: (usize, usize), (width, height): (usize, usize)) -> Mask {
        let scaled = self.scaled(of, (width, height));
        let (columns, rows) = (middle(scaled.0, width), middle(scaled.1, height));
        let own = mask.plane().resampled(of.0, of.1);
        Mask::from_plane(own.resampled_part(scaled, columns, rows).placed(width, height))
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

/// What of a length stays where it is cut to another, both ends losing as much.
fn middle(length: usize, wanted: usize) -> Range<usize> {
    let first = (length / 2).saturating_sub(wanted / 2);
    if length > wanted { first..first + wanted } else { 0..length }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::resampled;

    fn speckled(width: usize, height: usize) -> Picture {
        let rgb = (0..width * height * 3).map(|i| (i * 7919 % 251) as u8).collect();
        let alpha = (0..width * height).map(|i| (i * 31 % 256) as u8).collect();
        Picture { alpha: Some(alpha), ..Picture::new(width, height, rgb) }
    }

    #[test]
    fn what_is_cut_off_need_not_be_computed_first() {
        for (from, to) in
            [((37, 21), (16, 40)), ((21, 37), (40, 16)), ((100, 30), (30, 31)), ((65, 71), (64, 64))]
        {
            let picture = speckled(from.0, from.1);
            let (across, down) = Fit::Crop.scaled(from, to);
            let whole = resampled(&picture, across, down);
            let placed = |channels, values| {
                Plane { width: across, height: down, channels, values }.placed(to.0, to.1).values
            };
            let fitted = Fit::Crop.picture(&picture, to.0, to.1);
            assert!(fitted.rgb == placed(3, whole.rgb), "{from:?} to {to:?}");
            assert!(fitted.alpha == whole.alpha.map(|alpha| placed(1, alpha)), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_thread_of_pixels_fits_a_size_in_the_room_of_that_size() {
        // Scaled as a whole, it would be 8,388,608 pixels wide and 1024 high.
        let thread = speckled(8192, 1);
        let fitted = Fit::Crop.picture(&thread, 64, 1024);
        assert_eq!((fitted.width, fitted.height, fitted.rgb.len()), (64, 1024, 64 * 1024 * 3));
        let mask = Mask { width: 8192, height: 1, values: vec![255; 8192] };
        assert!(Fit::Crop.mask(&mask, (8192, 1), (64, 1024)).values.iter().all(|&value| value == 255));
        assert_eq!(Fit::Pad.picture(&thread, 64, 1024).rgb.len(), 64 * 1024 * 3);
    }
}
