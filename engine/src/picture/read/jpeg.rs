//! JPEG: its segments from the first to the last, and its decoder.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::{ColorType, ImageDecoder as _, ImageError};

use super::samples::Samples;
use super::{Decoded, Unreadable};
use crate::picture::Format;

/// Most passes over a picture. Programs write about ten; each costs time for every pixel, however few bytes it has.
const MOST_SCANS: usize = 64;

const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// Width and height, once the file was followed to its end.
pub(super) fn size(file: &[u8]) -> Result<[usize; 2], Unreadable> {
    let (mut size, mut scans, mut at) = (None, 0, 2);
    loop {
        let (marker, after) = next_marker(file, at).ok_or_else(cut_off)?;
        if marker == END {
            break;
        }
        let length = file.get(after..after + 2).ok_or_else(cut_off)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let segment = file.get(after + 2..after + length.max(2)).ok_or_else(cut_off)?;
        if is_frame(marker) {
            let found = frame(marker, segment)?;
            if size.replace(found).is_some() {
                return Err(damaged("it says twice how large it is"));
            }
        }
        scans += usize::from(marker == SCAN);
        at = after + length.max(2);
    }
    if scans > MOST_SCANS {
        return Err(damaged(format!("it has {scans} passes over its picture")));
    }
    size.filter(|_| scans > 0).ok_or_else(|| damaged("it has no picture"))
}

/// The next marker that has a segment, or the end, and where what follows it begins. Everything else is passed over:
/// coded data, in which a byte of ones is followed by a zero or numbers a restart, and what lies between segments.
fn next_marker(file: &[u8], from: usize) -> Option<(u8, usize)> {
    let mut at = from;
    loop {
        at += file.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        let fill = file[at..].iter().position(|&byte| byte != 0xff)?;
        let marker = file[at + fill];
        at += fill + 1;
        match marker {
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            marker => return Some((marker, at)),
        }
    }
}

/// Whether a segment says how large the picture is, and how it is coded.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

fn frame(marker: u8, segment: &[u8]) -> Result<[usize; 2], Unreadable> {
    let &[bits, h1, h0, w1, w0, ..] = segment else { return Err(damaged("it does not say how large it is")) };
    let coding = match marker {
        0xc0..=0xc2 if bits == 8 => {
            return Ok([[w1, w0], [h1, h0]].map(|side| usize::from(u16::from_be_bytes(side))));
        }
        0xc0..=0xc2 => format!("a JPEG of {bits} bits a colour"),
        0xc3 => "a lossless JPEG".into(),
        0xc9..=0xcb => "a JPEG in arithmetic coding".into(),
        _ => "a hierarchical JPEG".into(),
    };
    Err(Unreadable::unsupported(format!("{coding}, which is not supported")))
}

pub(super) fn decode(file: &[u8]) -> Result<Decoded, Unreadable> {
    let mut decoder = JpegDecoder::new(Cursor::new(file)).map_err(refused)?;
    let (width, height) = decoder.dimensions();
    let exif = decoder.exif_metadata().ok().flatten();
    let channels = match decoder.color_type() {
        ColorType::L8 => 1,
        ColorType::Rgb8 => 3,
        other => return Err(damaged(format!("its pixels are {other:?}"))),
    };
    let (width, height) = (width as usize, height as usize);
    let mut values = vec![0; width * height * channels];
    decoder.read_image(&mut values).map_err(refused)?;
    Ok(Decoded { picture: Samples { width, height, channels, values }.picture(), exif })
}

fn refused(error: ImageError) -> Unreadable {
    match error {
        ImageError::Unsupported(_) => Unreadable::unsupported("a JPEG of a kind that is not supported"),
        error => damaged(error),
    }
}

fn cut_off() -> Unreadable {
    Unreadable::cut_off(Format::Jpeg)
}

fn damaged(why: impl std::fmt::Display) -> Unreadable {
    Unreadable::damaged(Format::Jpeg, why)
}
