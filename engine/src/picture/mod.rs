//! A finished picture, and its files: PNG, JPEG and WebP, with the settings inside.

mod comment;
mod file;
mod parameters;
mod text;

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError, ImageResult};

pub use self::parameters::Parameters;
pub use self::text::without_text;
use crate::{Error, Result};

/// High enough that no one sees the loss.
pub const JPEG_QUALITY: u8 = 95;

/// Bytes of a pixel.
pub(crate) const CHANNELS: usize = 3;

/// Bytes a pixel that writing a file takes at its peak, as measured with noise, which no format makes smaller.
const ENCODING: usize = 13;

/// Bytes that writing a picture of this size as a file takes at the most, beside the picture itself.
#[must_use]
pub fn encoding(width: usize, height: usize) -> u64 {
    (width * height * ENCODING) as u64
}

/// The text chunk that AUTOMATIC1111, and everything after it, reads settings from.
const KEYWORD: &str = "parameters";

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

    /// The bytes of a file with the settings in it; the size among them is that of this picture.
    pub fn encode(&self, format: Format, parameters: Option<&Parameters>) -> Result<Vec<u8>> {
        self.encode_at(JPEG_QUALITY, format, parameters)
    }

    /// The same; a JPEG is of this quality, from 1 to 100.
    pub fn encode_at(&self, quality: u8, format: Format, parameters: Option<&Parameters>) -> Result<Vec<u8>> {
        let Self { width, height, .. } = *self;
        let parameters = parameters.map(|parameters| Parameters { width, height, ..parameters.clone() });
        let parameters = parameters.as_ref();
        let mut bytes = Vec::new();
        let encoded = match format {
            Format::Png => return self.png(parameters).map_err(|e| self.refused("PNG", &e)),
            Format::Jpeg => {
                let encoder = JpegEncoder::new_with_quality(Cursor::new(&mut bytes), quality);
                self.write_to(encoder, parameters.map(comment::fitting))
            }
            Format::WebP => {
                let encoder = WebPEncoder::new_lossless(Cursor::new(&mut bytes));
                self.write_to(encoder, parameters.map(comment::of))
            }
        };
        encoded.map_err(|e| self.refused(format.media_type(), &e))?;
        // Files may wait to be kept or to be taken, and grew by doubling.
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// Write a file of the kind that its name asks for, wholly or not at all.
    pub fn save(&self, file: &Path, parameters: Option<&Parameters>) -> Result<()> {
        let bytes = self.encode(Format::of(file)?, parameters)?;
        file::write(file, &bytes)
    }

    fn write_to(&self, mut encoder: impl ImageEncoder, exif: Option<Vec<u8>>) -> ImageResult<()> {
        if let Some(exif) = exif {
            encoder.set_exif_metadata(exif).map_err(ImageError::Unsupported)?;
        }
        encoder.write_image(&self.rgb, self.width as u32, self.height as u32, ExtendedColorType::Rgb8)
    }

    fn png(&self, parameters: Option<&Parameters>) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        if let Some(parameters) = parameters {
            // A chunk of text ends at NUL, so there can be none within.
            let text = parameters.to_string().replace('\0', " ");
            // tEXt holds Latin-1; what goes beyond it needs iTXt, which some old readers do not know.
            if text.chars().all(|c| u32::from(c) < 256) {
                encoder.add_text_chunk(KEYWORD.into(), text)?;
            } else {
                encoder.add_itxt_chunk(KEYWORD.into(), text)?;
            }
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// A format has limits of its own, for instance 16,383 pixels a side for WebP.
    fn refused(&self, format: &str, why: &dyn std::fmt::Display) -> Error {
        let Self { width, height, .. } = self;
        let what = format!("{width}x{height} pixels cannot be written as {format}: {why}; try .png");
        Error::Request(what.into())
    }
}

#[cfg(test)]
mod tests;
