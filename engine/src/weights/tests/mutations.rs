//! Files that were whole once, with anything done to them.

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors};

use super::make::safetensors;
use crate::weights::archive;
use crate::weights::numbers::Numbers;
use crate::weights::stored::Contents;

fn valid() -> Vec<u8> {
    let numbers = |count: usize| (0..count).map(|i| i as u8).collect();
    safetensors(&[
        ("down_blocks.0.conv.weight".into(), Dtype::F16, vec![2, 3, 1, 1], numbers(12)),
        ("down_blocks.0.conv.bias".into(), Dtype::F32, vec![2], numbers(8)),
        ("position_ids".into(), Dtype::I64, vec![1, 2], numbers(16)),
        ("empty".into(), Dtype::BF16, vec![0], vec![]),
    ])
}

/// Either refused, or every tensor has the bytes that its shape needs, and the format's own reader agrees.
fn is_refused_or_consistent(bytes: Vec<u8>) {
    let bytes = Bytes::from(bytes);
    let Ok(Contents { tensors, rest, .. }) = archive::contents(Path::new("x"), &bytes) else { return };
    // Bytes after the last tensor are all that we read past and the crate does not.
    let theirs = SafeTensors::deserialize(&bytes[..bytes.len() - rest]).expect("the crate accepts it, too");
    assert_eq!(tensors.len(), theirs.len());
    for (key, tensor) in tensors {
        let count: usize = tensor.shape.iter().product();
        let same = theirs.tensor(&key).expect("the crate has it, too");
        assert_eq!(tensor.bytes.len() * 8, count * same.dtype().bitsize(), "{key}");
        assert_eq!(
            (Numbers::of(same.dtype()), same.shape(), same.data()),
            (tensor.numbers, &tensor.shape[..], &tensor.bytes[..])
        );
    }
}

/// Pieces of headers: what a mutation puts where something else was.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let tokens = [
        "0",
        "1",
        "-1",
        "8",
        "1e9",
        "0.5",
        "18446744073709551615",
        "99999999999999999999",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "null",
        "\"F16\"",
        "\"F64\"",
        "\"F4\"",
        "\"BOOL\"",
        "[0,8]",
        "[]",
        "\"shape\"",
        "\"dtype\"",
        "\\u0000",
        "\"data_offsets\":[0,8]",
        "__metadata__",
        "\u{fffd}",
    ];
    prop_oneof![
        proptest::sample::select(tokens.to_vec()).prop_map(|token| token.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_with_bytes_replaced_is_refused_or_consistent(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = valid();
        for (at, byte) in edits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        is_refused_or_consistent(file);
    }

    #[test]
    fn a_header_with_tokens_replaced_is_refused_or_consistent(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..6usize, token()), 1..4),
    ) {
        let file = valid();
        let length = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
        let (mut header, data) = (file[8..8 + length].to_vec(), &file[8 + length..]);
        for (at, removed, token) in edits {
            let at = at.index(header.len() + 1);
            let end = (at + removed).min(header.len());
            header.splice(at..end, token);
        }
        // A length that fits, so that the JSON is what is tested.
        is_refused_or_consistent([&(header.len() as u64).to_le_bytes()[..], &header, data].concat());
    }

    #[test]
    fn a_truncated_file_is_refused(cut in any::<prop::sample::Index>()) {
        let file = valid();
        let cut = cut.index(file.len());
        let bytes = Bytes::from(file[..cut].to_vec());
        prop_assert!(archive::contents(Path::new("x"), &bytes).is_err(), "cut at {}", cut);
    }

    #[test]
    fn a_header_of_any_length_is_refused_or_consistent(length in any::<u64>(), small in 0..600u64) {
        for length in [length, small] {
            let mut file = valid();
            file[..8].copy_from_slice(&length.to_le_bytes());
            is_refused_or_consistent(file);
        }
    }
}
