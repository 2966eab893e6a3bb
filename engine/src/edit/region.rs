//! The part of a picture around its mask, which is drawn at full size and put back.

use super::mask::Mask;
use crate::picture::Picture;

/// A rectangle of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The first column.
    pub left: usize,
    /// The first row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Region {
    /// All that is not black in a mask, with `padding` pixels on every side as far as the picture goes, and as much more
    /// as gives it the shape of the size that is drawn (diffusers' `get_crop_region`). Near an edge it is moved
    /// inwards; where the picture ends on both sides it keeps another shape. `None` for a mask that is black.
    #[must_use]
    pub fn around(mask: &Mask, padding: usize, (width, height): (usize, usize)) -> Option<Self> {
        let rows: Vec<&[u8]> = mask.values.chunks_exact(mask.width).collect();
        let is_marked = |row: &&[u8]| row.iter().any(|&value| value != 0);
        let (top, bottom) = (rows.iter().position(is_marked)?, rows.iter().rposition(is_marked)?);
        let is_marked = |x: &usize| rows.iter().any(|row| row[*x] != 0);
        let (left, right) = ((0..mask.width).find(is_marked)?, (0..mask.width).rfind(is_marked)?);
        let x = Span::padded(left, right + 1, padding, mask.width);
        let y = Span::padded(top, bottom + 1, padding, mask.height);
        let (x, y) = if x.length * height > y.length * width {
            (x, y.grown(x.length * height / width, mask.height))
        } else {
            (x.grown(y.length * width / height, mask.width), y)
        };
        Some(Self { left: x.first, top: y.first, width: x.length, height: y.length })
    }

    /// The same part of a picture of size `from`, where that has the size `to`.
    #[must_use]
    pub fn scaled(self, from: (usize, usize), to: (usize, usize)) -> Self {
        let along = |first: usize, length: usize, from: usize, to: usize| {
            let at = |place: usize| (place * to + from / 2) / from;
            let start = at(first).min(to - 1);
            (start, (at(first + length) - start).max(1))
        };
        let (left, width) = along(self.left, self.width, from.0, to.0);
        let (top, height) = along(self.top, self.height, from.1, to.1);
        Self { left, top, width, height }
    }

    /// This part of a picture.
    #[must_use]
    pub fn of(self, picture: &Picture) -> Picture {
        let rgb = self.cut(&picture.rgb, picture.width, 3);
        let alpha = picture.alpha.as_ref().map(|alpha| self.cut(alpha, picture.width, 1));
        Picture { width: self.width, height: self.height, rgb, alpha }
    }

    /// This part of a mask.
    #[must_use]
    pub fn of_mask(self, mask: &Mask) -> Mask {
        Mask { width: self.width, height: self.height, values: self.cut(&mask.values, mask.width, 1) }
    }

    fn cut(self, values: &[u8], width: usize, channels: usize) -> Vec<u8> {
        let rows = values.chunks_exact(width * channels).skip(self.top).take(self.height);
        rows.flat_map(|row| &row[self.left * channels..][..self.width * channels]).copied().collect()
    }
}

/// Pixels of one side.
#[derive(Clone, Copy)]
struct Span {
    first: usize,
    length: usize,
}

impl Span {
    fn padded(first: usize, end: usize, padding: usize, whole: usize) -> Self {
        let (first, end) = (first.saturating_sub(padding), end.saturating_add(padding).min(whole));
        Self { first, length: end - first }
    }

    /// At least this long, evenly to both sides as far as the whole allows.
    fn grown(self, length: usize, whole: usize) -> Self {
        let length = length.clamp(self.length, whole);
        let before = (length - self.length) / 2;
        Self { first: self.first.saturating_sub(before).min(whole - length), length }
    }
}
