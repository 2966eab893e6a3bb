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
