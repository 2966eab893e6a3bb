//! Settings as JPEG and WebP carry them: EXIF with one user comment, as AUTOMATIC1111 and everything after it reads it.

use super::Parameters;

/// A big-endian TIFF whose only directory leads to the one of EXIF, and that to the comment behind it.
const HEAD: [u8; 44] = [
    b'M', b'M', 0, 42, 0, 0, 0, 8, // the first directory lies at 8:
    0, 1, // one entry,
    0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, // EXIF's directory: a long, one of it: it lies at 26
    0, 0, 0, 0, // no further directory
    0, 1, // one entry,
    0x92, 0x86, 0, 7, 0, 0, 0, 0, 0, 0, 0,
    44, // the user comment: bytes, their number below: they lie at 44
    0, 0, 0, 0, // no further directory
];

/// Where in it the comment's length stands.
const LENGTH: std::ops::Range<usize> = 32..36;

/// How the comment says that it is in Unicode, which has come to mean big-endian UTF-16 here.
const UNICODE: &[u8; 8] = b"UNICODE\0";

/// Bytes of a JPEG's segment, which two of length and the word `Exif` with two zeros are part of.
const JPEG_SEGMENT: usize = 65_535 - 2 - 6;

/// Units of UTF-16 that a JPEG has room for.
const JPEG_UNITS: usize = (JPEG_SEGMENT - HEAD.len() - UNICODE.len()) / 2;

/// The settings of a WebP, however long.
pub(super) fn of(parameters: &Parameters) -> Vec<u8> {
    with_comment(&parameters.to_string())
}

/// The settings of a JPEG. Prompts that are longer than its format allows (no model reads so much) are cut with an
/// ellipsis, and all other settings stay.
pub(super) fn fitting(parameters: &Parameters) -> Vec<u8> {
    let units = |text: &str| text.encode_utf16().count();
    let text = parameters.to_string();
    if units(&text) <= JPEG_UNITS {
        return with_comment(&text);
    }
    let negative = parameters.negative_prompt.as_deref().unwrap_or_default();
    let beside = units(&text) - units(&parameters.prompt) - units(negative);
    let room = JPEG_UNITS.saturating_sub(beside);
    // The shorter one gives what it does not need to the other.
    let own = (room / 2).max(room.saturating_sub(units(negative)));
    let prompt = cut(&parameters.prompt, own);
    let negative_prompt =
        parameters.negative_prompt.as_deref().map(|text| cut(text, room.saturating_sub(units(&prompt))));
    with_comment(&Parameters { prompt, negative_prompt, ..parameters.clone() }.to_string())
}

fn with_comment(text: &str) -> Vec<u8> {
    let text: Vec<u8> = text.replace('\0', " ").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut bytes = HEAD.to_vec();
    let length = u32::try_from(UNICODE.len() + text.len()).unwrap_or(u32::MAX);
    bytes[LENGTH].copy_from_slice(&length.to_be_bytes());
    bytes.extend(UNICODE);
    bytes.extend(text);
    bytes
}

/// The text of such a comment; `None` where EXIF is laid out in another way.
pub(super) fn read(exif: &[u8]) -> Option<String> {
    let (head, rest) = exif.split_first_chunk::<{ HEAD.len() }>()?;
    let length = u32::from_be_bytes(head[LENGTH].try_into().ok()?) as usize;
    let is_ours = head[..LENGTH.start] == HEAD[..LENGTH.start] && head[LENGTH.end..] == HEAD[LENGTH.end..];
    let text = rest.get(..length).filter(|_| is_ours)?.strip_prefix(UNICODE)?;
    let units = text.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// As much of a text as `most` units of UTF-16 hold, with an ellipsis where there was more.
fn cut(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    };
    text.chars().take_while(fits).chain(std::iter::once('…')).collect()
}
