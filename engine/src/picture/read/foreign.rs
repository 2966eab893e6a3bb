//! Files that are not read: what they are, by their first bytes.

use super::Unreadable;

/// Where, which bytes, and what has them.
const KINDS: &[(usize, &[u8], &str)] = &[
    (0, b"GIF8", "a GIF"),
    (0, b"BM", "a BMP"),
    (0, b"II*\0", "a TIFF or a camera's raw file"),
    (0, b"MM\0*", "a TIFF or a camera's raw file"),
    (4, b"ftypavif", "an AVIF"),
    (4, b"ftypavis", "an AVIF"),
    (4, b"ftyphei", "a HEIC"),
    (4, b"ftyphev", "a HEIC"),
    (4, b"ftypmif1", "a HEIF"),
    (4, b"ftyp", "a video"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (4, b"JXL \r\n\x87\n", "a JPEG XL"),
    (4, b"jP  \r\n\x87\n", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%PDF", "a PDF"),
    (0, b"qoif", "a QOI"),
    (0, b"\0\0\x01\0", "an icon"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a file that gzip compressed"),
    (0, b"P5", "a PNM"),
    (0, b"P6", "a PNM"),
    (0, b"<svg", "an SVG"),
    (0, b"version https://git-lfs", "a pointer of Git LFS in place of a file"),
    (0, b"data:", "a data URI in place of a file"),
];

/// How far a text is searched for what it is.
const LOOKED_AT: usize = 512;

/// What a file is that is no PNG, JPEG or WebP.
pub(super) fn kind(file: &[u8]) -> Unreadable {
    if file.is_empty() {
        return Unreadable("is empty; fetch it again".into());
    }
    let begins = |at: usize, magic: &[u8]| file.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if let Some((.., kind)) = KINDS.iter().find(|(at, magic, _)| begins(*at, magic)) {
        return Unreadable::unsupported(kind);
    }
    let head = &file[..file.len().min(LOOKED_AT)];
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let is_markup = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('<');
    match (is_markup, text.contains("<svg"), text.contains("<html") || text.contains("<!doctype html")) {
        (true, true, _) => Unreadable::unsupported("an SVG"),
        (true, _, true) => Unreadable("is a web page; fetch the picture itself".into()),
        _ => Unreadable::unsupported("no PNG, JPEG or WebP, whatever its name says"),
    }
}
