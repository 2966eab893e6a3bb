//! Pictures and their files: PNG, JPEG and WebP, read under limits, and written with the settings inside.

mod comment;
mod file;
mod parameters;
mod read;
mod text;
mod told;
mod write;

use std::borrow::Cow;
use std::path::Path;

pub use self::parameters::Parameters;
pub use self::read::{Head, LONGEST_SIDE, Limits, MOST_PIXELS, Unreadable, decoding, open, read};
pub use self::text::without_text;
pub use self::told::{open_with_settings, settings};
pub use self::write::{JPEG_QUALITY, encoding};
use crate::{Error, Result};

/// Bytes of a pixel.
pub(crate) const CHANNELS: usize = 3;

/// A picture: `[height, width, 3]`, eight bits a colour, sRGB, and how opaque its pixels are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Red, green, blue of each pixel, rows from the top.
    pub rgb: Vec<u8>,
    /// How opaque each pixel is; `None`: all of them wholly. The colours are not multiplied by it.
    pub alpha: Option<Vec<u8>>,
}

/// The kinds of file that a picture is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lossless, with the settings as text.
    Png,
    /// Lossy, small; the settings stand in its EXIF.
    Jpeg,
    /// Lossless, smaller than PNG; the settings stand in its EXIF.
    WebP,
}

impl Format {
    /// The kind that a file's name asks for. Ask before drawing: a wrong name should not cost a picture.
    pub fn of(file: &Path) -> Result<Self> {
        let extension = file.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("png") => Ok(Self::Png),
            Some("jpg" | "jpeg") => Ok(Self::Jpeg),
            Some("webp") => Ok(Self::WebP),
            _ => {
                let file = file.display();
                let what = format!("{file} does not say what to write; end it in .png, .jpg or .webp");
                Err(Error::Request(what.into()))
            }
        }
    }

    /// What people call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
        }
    }

    /// The kind's media type, for HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }
}

impl Picture {
    /// An opaque picture.
    #[must_use]
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Self {
        Self { width, height, rgb, alpha: None }
    }

    /// From the device's pixels: red in the lowest byte, alpha in the highest. Alpha 0 marks a pixel that was
    /// not finite before it was rounded to bytes.
    pub(crate) fn from_rgba(width: usize, height: usize, pixels: &[u32]) -> Result<Self> {
        assert_eq!(pixels.len(), width * height, "one word a pixel");
        if pixels.iter().any(|pixel| pixel >> 24 == 0) {
            return Err(Error::PictureNotFinite { layer: "vae.decoder".into() });
        }
        let mut rgb = Vec::with_capacity(pixels.len() * CHANNELS);
        pixels.iter().for_each(|pixel| rgb.extend_from_slice(&pixel.to_le_bytes()[..CHANNELS]));
        Ok(Self::new(width, height, rgb))
    }

    /// The same picture on white paper.
    #[must_use]
    pub fn on_white(&self) -> Cow<'_, Self> {
        let Some(alpha) = &self.alpha else { return Cow::Borrowed(self) };
        let mixed = self.rgb.chunks_exact(CHANNELS).zip(alpha).flat_map(|(colours, &alpha)| {
            let share = u32::from(alpha);
            [0, 1, 2].map(|i| ((u32::from(colours[i]) * share + 255 * (255 - share) + 127) / 255) as u8)
        });
        Cow::Owned(Self::new(self.width, self.height, mixed.collect()))
    }
}

#[cfg(test)]
mod tests;
