//! What weights read, whatever they are views of and however their numbers are stored.

use std::sync::Arc;

use bytes::Bytes;
use half::f16;

use super::super::blocks::BlockFormat;
use super::super::numbers::{NumberFormat, Numbers};
use super::super::weight::{Patch, View, Weight};

#[test]
fn unaligned_bytes_read_the_same_numbers() {
    let values = [1.0f32, -2.5, 65504.0, 6.1e-5];
    let mut shifted = vec![0u8];
    shifted.extend(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()));
    let bytes = Bytes::from(shifted).slice(1..);
    let weight = Weight::new("x", vec![4], NumberFormat::F16, bytes);
    let expected: Vec<f32> = values.iter().map(|v| f16::from_f32(*v).to_f32()).collect();
    assert_eq!(weight.to_f32(), expected);
}

/// Numbers 0, 1, 2 … as they are stored.
fn counted(numbers: Numbers, count: usize) -> Bytes {
    let halves = |v: usize| f16::from_f32(v as f32).to_le_bytes();
    match numbers {
        Numbers::Plain(NumberFormat::F32) => (0..count).flat_map(|v| (v as f32).to_le_bytes()).collect(),
        Numbers::Plain(NumberFormat::F16) => (0..count).flat_map(halves).collect(),
        Numbers::Plain(NumberFormat::Bf16) => {
            (0..count).flat_map(|v| half::bf16::from_f32(v as f32).to_le_bytes()).collect()
        }
        Numbers::Plain(_) => unreachable!("eight bits cannot count so far"),
        // A scale of one, then integers.
        Numbers::Blocks(_) => {
            let block = |b| halves(1).into_iter().chain((0..32).map(move |i| (32 * b + i) as u8));
            (0..count / 32).flat_map(block).collect()
        }
    }
}

const STORED: [Numbers; 4] = [
    Numbers::Plain(NumberFormat::F32),
    Numbers::Plain(NumberFormat::F16),
    Numbers::Plain(NumberFormat::Bf16),
    Numbers::Blocks(BlockFormat::Q8_0),
];

#[test]
fn every_view_of_every_format_reads_its_numbers_from_any_place_on() {
    let number = |view, i: usize| match view {
        View::Whole => i,
        View::Third(third) => usize::from(third) * 32 + i,
        View::Half(half) => usize::from(half) * 48 + i,
        // [8, 12] of [12, 8].
        View::Transposed => i % 12 * 8 + i / 12,
    };
    for numbers in STORED {
        for (view, shape) in [
            (View::Whole, vec![8, 12]),
            (View::Third(0), vec![4, 8]),
            (View::Third(2), vec![4, 8]),
            (View::Half(1), vec![6, 8]),
            (View::Transposed, vec![8, 12]),
        ] {
            let weight = Weight::of("x", shape, numbers, view, counted(numbers, 96));
            for start in 0..weight.len() {
                let wanted: Vec<f32> = (start..weight.len()).map(|i| number(view, i) as f32).collect();
                let mut found = vec![0.0; wanted.len()];
                weight.read(start, &mut found);
                assert_eq!(found, wanted, "{numbers:?}, {view:?} from {start}");
                let mut halves = vec![f16::ZERO; wanted.len()];
                weight.read_halves(start, &mut halves);
                let halves: Vec<f32> = halves.into_iter().map(f16::to_f32).collect();
                assert_eq!(halves, wanted, "{numbers:?}, {view:?} from {start}, as halves");
            }
        }
    }
}

/// Adds the number's place, times a factor.
#[derive(Debug)]
struct Ramp(f32);

impl Patch for Ramp {
    fn apply(&self, start: usize, out: &mut [f32]) {
        out.iter_mut().enumerate().for_each(|(i, out)| *out += self.0 * (start + i) as f32);
    }
}

#[test]
fn patches_change_what_is_read_one_after_the_other_and_not_the_weight_itself() {
    let bytes = counted(Numbers::Plain(NumberFormat::F16), 96);
    let plain = Weight::of("x", vec![4, 8], Numbers::Plain(NumberFormat::F16), View::Third(1), bytes);
    let patched = plain.patched(Arc::new(Ramp(2.0))).patched(Arc::new(Ramp(0.5)));
    let wanted: Vec<f32> = (5..32).map(|i| 32.0 + 3.5 * i as f32).collect();
    let (mut found, mut halves) = (vec![0.0; 27], vec![f16::ZERO; 27]);
    patched.read(5, &mut found);
    patched.read_halves(5, &mut halves);
    assert_eq!(found, wanted);
    assert_eq!(halves.into_iter().map(f16::to_f32).collect::<Vec<_>>(), wanted);
    assert_ne!(patched.id(), plain.id());
    assert_eq!(plain.to_f32()[1], 33.0);
}

/// Three matrices of one input, stored in three ways, of which LoRAs change one.
#[test]
fn weights_one_above_the_other_read_the_numbers_of_each() {
    let plain = |numbers, rows: usize| {
        Arc::new(Weight::of("x", vec![rows, 32], numbers, View::Whole, counted(numbers, rows * 32)))
    };
    let changed = Arc::new(plain(STORED[1], 2).patched(Arc::new(Ramp(0.5))));
    for parts in [
        [plain(STORED[0], 3), changed.clone(), plain(STORED[3], 4)],
        [plain(STORED[1], 1), plain(STORED[1], 2), plain(STORED[1], 3)],
        [1, 2, 3].map(|rows| Arc::new(plain(STORED[3], rows).quantised().expect("it is a matrix"))),
    ] {
        let weight = Weight::stacked("all", parts.clone());
        let wanted: Vec<f32> = parts.iter().flat_map(|part| part.to_f32()).collect();
        assert_eq!((weight.shape()[1], weight.to_f32()), (32, wanted.clone()));
        assert_eq!(weight.is_changed(), parts.iter().any(|part| part.is_changed()));
        assert_eq!(weight.id(), Weight::stacked("again", parts.clone()).id());
        for start in 0..weight.len() {
            let mut halves = vec![f16::ZERO; weight.len() - start];
            weight.read_halves(start, &mut halves);
            assert!(
                halves.iter().zip(&wanted[start..]).all(|(found, wanted)| *found == f16::from_f32(*wanted))
            );
        }
        for (first, rows, column, count) in [(0, weight.outputs(), 0, 32), (1, 4, 3, 7), (2, 1, 31, 1)] {
            let mut found = vec![0.0; rows * count];
            weight.read_rows(first * 32 + column, 32, count, &mut found);
            let row = |row: usize| wanted[(first + row) * 32 + column..][..count].to_vec();
            assert_eq!(found, (0..rows).flat_map(row).collect::<Vec<_>>(), "{rows} rows from {first}");
        }
    }
}
