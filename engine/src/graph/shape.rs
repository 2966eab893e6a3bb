//! Extents and element types of the values in a graph.

use std::fmt;

/// `[images, height, width, channels]`, channels innermost.
///
/// A sequence of tokens is an image of height 1; a vector for each image has height and width 1.
/// A picture's pixels are therefore tokens with no transposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Images in the batch (for guidance: both halves).
    pub images: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row, or tokens.
    pub width: usize,
    /// Numbers for each pixel or token.
    pub channels: usize,
}

impl Shape {
    /// A batch of images.
    #[must_use]
    pub const fn image(images: usize, height: usize, width: usize, channels: usize) -> Self {
        Self { images, height, width, channels }
    }

    /// A batch of token sequences.
    #[must_use]
    pub const fn tokens(images: usize, tokens: usize, channels: usize) -> Self {
        Self::image(images, 1, tokens, channels)
    }

    /// One vector for each image.
    #[must_use]
    pub const fn vector(images: usize, channels: usize) -> Self {
        Self::image(images, 1, 1, channels)
    }

    /// Pixels (or tokens) of one image.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Pixels of the whole batch: the rows of a product.
    pub(crate) const fn rows(&self) -> usize {
        self.images * self.pixels()
    }

    /// Numbers in all.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows() * self.channels
    }

    /// Whether an extent is zero.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same pixels with other channels.
    pub(crate) const fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}×{}", self.images, self.height, self.width, self.channels)
    }
}

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

/// Which axes of a picture continue on their opposite sides, so that copies of it fit together without a seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tiling {
    /// From left to right.
    pub x: bool,
    /// From top to bottom.
    pub y: bool,
}

/// How a value is stored on the device. Sums are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16, two to a 32-bit word.
    F16,
    /// Token ids or packed pixels.
    U32,
}
