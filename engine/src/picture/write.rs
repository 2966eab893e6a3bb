//! Pictures to files: PNG, JPEG and WebP, with the settings inside.

use std::borrow::Cow;
use std::io::{Cursor, Write as _};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError, ImageResult};

use super::{CHANNELS, Format, Parameters, Picture, comment, file};
use crate::{Error, Result};

/// High enough that no one sees the loss.
pub const JPEG_QUALITY: u8 = 95;

/// Bytes a pixel that writing a file takes at its peak, as measured with noise, which no format makes smaller.
const ENCODING: usize = 13;
/// The same with alpha; a WebP takes most.
const ENCODING_ALPHA: usize = 24;

/// Bytes that writing a picture of this size as a file takes at the most, beside the picture itself.
#[must_use]
pub fn encoding(width: usize, height: usize, alpha: bool) -> u64 {
    (width * height * if alpha { ENCODING_ALPHA } else { ENCODING }) as u64
}

/// The text chunk that AUTOMATIC1111, and everything after it, reads settings from.
pub(super) const KEYWORD: &str = "parameters";

impl Picture {
    /// The bytes of a file with the settings in it; the size among them is that of this picture, or, where it was enlarged,
    /// that of what was drawn. A JPEG has no alpha: it
    /// shows the picture on white.
    pub fn encode(&self, format: Format, parameters: Option<&Parameters>) -> Result<Vec<u8>> {
        self.encode_at(JPEG_QUALITY, format, parameters)
    }

    /// The same; a JPEG is of this quality, from 1 to 100.
    pub fn encode_at(&self, quality: u8, format: Format, parameters: Option<&Parameters>) -> Result<Vec<u8>> {
        let Self { width, height, .. } = *self;
        let of_this = |parameters: &Parameters| Parameters { width, height, ..parameters.clone() };
        let parameters = parameters.map(|all| if all.is_enlarged() { all.clone() } else { of_this(all) });
        let parameters = parameters.as_ref();
        let mut bytes = Vec::new();
        let encoded = match format {
            Format::Png => return self.png(parameters).map_err(|e| self.refused(format.name(), &e)),
            Format::Jpeg => {
                let encoder = JpegEncoder::new_with_quality(Cursor::new(&mut bytes), quality);
                self.on_white().write_to(encoder, parameters.map(comment::fitting))
            }
            Format::WebP => {
                let encoder = WebPEncoder::new_lossless(Cursor::new(&mut bytes));
                self.write_to(encoder, parameters.map(comment::of))
            }
        };
        encoded.map_err(|e| self.refused(format.name(), &e))?;
        // Files may wait to be kept or to be taken, and grew by doubling.
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// Write a file of the kind that its name asks for, wholly or not at all.
    pub fn save(&self, file: &Path, parameters: Option<&Parameters>) -> Result<()> {
        let bytes = self.encode(Format::of(file)?, parameters)?;
        file::write(file, &bytes)
    }

    /// Colours, and alpha behind each where there is some.
    fn samples(&self) -> Cow<'_, [u8]> {
        match &self.alpha {
            None => Cow::Borrowed(&self.rgb),
            Some(alpha) => Cow::Owned(joined(&self.rgb, alpha)),
        }
    }

    fn write_to(&self, mut encoder: impl ImageEncoder, exif: Option<Vec<u8>>) -> ImageResult<()> {
        if let Some(exif) = exif {
            encoder.set_exif_metadata(exif).map_err(ImageError::Unsupported)?;
        }
        let colour = self.alpha.as_ref().map_or(ExtendedColorType::Rgb8, |_| ExtendedColorType::Rgba8);
        encoder.write_image(&self.samples(), self.width as u32, self.height as u32, colour)
    }

    fn png(&self, parameters: Option<&Parameters>) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(self.alpha.as_ref().map_or(png::ColorType::Rgb, |_| png::ColorType::Rgba));
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
        match &self.alpha {
            None => writer.write_image_data(&self.rgb)?,
            // Row by row, so that no copy of the whole picture is made.
            Some(alpha) => {
                let mut stream = writer.stream_writer()?;
                let rows = self.rgb.chunks_exact(self.width * CHANNELS).zip(alpha.chunks_exact(self.width));
                rows.map(|(rgb, alpha)| joined(rgb, alpha)).try_for_each(|row| stream.write_all(&row))?;
                stream.finish()?;
            }
        }
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

/// Alpha behind each pixel's colours.
fn joined(rgb: &[u8], alpha: &[u8]) -> Vec<u8> {
    let mut samples = Vec::with_capacity(rgb.len() + alpha.len());
    for (colours, &alpha) in rgb.chunks_exact(CHANNELS).zip(alpha) {
        samples.extend_from_slice(colours);
        samples.push(alpha);
    }
    samples
}
