use std::fs;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;

use crate::weights::blocks::BlockFormat;
use crate::weights::gguf;
use crate::weights::numbers::{NumberFormat, Numbers};
use crate::weights::stored::Contents;

/// The file that the gguf package wrote.
fn valid() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tensors.gguf");
    fs::read(path).unwrap()
}

fn read(file: Vec<u8>) -> Result<Contents, String> {
    gguf::contents(Path::new("x"), &Bytes::from(file))
}

fn what(file: Vec<u8>) -> String {
    read(file).expect_err("it is wrong")
}

#[test]
fn a_file_that_the_gguf_package_wrote_is_read_whole() {
    let contents = read(valid()).unwrap();
    assert_eq!(contents.about.text("name"), Some("small"));
    let tensors = contents.tensors;
    assert_eq!(tensors.len(), 12);
    let blocks = |format: BlockFormat, blocks: usize| (Numbers::Blocks(format), blocks * format.bytes());
    for (name, shape, (numbers, bytes)) in [
        ("f32", &[2, 4, 2, 2][..], (Numbers::Plain(NumberFormat::F32), 128)),
        ("f16", &[4, 8], (Numbers::Plain(NumberFormat::F16), 64)),
        ("bf16", &[3], (Numbers::Plain(NumberFormat::Bf16), 6)),
        ("folded", &[2, 4, 2, 2], blocks(BlockFormat::Q8_0, 1)),
        ("q8_0", &[1, 352], blocks(BlockFormat::Q8_0, 11)),
        ("q5_1", &[1, 352], blocks(BlockFormat::Q5_1, 11)),
        ("q6_k", &[1, 768], blocks(BlockFormat::Q6K, 3)),
    ] {
        let tensor = &tensors[name];
        assert_eq!((&tensor.shape[..], tensor.bytes.len()), (shape, bytes), "{name}");
        assert_eq!(tensor.numbers, Ok(numbers), "{name}");
    }
    let counted: Vec<u8> = (0..32u8).flat_map(|v| f32::from(v).to_le_bytes()).collect();
    assert_eq!(tensors["f32"].bytes, counted);
}

/// The file with other bytes so many after the first place where these stand.
fn with(found: &[u8], after: usize, by: &[u8]) -> Vec<u8> {
    let mut file = valid();
    let at = after + file.windows(found.len()).position(|bytes| bytes == found).unwrap();
    file[at..at + by.len()].copy_from_slice(by);
    file
}

#[test]
fn what_cannot_be_read_is_told_in_a_sentence() {
    let old = |version: &[u8; 4]| [&b"GGUF"[..], version, &[0; 16]].concat();
    // After a name of three letters: dimensions, extents, type, offset.
    let f16 = b"\x03\0\0\0\0\0\0\0f16";
    for (file, expected) in [
        (old(&[1, 0, 0, 0]), "version 1"),
        (old(&[0, 0, 0, 3]), "big-endian"),
        (old(&[9, 0, 0, 0]), "version 9"),
        ([&b"GGUF\x03\0\0\0"[..], &[0xff; 16]].concat(), "18446744073709551615 tensors"),
        (with(b"some.words", 4, b"\x1b"), "not printable"),
        (with(b"some.words", 10, b"\x0d"), "a type 13"),
        (with(b"some.words", 14, b"\x09"), "lists of lists"),
        (with(b"some.words", 21, b"\x01"), "ends within its header: "),
        (with(b"orig_shape.folded", 33, b"\x03"), "was [3, 4, 2, 2]"),
        (with(f16, 8, b"f32"), "two tensors `f32`"),
        (with(f16, 11, b"\x05"), "`f16` has 5 dimensions"),
        (with(f16, 22, b"\x80"), "`f16`, F16 [4, 9223372036854775816] at byte 128, cannot lie"),
        (with(f16, 31, b"\x0b"), "`f16` is stored as Q3_K; Fulmen reads F32"),
        (with(f16, 31, b"\x63"), "`f16` is stored as type 99"),
        (with(f16, 31, b"\x08"), "`f16`, Q8_0 [4, 8]"),
        (with(f16, 35, b"\x81"), "at byte 129, cannot lie"),
        (with(f16, 35, b"\x60"), "`f16` overlaps another"),
        (with(f16, 36, b"\xff"), "ends within tensor `f16`: at least"),
    ] {
        let what = what(file);
        assert!(what.contains(expected), "{expected}: {what}");
    }
}

/// Either refused, or every tensor has the bytes that its shape needs, within the file.
fn is_refused_or_consistent(file: Vec<u8>) {
    let length = file.len();
    let Ok(contents) = read(file) else { return };
    let mut bytes = contents.rest;
    for (key, tensor) in &contents.tensors {
        let count: usize = tensor.shape.iter().product();
        let needed = tensor.numbers.as_ref().unwrap().bytes(count);
        assert_eq!(tensor.bytes.len(), needed, "{key}");
        bytes += needed;
    }
    assert!(bytes <= length, "{bytes} of {length} bytes");
}

/// Numbers and words that a mutation puts where something else was.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let number =
        prop_oneof![0..20u64, Just(u64::MAX), Just(1 << 63), Just(u64::from(u32::MAX)), any::<u64>()];
    prop_oneof![
        number.clone().prop_map(|number| number.to_le_bytes().to_vec()),
        number.prop_map(|number| (number as u32).to_le_bytes().to_vec()),
        Just(b"general.alignment".to_vec()),
        Just(b"comfy.gguf.orig_shape.f16".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ]
}

/// Bytes of the header, tensors' names and all.
const HEADER: usize = 1400;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_gguf_file_with_bytes_replaced_is_refused_or_consistent(
        edits in proptest::collection::vec((0..HEADER, any::<u8>()), 1..6),
    ) {
        let mut file = valid();
        for (at, byte) in edits {
            file[at] = byte;
        }
        is_refused_or_consistent(file);
    }

    #[test]
    fn a_gguf_file_with_numbers_replaced_is_refused_or_consistent(
        edits in proptest::collection::vec((0..HEADER, 0..9usize, token()), 1..4),
    ) {
        let mut file = valid();
        for (at, removed, token) in edits {
            file.splice(at..at + removed, token);
        }
        is_refused_or_consistent(file);
    }

    #[test]
    fn a_truncated_gguf_file_is_refused(cut in any::<prop::sample::Index>()) {
        let file = valid();
        // The last tensor is padded.
        let cut = cut.index(file.len() - 32).max(4);
        prop_assert!(read(file[..cut].to_vec()).is_err(), "cut at {}", cut);
    }
}
