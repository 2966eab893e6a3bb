use std::fs;
use std::path::Path;

use half::f16;
use safetensors::SafeTensors;

use crate::weights::blocks::BlockFormat;
use crate::weights::numbers::{from_e4m3, from_e5m2};

/// Tensors of a fixture, by name.
fn fixture() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/blocks.safetensors");
    fs::read(path).unwrap()
}

fn values(tensors: &SafeTensors, name: &str) -> Vec<f32> {
    let bytes = tensors.tensor(name).unwrap().data();
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn name(format: BlockFormat) -> &'static str {
    match format {
        BlockFormat::Q8_0 => "q8_0",
        BlockFormat::Q5_0 => "q5_0",
        BlockFormat::Q5_1 => "q5_1",
        BlockFormat::Q4_0 => "q4_0",
        BlockFormat::Q4_1 => "q4_1",
        BlockFormat::Q4K => "q4_k",
        BlockFormat::Q5K => "q5_k",
        BlockFormat::Q6K => "q6_k",
    }
}

/// Fails unless the numbers are the same bits; a NaN is like any other.
fn assert_same_bits(found: &[f32], right: &[f32], what: &str) {
    assert_eq!(found.len(), right.len(), "{what}");
    for (i, (found, right)) in found.iter().zip(right).enumerate() {
        let same = found.to_bits() == right.to_bits() || found.is_nan() && right.is_nan();
        assert!(same, "{what}, number {i}: {found} is not {right}");
    }
}

#[test]
fn blocks_are_decoded_to_the_bits_of_the_gguf_package() {
    let file = fixture();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    for format in BlockFormat::ALL {
        let blocks = tensors.tensor(&format!("{}.blocks", name(format))).unwrap().data();
        let right = values(&tensors, &format!("{}.values", name(format)));
        assert_eq!(blocks.len() / format.bytes() * format.numbers(), right.len(), "{format:?}");
        let mut found = vec![0.0; right.len()];
        format.decode(blocks, &mut found);
        assert_same_bits(&found, &right, &format!("{format:?}"));
    }
}

#[test]
fn a_read_may_begin_and_end_within_a_block() {
    let file = fixture();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    for format in BlockFormat::ALL {
        let blocks = tensors.tensor(&format!("{}.blocks", name(format))).unwrap().data();
        let right = values(&tensors, &format!("{}.values", name(format)));
        let n = format.numbers();
        for (start, end) in [(0, 1), (1, 2), (3, n), (n - 1, n + 1), (n, 2 * n), (5, 2 * n + 7), (7, 7)] {
            let mut found = vec![0.0; end - start];
            format.read(blocks, start, &mut found);
            assert_same_bits(&found, &right[start..end], &format!("{format:?}, {start}..{end}"));
        }
    }
}

#[test]
fn blocks_are_finite_where_all_their_numbers_are() {
    let file = fixture();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    for format in BlockFormat::ALL {
        let blocks = tensors.tensor(&format!("{}.blocks", name(format))).unwrap().data();
        assert!(format.all_finite(blocks), "{format:?}");
        for at in 0..format.bytes() {
            let mut bad = blocks.to_vec();
            let second = format.bytes() + at;
            bad[second..second + 2].copy_from_slice(&f16::INFINITY.to_le_bytes());
            let mut numbers = vec![0.0; blocks.len() / format.bytes() * format.numbers()];
            format.decode(&bad, &mut numbers);
            let right = numbers.iter().all(|v| v.is_finite());
            assert_eq!(format.all_finite(&bad), right, "{format:?}, byte {at}");
        }
    }
}

#[test]
fn every_code_of_eight_bits_is_the_number_that_torch_reads() {
    let file = fixture();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let all = |decode: fn(u8) -> f32| (0..=u8::MAX).map(decode).collect::<Vec<_>>();
    assert_same_bits(&all(from_e4m3), &values(&tensors, "f8_e4m3"), "e4m3");
    assert_same_bits(&all(from_e5m2), &values(&tensors, "f8_e5m2"), "e5m2");
}
