//! Where 3×3 convolutions look.

/// Zeros at both ends of an axis before a convolution: at most one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// Before the first pixel.
    pub before: usize,
    /// After the last.
    pub after: usize,
}

impl Padding {
    /// None: the window stays within the picture.
    pub(crate) const NONE: Self = Self { before: 0, after: 0 };
    /// One at each end: with a stride of 1 the picture keeps its size.
    pub(crate) const AROUND: Self = Self { before: 1, after: 1 };
    /// One after the last pixel, as the VAE's encoder has it before every convolution of stride 2.
    pub(crate) const AFTER: Self = Self { before: 0, after: 1 };

    /// Steps that a window of three pixels takes along `extent` pixels; `None` where it does not fit.
    pub(crate) fn steps(self, extent: usize, stride: usize) -> Option<usize> {
        Some((extent + self.before + self.after).checked_sub(3)? / stride + 1)
    }
}

/// How a convolution's window moves over a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvWindow {
    /// Pixels from one place to the next: 1 or 2.
    pub stride: usize,
    /// Of the height and of the width.
    pub padding: [Padding; 2],
}

impl ConvWindow {
    /// Every pixel, with zeros around.
    pub const SAME: Self = Self { stride: 1, padding: [Padding::AROUND; 2] };
}

/// How the window of a convolution in a graph lies on its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Pixels from one place to the next: 1 or 2.
    pub stride: usize,
    /// Rows and columns of zeros before the picture that is seen: 0 or 1. Of a doubled picture 1; −1 where a strip sees it
    /// from its second row on. So an even output always sees the second of two equal rows first.
    pub origin: [isize; 2],
    /// Whether the picture that is seen is twice as high and wide as the input, each pixel of which it shows four times.
    pub doubled: bool,
}

impl Window {
    /// Rows or columns that are seen of an input with so many.
    pub(crate) fn seen(self, extent: usize) -> usize {
        extent << u32::from(self.doubled)
    }

    /// Along one axis, the row or column of an input with so many that stands under a tap of an output; `None` where there
    /// are zeros.
    pub(crate) fn source(self, axis: usize, (output, tap): (usize, usize), extent: usize) -> Option<usize> {
        self.shown(axis, output * self.stride + tap, extent)
    }

    /// The same for a place that is counted with the zeros before the picture.
    pub(crate) fn shown(self, axis: usize, place: usize, extent: usize) -> Option<usize> {
        let place = place.checked_add_signed(-self.origin[axis])?;
        (place < self.seen(extent)).then_some(place >> u32::from(self.doubled))
    }
}
