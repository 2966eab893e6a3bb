//! WebP: its chunks, which say their sizes more than once, and its decoder.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder as _, ImageError};

use super::samples::Samples;
use super::{Decoded, Unreadable, lossless};
use crate::picture::Format;

/// `RIFF`, the length of the rest, `WEBP`.
const HEAD: usize = 12;

/// The name of a chunk and the length of its data.
const CHUNK: usize = 8;

/// In the first byte of `VP8X`.
const ANIMATED: u8 = 0b10;

/// The signature of a lossless picture, its size and its version.
const LOSSLESS_HEAD: usize = 5;

/// Most sets of codes of a lossless picture: encoders write up to 2600, each of which takes its decoder 20 KiB.
const MOST_SETS: usize = 4096;

/// What the chunks say.
struct Survey<'a> {
    size: [usize; 2],
    /// The streams of a lossless picture, or of alpha.
    lossless: Vec<&'a [u8]>,
}

/// Width and height, once the chunks were followed to the end and the sizes in them agree.
pub(super) fn size(file: &[u8]) -> Result<[usize; 2], Unreadable> {
    Ok(survey(file)?.size)
}

fn survey(file: &[u8]) -> Result<Survey<'_>, Unreadable> {
    let length = u32_at(file, 4).ok_or_else(cut_off)? as usize;
    let mut rest = file.get(HEAD..CHUNK + length).ok_or_else(cut_off)?;
    let (mut canvas, mut pictures, mut lossless) = (None, vec![], vec![]);
    while !rest.is_empty() {
        let (name, length) = (rest.get(..4), u32_at(rest, 4));
        let (name, length) = name.zip(length).ok_or_else(cut_off)?;
        let data = rest.get(CHUNK..CHUNK + length as usize).ok_or_else(cut_off)?;
        match name {
            b"VP8X" => canvas = Some(extended(data)?),
            b"VP8 " => pictures.push(lossy(data)?),
            b"VP8L" => {
                pictures.push(lossless_size(data)?);
                lossless.push(&data[LOSSLESS_HEAD..]);
            }
            // Alpha without a loss is such a stream, too, behind a byte that says so.
            b"ALPH" if data.first().is_some_and(|how| how & 0b11 == 1) => lossless.push(&data[1..]),
            b"ANIM" | b"ANMF" => return Err(animation()),
            _ => {}
        }
        // The last byte of an odd length is filled up, and some programs leave that out at the end.
        rest = rest.get(CHUNK + data.len().next_multiple_of(2)..).unwrap_or_default();
    }
    match (&pictures[..], canvas) {
        ([size], None) => Ok(Survey { size: *size, lossless }),
        ([size], Some(canvas)) if *size == canvas => Ok(Survey { size: canvas, lossless }),
        ([], _) => Err(damaged("it has no picture")),
        _ => Err(damaged("it has two pictures, or one of two sizes")),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn extended(data: &[u8]) -> Result<[usize; 2], Unreadable> {
    let &[flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = data else {
        return Err(damaged("its head is short"));
    };
    if flags & ANIMATED != 0 {
        return Err(animation());
    }
    Ok([[w0, w1, w2], [h0, h1, h2]].map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]) as usize + 1))
}

fn lossy(data: &[u8]) -> Result<[usize; 2], Unreadable> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = data else {
        return Err(damaged("its picture does not begin as one does"));
    };
    // The highest two bits say how to enlarge it, which nobody does.
    Ok([[w0, w1], [h0, h1]].map(|side| usize::from(u16::from_le_bytes(side) & 0x3fff)))
}

fn lossless_size(data: &[u8]) -> Result<[usize; 2], Unreadable> {
    let (Some(0x2f), Some(bits)) = (data.first(), u32_at(data, 1)) else {
        return Err(damaged("its picture does not begin as one does"));
    };
    Ok([bits, bits >> 14].map(|side| (side & 0x3fff) as usize + 1))
}

pub(super) fn decode(file: &[u8]) -> Result<Decoded, Unreadable> {
    let Survey { size, lossless } = survey(file)?;
    for stream in lossless {
        let sets = lossless::sets(stream, size).ok_or_else(|| damaged("its codes do not fit together"))?;
        if sets > MOST_SETS {
            return Err(damaged(format!("it has {sets} sets of codes")));
        }
    }
    let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(|e| refused(&e))?;
    let (width, height) = decoder.dimensions();
    let exif = decoder.exif_metadata().ok().flatten();
    let channels = if decoder.color_type() == ColorType::Rgba8 { 4 } else { 3 };
    let (width, height) = (width as usize, height as usize);
    let mut values = vec![0; width * height * channels];
    decoder.read_image(&mut values).map_err(|e| refused(&e))?;
    Ok(Decoded { picture: Samples { width, height, channels, values }.picture(), exif })
}

fn refused(error: &ImageError) -> Unreadable {
    match error {
        ImageError::IoError(_) => cut_off(),
        error => damaged(error),
    }
}

fn animation() -> Unreadable {
    Unreadable(
        "is an animated WebP, which is not supported; save one of its frames as PNG, JPEG or WebP".into(),
    )
}

fn cut_off() -> Unreadable {
    Unreadable::cut_off(Format::WebP)
}

fn damaged(why: impl std::fmt::Display) -> Unreadable {
    Unreadable::damaged(Format::WebP, why)
}
