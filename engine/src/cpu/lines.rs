//! The lines of a picture that 3×3 windows see, with the zeros around it: copied once for a block of rows, not once for
//! each tap.

use std::ops::Range;

use super::arithmetic::Arithmetic;
use super::bf16;
use super::functions::vectorised;
use super::rows::Places;
use super::value::Value;
use crate::graph::{Shape, Window};

/// Channels of a block of depth: nine times as many numbers.
pub(super) const CHANNELS: usize = 32;
/// Lines and columns of a window.
const SIDE: usize = 3;

/// What a block of rows sees of a picture.
pub(super) struct Lines<'a> {
    x: Value<'a>,
    to: Shape,
    window: Window,
    rows: Range<usize>,
    /// Columns that are kept of the picture that is seen, the first counted with the zeros before it.
    first_column: usize,
    width: usize,
}

/// Lines that follow each other in an image.
struct Piece {
    image: usize,
    /// The first line, counted with the zeros before the picture.
    first: usize,
    count: usize,
    /// Lines of outputs.
    outputs: Range<usize>,
}

impl<'a> Lines<'a> {
    /// For `rows` of a value of shape `to`.
    pub(super) fn new(x: Value<'a>, to: Shape, window: Window, rows: Range<usize>) -> Self {
        let (first, last) = (rows.start, rows.end - 1);
        // Within a line only what is seen of it is kept.
        let columns = if first / to.width == last / to.width {
            first % to.width..last % to.width + 1
        } else {
            0..to.width
        };
        let (first_column, width) =
            (columns.start * window.stride, (columns.len() - 1) * window.stride + SIDE);
        Self { x, to, window, rows, first_column, width }
    }

    /// The lines of each image.
    fn pieces(&self) -> impl Iterator<Item = Piece> {
        let (width, height, stride) = (self.to.width, self.to.height, self.window.stride);
        let lines = self.rows.start / width..(self.rows.end - 1) / width + 1;
        (lines.start / height..(lines.end - 1) / height + 1).map(move |image| {
            let outputs = lines.start.max(image * height)..lines.end.min((image + 1) * height);
            let (first, count) = (outputs.start % height * stride, (outputs.len() - 1) * stride + SIDE);
            Piece { image, first, count, outputs }
        })
    }

    /// Pixels that are kept.
    pub(super) fn pixels(&self) -> usize {
        self.pieces().map(|piece| piece.count * self.width).sum()
    }

    /// Where each row's window begins in what is kept.
    pub(super) fn places(&self) -> Places {
        let (width, stride) = (self.to.width, self.window.stride);
        let (mut starts, mut line) = (Vec::with_capacity(self.rows.len()), 0);
        for piece in self.pieces() {
            for (i, output) in piece.outputs.enumerate() {
                let columns = self.rows.start.max(output * width)..self.rows.end.min((output + 1) * width);
                let start = (line + i * stride) * self.width;
                let column = |row: usize| start + row % width * stride - self.first_column;
                starts.extend(columns.map(column));
            }
            line += piece.count;
        }
        let of_line = |line: usize| (0..SIDE).map(move |column| line * self.width + column);
        let taps = (0..SIDE).flat_map(of_line).collect();
        Places { rows: self.rows.clone(), starts, taps }
    }

    /// Every line that is kept; none of them where there are zeros.
    fn each(&self) -> impl Iterator<Item = Option<&'a [f32]>> {
        let (from, numbers) = (self.x.shape, self.x.numbers);
        let line = move |image: usize, place: usize| {
            let y = self.window.shown(0, place, from.height)?;
            let start = (image * from.height + y) * from.width * from.channels;
            Some(&numbers[start..][..from.width * from.channels])
        };
        let of_piece = move |piece: Piece| {
            (piece.first..piece.first + piece.count).map(move |place| line(piece.image, place))
        };
        self.pieces().flat_map(of_piece)
    }

    /// Copies these channels of every pixel, as words; zeros where there is no pixel.
    pub(super) fn copy(&self, channels: Range<usize>, arithmetic: Arithmetic, space: &mut [f32]) {
        let words = channels.len().div_ceil(arithmetic.numbers());
        for (line, to) in self.each().zip(space.chunks_exact_mut(self.width * words)) {
            match line {
                None => to.fill(0.0),
                Some(line) => vectorised(
                    #[inline(always)]
                    || self.copy_line(line, &channels, to, arithmetic),
                ),
            }
        }
    }

    #[inline(always)]
    fn copy_line(&self, line: &[f32], channels: &Range<usize>, to: &mut [f32], arithmetic: Arithmetic) {
        let (words, of_pixel) = (to.len() / self.width, self.x.shape.channels);
        let (window, width) = (self.window, self.x.shape.width);
        // The kept columns that are in the picture.
        let left = window.origin[1] - self.first_column as isize;
        let before = left.clamp(0, self.width as isize) as usize;
        let first = (before as isize - left) as usize;
        let count = window.seen(width).saturating_sub(first).min(self.width - before);
        let (zeros, rest) = to.split_at_mut(before * words);
        let (pixels, after) = rest.split_at_mut(count * words);
        zeros.fill(0.0);
        after.fill(0.0);
        let pixel = |(place, to): (usize, &mut [f32])| {
            let start = ((first + place) >> u32::from(window.doubled)) * of_pixel;
            let from = &line[start..][channels.clone()];
            if arithmetic.is_in_pairs() { bf16::round_line(from, to) } else { copy(from, to) }
        };
        pixels.chunks_exact_mut(words).enumerate().for_each(pixel);
    }
}

/// Copies one pixel's channels; a full block's length is known, so that takes no call.
#[inline(always)]
pub(super) fn copy(from: &[f32], to: &mut [f32]) {
    match (<&[f32; CHANNELS]>::try_from(from), <&mut [f32; CHANNELS]>::try_from(&mut *to)) {
        (Ok(from), Ok(to)) => *to = *from,
        _ => to.copy_from_slice(from),
    }
}
