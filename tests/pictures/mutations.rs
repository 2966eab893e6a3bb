//! Files that were whole once, with anything done to them.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use fulmen_engine::picture::{Limits, Picture, read};
use proptest::prelude::*;

use super::samples;

/// Small, so that a lie about the size costs the test nothing.
const LIMITS: Limits = Limits { side: 256, pixels: 128 * 128 };

/// Many times what any of them takes.
const LONGEST: Duration = Duration::from_secs(5);

static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| samples().into_iter().map(|s| s.file).collect());

/// Either refused in words, or a picture within the limits whose parts fit together; and soon.
fn is_refused_or_consistent(file: &[u8]) {
    let start = Instant::now();
    match read(file, LIMITS) {
        Err(error) => {
            let error = error.to_string();
            assert!(error.len() > 20 && !error.contains("gave up"), "{error}");
        }
        Ok(Picture { width, height, rgb, alpha }) => {
            assert!(width.max(height) <= LIMITS.side && width * height <= LIMITS.pixels);
            assert_eq!(rgb.len(), width * height * 3);
            assert!(alpha.is_none_or(|alpha| alpha.len() == width * height));
        }
    }
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The checksum of every chunk of a PNG, as far as its lengths lead.
fn with_true_checksums(mut file: Vec<u8>) -> Vec<u8> {
    let mut at = PNG.len();
    while let Some(length) = file.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let (data, sum) = (at + 4, at + 8 + length);
        if sum + 4 > file.len() {
            break;
        }
        let true_sum = crc32(&file[data..sum]).to_be_bytes();
        file[sum..sum + 4].copy_from_slice(&true_sum);
        at = sum + 4;
    }
    file
}

/// The checksum of PNG and zip, bit by bit.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(
            sum ^ u32::from(byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 },
        )
    })
}

/// Numbers that formats hold lengths and sizes in.
fn number() -> impl Strategy<Value = Vec<u8>> {
    let numbers = [0_u32, 1, 2, 7, 8, 37, 64, 255, 256, 16_383, 65_535, 1 << 24, i32::MAX as u32, u32::MAX];
    let numbers = proptest::sample::select(numbers.to_vec());
    prop_oneof![
        numbers.clone().prop_map(|n| n.to_be_bytes().to_vec()),
        numbers.clone().prop_map(|n| n.to_le_bytes().to_vec()),
        numbers.prop_map(|n| (n as u16).to_be_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 1..5),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_picture_with_bytes_replaced_is_refused_or_consistent(
        which in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = which.get(&FILES).clone();
        for (at, byte) in edits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        is_refused_or_consistent(&file);
    }

    /// A checksum that is true lets what was changed reach the decoder.
    #[test]
    fn a_png_with_bytes_replaced_under_true_checksums_is_refused_or_consistent(
        which in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let pngs: Vec<_> = FILES.iter().filter(|file| file.starts_with(PNG)).collect();
        let mut file = which.get(&pngs).to_vec();
        for (at, byte) in edits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        is_refused_or_consistent(&with_true_checksums(file));
    }

    /// Heads are short, and in them a byte says more.
    #[test]
    fn a_picture_with_another_head_is_refused_or_consistent(
        which in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((0..220_usize, number()), 1..4),
    ) {
        let mut file = which.get(&FILES).clone();
        for (at, bytes) in edits {
            let at = at.min(file.len() - bytes.len());
            file[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        is_refused_or_consistent(&file);
    }

    #[test]
    fn pieces_of_pictures_joined_are_refused_or_consistent(
        pieces in proptest::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5),
    ) {
        let mut file = pieces[0].0.get(&FILES)[..32].to_vec();
        for (which, from, to) in pieces {
            let whole = which.get(&FILES);
            let (from, to) = (from.index(whole.len()), to.index(whole.len()));
            file.extend(&whole[from.min(to)..from.max(to)]);
        }
        is_refused_or_consistent(&file);
    }
}
