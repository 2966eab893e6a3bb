//! Models in memory, for benchmarks: tensors of the real shapes, whose numbers are parts of a few blocks.
//!
//! Billions of numbers are seconds of drawing and gigabytes of memory, and no kernel is faster for others than for these:
//! random, not zeros, as large as a network needs them to stay finite, and far more than a processor caches. Tensors that
//! follow each other have numbers that follow each other, so that memory is read as that of a real model is.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use half::f16;
use rayon::prelude::*;

use super::initializer::spread;
use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::networks;
use crate::threads;
use crate::weights::{Checkpoint, Configs, Part};

/// What messages call it.
const NAME: &str = "a synthetic model in memory";

/// Numbers of a block at the most, unless one tensor has more.
const BLOCK: usize = 64 << 20;

/// Numbers that one thread draws at a time.
const PIECE: usize = 1 << 18;

/// Tensors begin at multiples of so many numbers.
const GRAIN: usize = 32;

/// What numbers are like: their middle, and the power of two that they reach to both sides of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    is_around_one: bool,
    exponent: i32,
}

impl Kind {
    fn of(name: &str, shape: &[usize]) -> Self {
        let (middle, reach) = spread(name, shape);
        Self { is_around_one: middle == 1.0, exponent: reach.log2().floor() as i32 }
    }
}

/// Numbers of one kind.
#[derive(Default)]
struct Block {
    bytes: Bytes,
    /// Numbers in all tensors of this kind, and in the largest.
    total: usize,
    largest: usize,
    /// Where the next tensor begins.
    next: usize,
}

impl Block {
    fn len(&self) -> usize {
        self.total.min(BLOCK).max(self.largest)
    }

    /// The numbers of a tensor: those after the last one's.
    fn take(&mut self, count: usize) -> Bytes {
        if self.next + count > self.len() {
            self.next = 0;
        }
        let start = self.next;
        self.next += count.next_multiple_of(GRAIN);
        self.bytes.slice(2 * start..2 * (start + count))
    }
}

/// Makes a model of these configurations in memory.
///
/// # Errors
/// A configuration is not of SDXL's kind, or there is not as much memory.
pub fn in_memory(configs: &Configs) -> Result<Checkpoint> {
    threads::start();
    let mut blocks = BTreeMap::new();
    for part in Part::WITH_WEIGHTS {
        for spec in networks::describe(configs, part)?.tensors {
            let block: &mut Block = blocks.entry(Kind::of(&spec.name, &spec.shape)).or_default();
            let count: usize = spec.shape.iter().product();
            block.total += count.next_multiple_of(GRAIN);
            block.largest = block.largest.max(count);
        }
    }
    let (need, have) = (blocks.values().map(|block| 2 * block.len() as u64).sum(), Memory::now().free);
    if need > have {
        return Err(Error::Memory { device: "this machine".into(), need, have });
    }
    for (kind, block) in &mut blocks {
        block.bytes = draw(*kind, block.len());
    }
    let mut make = |_, name: &str, shape: &[usize]| {
        let block = blocks.get_mut(&Kind::of(name, shape));
        block.map_or_else(Bytes::new, |block| block.take(shape.iter().product()))
    };
    let checkpoint = Checkpoint::made(Path::new(NAME), configs, networks::describe, &mut make)?;
    checkpoint.verify()?;
    Ok(checkpoint)
}

/// So many numbers of a kind, the same in every run.
fn draw(kind: Kind, count: usize) -> Bytes {
    let (middle, reach) = (if kind.is_around_one { 1.0 } else { 0.0 }, (kind.exponent as f32).exp2());
    let number = |i: u32| middle + reach * ((i as f32 + 0.5) / 32768.0 - 1.0);
    let numbers: Vec<[u8; 2]> = (0..1 << 16).map(|i| f16::from_f32(number(i)).to_le_bytes()).collect();
    let mut bytes = vec![0; 2 * count];
    bytes.par_chunks_mut(2 * PIECE).enumerate().for_each(|(piece, bytes)| {
        let mut state = (piece as u64) << 32 | u64::from(kind.exponent.unsigned_abs());
        for four in bytes.chunks_mut(8) {
            let random = next(&mut state).to_le_bytes();
            for (number, random) in four.chunks_mut(2).zip(random.as_chunks::<2>().0) {
                number.copy_from_slice(&numbers[usize::from(u16::from_le_bytes(*random))]);
            }
        }
    });
    Bytes::from(bytes)
}

/// SplitMix64 (Steele, Lea and Flood 2014): a few operations for 64 bits.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Configs {
        Checkpoint::embedded_demo().expect("it is part of the binary").configs().clone()
    }

    #[test]
    fn a_model_in_memory_has_every_tensor_and_is_the_same_every_time() {
        let [first, second] = [(); 2].map(|()| in_memory(&demo()).expect("it fits"));
        for part in Part::WITH_WEIGHTS {
            for spec in networks::describe(&demo(), part).expect("a network").tensors {
                let read = |model: &Checkpoint| {
                    let weights = model.weights(part).expect("a part");
                    weights.tensor(&spec.name, &spec.shape).expect("a tensor").to_f32()
                };
                let numbers = read(&first);
                assert_eq!(numbers, read(&second), "{part}.{}", spec.name);
                let (middle, reach) = spread(&spec.name, &spec.shape);
                let is_near = |v: &f32| (v - middle).abs() <= reach;
                assert!(numbers.iter().all(is_near), "{part}.{}: {middle} ± {reach}", spec.name);
                let is_constant = numbers.iter().all(|v| *v == numbers[0]);
                assert!(numbers.len() == 1 || !is_constant, "{part}.{}", spec.name);
            }
        }
    }

    #[test]
    fn tensors_begin_where_the_last_one_ended_and_over_again_at_the_end() {
        let bytes: Bytes = (0..200u8).collect();
        let mut block = Block { bytes, total: 100, largest: 60, next: 0 };
        let starts: Vec<u8> = [60, 20, 30, 60].into_iter().map(|count| block.take(count)[0]).collect();
        assert_eq!(starts, [0, 128, 0, 64], "in bytes");
    }
}
