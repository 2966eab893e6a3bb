//! PNG: its head, and its decoder, which sees neither texts nor colour profiles.

use std::io::{Cursor, ErrorKind};

use png::{BitDepth, ColorType, Decoder, DecodingError, Transformations};

use super::samples::Samples;
use super::{Decoded, Unreadable};
use crate::picture::Format;

/// The signature, the length and the name of the first chunk.
const HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

/// Bytes that the decoder may take beside rows and the file's own chunks.
const SPARE: usize = 64 << 10;

/// Width and height.
pub(super) fn size(file: &[u8]) -> Result<[usize; 2], Unreadable> {
    let known = file.len().min(HEAD.len());
    if file[..known] != HEAD[..known] {
        return Err(Unreadable::damaged(Format::Png, "it does not begin as one does"));
    }
    let number = |at: usize| file.get(at..at + 4)?.try_into().ok().map(|b| u32::from_be_bytes(b) as usize);
    match (number(HEAD.len()), number(HEAD.len() + 4)) {
        (Some(width), Some(height)) => Ok([width, height]),
        _ => Err(Unreadable::cut_off(Format::Png)),
    }
}

pub(super) fn decode(file: &[u8]) -> Result<Decoded, Unreadable> {
    let limits = png::Limits { bytes: file.len() + SPARE };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes become colours, few bits eight, and a colour that stands for transparency alpha.
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|e| refused(&e))?;
    // The decoder takes its length on trust.
    if reader.info().palette.as_ref().is_some_and(|palette| palette.len() > 256 * 3 || palette.len() % 3 > 0)
    {
        return Err(Unreadable::damaged(Format::Png, "its palette is no list of colours"));
    }
    let bytes = reader.output_buffer_size().ok_or_else(|| refused(&DecodingError::LimitsExceeded))?;
    let mut values = vec![0; bytes];
    let frame = reader.next_frame(&mut values).map_err(|e| refused(&e))?;
    // EXIF may come last, and a file without its end was cut off.
    reader.finish().map_err(|e| refused(&e))?;
    values.truncate(frame.buffer_size());
    let channels = match frame.color_type {
        ColorType::Grayscale | ColorType::Indexed => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
    };
    let (width, height) = (frame.width as usize, frame.height as usize);
    let samples = Samples { width, height, channels, values };
    let samples = if frame.bit_depth == BitDepth::Sixteen { samples.rounded_to_8_bits() } else { samples };
    let exif = reader.info().exif_metadata.as_ref().map(|exif| exif.to_vec());
    Ok(Decoded { picture: samples.picture(), exif })
}

fn refused(error: &DecodingError) -> Unreadable {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Unreadable::cut_off(Format::Png)
        }
        error => Unreadable::damaged(Format::Png, error),
    }
}
