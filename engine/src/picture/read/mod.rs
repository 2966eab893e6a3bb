//! Files to pictures: PNG, JPEG and WebP, by their content and under limits that hold before anything is decoded.
//!
//! Every file is hostile. What it says of its size is read here first, wherever the format says it more than once,
//! and a file that was cut off is found by its structure; only then does a decoder see it. Colour profiles are
//! ignored: the numbers are taken as sRGB.

mod foreign;
mod jpeg;
mod lossless;
mod orientation;
mod png;
mod samples;
mod webp;

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::panic::catch_unwind;
use std::path::Path;

use super::{Format, Picture};
use crate::Error;

/// Longest side of a picture, in pixels.
pub const LONGEST_SIDE: usize = 16_384;

/// Most pixels of a picture: 64 of SDXL's own 1024×1024.
pub const MOST_PIXELS: usize = 64 << 20;

/// Most bytes that are read of a file. A picture of the most pixels has less as any camera writes it.
const MOST_BYTES: u64 = 256 << 20;

/// Bytes a pixel that decoding takes at its peak, the picture itself among them; the file is not. As measured with every
/// kind of file; a PNG of 16 bits with alpha takes most.
const DECODING: usize = 13;

/// Bytes that reading a picture of this size takes at the most, beside its file. The picture itself is part of it.
#[must_use]
pub fn decoding(width: usize, height: usize) -> u64 {
    (width * height * DECODING) as u64
}

/// How large a picture may be that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of the longer side.
    pub side: usize,
    /// Pixels in all.
    pub pixels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { side: LONGEST_SIDE, pixels: MOST_PIXELS }
    }
}

impl Limits {
    fn check(self, head: Head) -> Result<(), Unreadable> {
        let Head { width, height, .. } = head;
        if width == 0 || height == 0 {
            return Err(Unreadable::damaged(head.format, "it says that a side has no pixels"));
        }
        if width.max(height) > self.side {
            let what = format!(
                "has {width}x{height} pixels, and the longest side that is read is {}; make it smaller",
                self.side
            );
            return Err(Unreadable(what));
        }
        if width * height > self.pixels {
            let what =
                format!("has {width}x{height} pixels, and at most {} are read; make it smaller", self.pixels);
            return Err(Unreadable(what));
        }
        Ok(())
    }
}

/// Why a file is not read, and what to do: a sentence without its beginning, which is the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(String);

impl Unreadable {
    fn cut_off(format: Format) -> Self {
        Self(format!("was cut off: the {} ends before its picture does; fetch it again", format.name()))
    }

    fn damaged(format: Format, why: impl fmt::Display) -> Self {
        let why = crate::quote::quoted(&why.to_string());
        Self(format!("is a damaged {}: {why}; fetch it again, or save it anew", format.name()))
    }

    fn unsupported(what: impl fmt::Display) -> Self {
        Self(format!("is {what}; save it as PNG, JPEG or WebP"))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// What a file is and how large its picture, as stored: EXIF may say that it lies on its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The kind of file, by its content.
    pub format: Format,
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Head {
    /// From the structure of a file; nothing is decoded.
    ///
    /// # Errors
    /// [`Unreadable`] for a file of another kind, one that was cut off, and one that contradicts itself.
    pub fn of(file: &[u8]) -> Result<Self, Unreadable> {
        let (format, [width, height]) = match file {
            [0x89, b'P', b'N', b'G', ..] => (Format::Png, png::size(file)?),
            [0xff, 0xd8, 0xff, ..] => (Format::Jpeg, jpeg::size(file)?),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
                (Format::WebP, webp::size(file)?)
            }
            _ => return Err(foreign::kind(file)),
        };
        Ok(Self { format, width, height })
    }
}

/// Pixels of a file as they are stored, and its EXIF.
struct Decoded {
    picture: Picture,
    exif: Option<Vec<u8>>,
}

/// The picture of a file, upright as its EXIF says. Of an animated PNG it is the picture that programs show which know
/// nothing of animations. Pixels that are all opaque have no alpha.
///
/// # Errors
/// [`Unreadable`], before anything is decoded where the picture is larger than `limits`.
pub fn read(file: &[u8], limits: Limits) -> Result<Picture, Unreadable> {
    let head = Head::of(file)?;
    limits.check(head)?;
    let decode = match head.format {
        Format::Png => png::decode,
        Format::Jpeg => jpeg::decode,
        Format::WebP => webp::decode,
    };
    // Decoders are others' code, and a file that one of them does not expect is not worth the process.
    let decoded = catch_unwind(|| decode(file));
    let gave_up = |_| Err(Unreadable::damaged(head.format, "its decoder gave up"));
    let Decoded { picture, exif } = decoded.unwrap_or_else(gave_up)?;
    if (picture.width, picture.height) != (head.width, head.height) {
        return Err(Unreadable::damaged(head.format, "it has two sizes"));
    }
    Ok(orientation::upright(picture, exif.as_deref()))
}

/// The bytes of a picture's file.
pub(super) fn file_bytes(file: &Path) -> crate::Result<Vec<u8>> {
    let unread = |source| Error::Read { file: file.to_path_buf(), source };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(unread)?;
    opened.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > MOST_BYTES {
        let what = format!("has more than {} MiB, which is not read as a picture", MOST_BYTES >> 20);
        return Err(Error::File { file: file.to_path_buf(), what });
    }
    Ok(bytes)
}

/// The picture of a file, as [`read`].
///
/// # Errors
/// [`Error::Read`], and [`Error::File`] for what [`read`] refuses.
pub fn open(path: &Path, limits: Limits) -> crate::Result<Picture> {
    of_bytes(path, &file_bytes(path)?, limits)
}

/// The same of its bytes.
pub(super) fn of_bytes(path: &Path, bytes: &[u8], limits: Limits) -> crate::Result<Picture> {
    let refused = |error: Unreadable| Error::File { file: path.to_path_buf(), what: error.to_string() };
    read(bytes, limits).map_err(refused)
}
