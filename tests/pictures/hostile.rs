//! Files that lie, end early, or are something else.

use std::path::Path;
use std::time::{Duration, Instant};

use fulmen_engine::picture::{Format, Limits, Picture, open, read};

use super::mutations::crc32;
use super::samples;

fn refusal(file: &[u8]) -> String {
    read(file, Limits::default()).map(drop).expect_err("it is refused").to_string()
}

fn sample(name: &str) -> Vec<u8> {
    samples().into_iter().find(|sample| sample.name == name).expect(name).file
}

fn with(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// Where these bytes stand in a file.
fn place(file: &[u8], bytes: &[u8]) -> usize {
    file.windows(bytes.len()).position(|window| window == bytes).expect("they are there")
}

/// A PNG that says that it has another size.
fn resized_png(width: u32, height: u32) -> Vec<u8> {
    with(sample("rgb8.png"), 16, &[width.to_be_bytes(), height.to_be_bytes()].concat())
}

#[test]
fn files_of_other_kinds_are_told_what_they_are() {
    for (file, expected) in [
        (&b""[..], "is empty; fetch it again"),
        (b"GIF89a\x01\0\x01\0", "is a GIF; save it as PNG, JPEG or WebP"),
        (b"BM\x36\0", "is a BMP"),
        (b"II*\0\x08\0\0\0", "is a TIFF"),
        (b"\0\0\0\x20ftypavif", "is an AVIF"),
        (b"\0\0\0\x20ftypheic", "is a HEIC"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL"),
        (b"%PDF-1.7", "is a PDF"),
        (b"  \n<?xml version=\"1.0\"?>\n<svg xmlns=", "is an SVG"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "is a web page; fetch the picture itself"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"data:image/png;base64,iVBORw0KGgo=", "is a data URI"),
        (b"a text", "is no PNG, JPEG or WebP, whatever its name says"),
        (b"\x89PNG", "was cut off: the PNG ends before its picture does; fetch it again"),
        (b"\x89PNG\n\n", "is a damaged PNG"),
        (b"\xff\xd8\xff", "was cut off: the JPEG ends"),
        (b"\xff\xd8\xff\xd9", "is a damaged JPEG: it has no picture"),
        (b"RIFF\x04\0\0\0WEBP", "is a damaged WebP: it has no picture"),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 ", "was cut off: the WebP ends"),
    ] {
        let error = refusal(file);
        assert!(error.starts_with(expected), "{file:?}: {error}");
    }
    assert!(refusal(&sample("animated.webp")).starts_with("is an animated WebP, which is not supported"));
}

#[test]
fn kinds_of_jpeg_that_are_not_supported_are_named() {
    let file = sample("rgb.jpg");
    let at = place(&file, b"\xff\xc0");
    for (marker, bits, expected) in [
        (0xc0, 12, "is a JPEG of 12 bits a colour, which is not supported; save it as PNG"),
        (0xc3, 8, "is a lossless JPEG, which"),
        (0xc9, 8, "is a JPEG in arithmetic coding, which"),
        (0xc5, 8, "is a hierarchical JPEG, which"),
    ] {
        let error = refusal(&with(with(file.clone(), at + 1, &[marker]), at + 4, &[bits]));
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    let size = |width: u16, height: u16| {
        let jpeg = sample("rgb.jpg");
        let at = place(&jpeg, b"\xff\xc0") + 5;
        let jpeg = with(jpeg, at, &[height.to_be_bytes(), width.to_be_bytes()].concat());
        let webp = sample("lossy.webp");
        let at = place(&webp, b"\x9d\x01\x2a") + 3;
        let webp = with(webp, at, &[width.to_le_bytes(), height.to_le_bytes()].concat());
        [resized_png(width.into(), height.into()), jpeg, webp]
    };
    let start = Instant::now();
    for file in size(16_383, 16_383) {
        let error = refusal(&file);
        assert!(
            error.contains("has 16383x16383 pixels, and at most 67108864 are read; make it smaller"),
            "{error}"
        );
    }
    for file in &size(16_385, 1)[..2] {
        assert!(refusal(file).contains("the longest side that is read is 16384"), "{}", refusal(file));
    }
    for file in size(0, 8).iter().chain(&size(8, 0)) {
        assert!(refusal(file).contains("a side has no pixels"), "{}", refusal(file));
    }
    let few = Limits { pixels: 37 * 23 - 1, ..Limits::default() };
    let narrow = Limits { side: 36, ..Limits::default() };
    for name in ["rgb8.png", "rgb.jpg", "lossy.webp", "lossless.webp"] {
        for limits in [few, narrow] {
            assert!(read(&sample(name), limits).unwrap_err().to_string().starts_with("has 37x23 pixels"));
        }
        let exactly = Limits { side: 37, pixels: 37 * 23 };
        assert!(read(&sample(name), exactly).is_ok(), "{name}");
    }
    // Nothing of this size was ever unpacked.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn sizes_that_contradict_each_other_are_refused() {
    let jpeg = sample("rgb.jpg");
    let at = place(&jpeg, b"\xff\xc0");
    let frame = jpeg[at..at + 19].to_vec();
    let twice = [&jpeg[..at], &frame, &jpeg[at..]].concat();
    assert!(refusal(&twice).contains("it says twice how large it is"), "{}", refusal(&twice));
    // An outer size that is small, and an inner one that would take a gigabyte.
    for (name, magic, offset) in [("profile.webp", &b"VP8 "[..], 14), ("lossless_alpha.webp", b"VP8L", 9)] {
        let file = sample(name);
        let at = place(&file, magic) + offset;
        let huge = with(file, at, &[0xff, 0x3f, 0xff, 0x3f]);
        let error = refusal(&huge);
        assert!(error.contains("two sizes") || error.contains("pixels"), "{name}: {error}");
    }
}

#[test]
fn chunks_that_are_longer_than_their_file_are_refused() {
    let file = sample("profile.webp");
    for name in [&b"VP8X"[..], b"ICCP", b"VP8 "] {
        let at = place(&file, name) + 4;
        let error = refusal(&with(file.clone(), at, &[0xf0, 0xff, 0xff, 0xff]));
        assert!(error.starts_with("was cut off"), "{error}");
    }
    let file = sample("rgb8_extras.png");
    let at = place(&file, b"iCCP") - 4;
    let error = refusal(&with(file, at, &[0x7f, 0xff, 0xff, 0xff]));
    assert!(error.starts_with("was cut off") || error.starts_with("is a damaged PNG"), "{error}");
}

#[test]
fn a_file_that_ends_anywhere_before_its_end_is_refused() {
    for sample in samples().into_iter().filter(|sample| sample.pixels.is_some()) {
        for end in 0..sample.file.len() {
            let read = read(&sample.file[..end], Limits::default());
            assert!(read.is_err(), "{} of {} bytes of {}", end, sample.file.len(), sample.name);
        }
    }
}

#[test]
fn what_follows_the_end_of_a_file_is_not_read() {
    for sample in samples().into_iter().filter(|sample| sample.pixels.is_some()) {
        let junk = [&sample.file[..], &[0xff; 100], b"\xff\xd8\xff\xc0", &[7; 1000]].concat();
        let picture =
            read(&junk, Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        assert!(picture == read(&sample.file, Limits::default()).unwrap(), "{}", sample.name);
    }
}

#[test]
fn a_palette_that_is_no_list_of_colours_is_refused() {
    let file = sample("palette8.png");
    let at = place(&file, b"PLTE") - 4;
    let end = at + 12 + u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    for length in [1_usize, 2, 4, 95, 257 * 3, 1000] {
        let data = [&b"PLTE"[..], &vec![7; length]].concat();
        let chunk = [&(length as u32).to_be_bytes()[..], &data, &crc32(&data).to_be_bytes()].concat();
        let error = refusal(&[&file[..at], &chunk, &file[end..]].concat());
        assert!(error.contains("is a damaged PNG") && !error.contains("gave up"), "{length}: {error}");
    }
}

/// Bits of a lossless WebP, the lowest first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(mut self, value: usize, count: usize) -> Self {
        self.0.extend((0..count).map(|i| value >> i & 1 == 1));
        self
    }

    /// A code of one symbol.
    fn one(self, symbol: usize) -> Self {
        self.put(0b101, 3).put(symbol, 8)
    }

    /// A code of eleven symbols, the longest of ten bits: a table of 1024 entries.
    fn eleven(self) -> Self {
        let order = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10];
        let length = |symbol: usize| [0, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4].get(symbol).copied().unwrap_or(0);
        let head = self.put(0, 1).put(order.len() - 4, 4);
        let head = order.iter().fold(head, |bits, symbol| bits.put(length(*symbol), 3));
        // Eleven lengths, 1 to 10 and 10 again, each in its own code, the highest bit first.
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10].into_iter().fold(
            head.put(1, 1).put(1, 3).put(9, 4),
            |bits, symbol| {
                let code = if symbol <= 6 { symbol - 1 } else { 12 + symbol - 7 };
                (0..length(symbol)).rev().fold(bits, |bits, i| bits.put(code >> i & 1, 1))
            },
        )
    }
}

/// A WebP of 16×16 pixels with so many sets of five codes.
fn webp_of_sets(sets: usize) -> Vec<u8> {
    let head = Bits::default().put(15, 14).put(15, 14).put(0, 4);
    // No transform, no cache, and a small picture that names the sets: red and green of its only colour.
    let named = head.put(0, 2).put(1, 1).put(0, 3).put(0, 1).one((sets - 1) & 0xff).one((sets - 1) >> 8);
    let codes = (0..sets * 5).fold(named.one(0).one(0).one(0), |bits, _| bits.eleven());
    let bits = codes.put(0, 7).0.into_iter().chain([false; 16 * 16 * 40]).collect::<Vec<bool>>();
    let bytes = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
    let mut data: Vec<u8> = [0x2f].into_iter().chain(bytes).collect();
    data.resize(data.len().next_multiple_of(2), 0);
    let length = |bytes: usize| (bytes as u32).to_le_bytes();
    [b"RIFF", &length(data.len() + 12)[..], b"WEBPVP8L", &length(data.len()), &data].concat()
}

/// Decoders build all tables before the first pixel: 3.8 MB would take 1.3 GiB.
#[test]
fn a_webp_that_asks_for_tables_without_end_is_refused() {
    for sets in [1, 2, 300, 4096] {
        let picture = read(&webp_of_sets(sets), Limits::default());
        assert!(picture.as_ref().is_ok_and(|picture| picture.width == 16), "{sets}: {picture:?}");
    }
    for sets in [4097, 65_536] {
        let error = refusal(&webp_of_sets(sets));
        assert!(error.contains(&format!("it has {sets} sets of codes")), "{error}");
    }
}

#[test]
fn a_jpeg_of_many_passes_is_refused() {
    let file = sample("progressive.jpg");
    let scan = file.windows(2).rposition(|window| window == b"\xff\xda").expect("a scan");
    let end = file.len() - 2;
    let scans = [&file[..end], &file[scan..end].repeat(80), &file[end..]].concat();
    assert!(refusal(&scans).contains("passes over its picture"), "{}", refusal(&scans));
}

#[test]
fn a_file_that_is_opened_is_named_with_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).expect("written");
        file
    };
    let error = |file: &Path| open(file, Limits::default()).map(drop).unwrap_err().to_string();
    let gif = at("a.png", b"GIF89a");
    assert_eq!(error(&gif), format!("{}: is a GIF; save it as PNG, JPEG or WebP", gif.display()));
    assert!(error(&folder.path().join("b.png")).contains("there is no such file"));
    assert!(error(folder.path()).starts_with("cannot read"), "{}", error(folder.path()));
    let whole = at("c.gif", &sample("rgb.jpg"));
    assert!(open(&whole, Limits::default()).is_ok(), "a name says nothing");
    #[cfg(unix)]
    assert!(
        error(Path::new("/dev/zero")).contains("has more than 256 MiB"),
        "{}",
        error(Path::new("/dev/zero"))
    );
}

#[test]
fn what_a_decoder_says_cannot_steer_a_terminal() {
    let picture = Picture::new(8, 8, vec![7; 8 * 8 * 3]);
    let file = picture.encode(Format::Png, None).expect("a file");
    let at = place(&file, b"IDAT");
    let error = refusal(&with(file, at, b"\x1b[2J"));
    assert!(!error.contains('\u{1b}'), "{error:?}");
}
