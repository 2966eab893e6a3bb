//! Differences of a weight as LoRAs store them: in factors, of which pieces of rows are made when they are
//! read, so that no merged copy of a model is ever in memory.

use std::ops::Range;

use crate::weights::vectors::vectorised;
use crate::weights::weight::Weight;

/// Columns of a tile of a lower factor, from which a piece of every row is made before the next is read.
const TILE: usize = 128;
/// Sums of a row that stay in registers; as many of `TOGETHER` rows do.
const SUMS: usize = 32;
/// Rows that are made together, so that a vector that was read is used as often.
const TOGETHER: usize = 4;

/// A matrix `[rows, columns]`, mostly in factors.
#[derive(Debug)]
pub(super) enum Matrix {
    /// As it lies in its file.
    StoredTensor(Weight),
    /// `up [rows, rank] · down [rank, columns]`.
    LowRank { up: Weight, down: Weight },
    /// The product of each number with its like (LoHa).
    Hadamard(Box<[Matrix; 2]>),
    /// The Kronecker product of a matrix `[rows, across]` with another (LoKr).
    Kronecker { left: Vec<f32>, across: usize, right: Box<Matrix> },
}

/// A rectangle of a matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The first row.
    pub(super) row: usize,
    /// The first column.
    pub(super) start: usize,
    /// Columns. There are as many rows as there is room for in what it is written to.
    pub(super) count: usize,
}

impl Matrix {
    /// Bytes in memory that are of no file.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::StoredTensor(weight) => weight.own_bytes(),
            Self::LowRank { up, down } => up.own_bytes() + down.own_bytes(),
            Self::Hadamard(pair) => pair.iter().map(Self::bytes).sum(),
            Self::Kronecker { left, right, .. } => size_of_val(&left[..]) + right.bytes(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::StoredTensor(weight) => weight.outputs(),
            Self::LowRank { up, .. } => up.outputs(),
            Self::Hadamard(pair) => pair[0].rows(),
            Self::Kronecker { left, across, right } => left.len() / across * right.rows(),
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::StoredTensor(weight) => weight.fan_in(),
            Self::LowRank { down, .. } => down.fan_in(),
            Self::Hadamard(pair) => pair[0].columns(),
            Self::Kronecker { across, right, .. } => across * right.columns(),
        }
    }

    /// Adds `factor` times the numbers of a rectangle, rows one after the other.
    pub(super) fn add(&self, place: Place, factor: f32, out: &mut [f32]) {
        let Place { row, start, count } = place;
        match self {
            Self::StoredTensor(weight) => {
                let mut numbers = vec![0.0; out.len()];
                weight.read_rows(row * weight.fan_in() + start, weight.fan_in(), count, &mut numbers);
                out.iter_mut().zip(numbers).for_each(|(out, value)| *out += factor * value);
            }
            Self::LowRank { up, down } => add_product([up, down], place, factor, out),
            Self::Hadamard(pair) => {
                let (mut first, mut second) = (vec![0.0; out.len()], vec![0.0; out.len()]);
                pair[0].add(place, factor, &mut first);
                pair[1].add(place, 1.0, &mut second);
                out.iter_mut().zip(first).zip(second).for_each(|((out, a), b)| *out += a * b);
            }
            Self::Kronecker { left, across, right } => {
                for (row, out) in (row..).zip(out.chunks_exact_mut(count)) {
                    let left = &left[row / right.rows() * across..][..*across];
                    let pieces = pieces(start, out, right.columns());
                    for (column, start, out) in pieces {
                        let place = Place { row: row % right.rows(), start, count: out.len() };
                        right.add(place, factor * left[column], out);
                    }
                }
            }
        }
    }
}

/// A stretch of a row cut where blocks of `columns` begin: `(block, first column in it, piece)`.
pub(super) fn pieces(
    start: usize,
    out: &mut [f32],
    columns: usize,
) -> impl Iterator<Item = (usize, usize, &mut [f32])> {
    let (mut at, mut rest) = (start, out);
    std::iter::from_fn(move || {
        let within = at % columns;
        let count = (columns - within).min(rest.len());
        let (piece, after) = std::mem::take(&mut rest).split_at_mut(count);
        rest = after;
        let block = at / columns;
        at += count;
        (count > 0).then_some((block, within, piece))
    })
}

/// Adds `factor · up · down`.
fn add_product([up, down]: [&Weight; 2], place: Place, factor: f32, out: &mut [f32]) {
    let Place { row, start, count } = place;
    let rank = down.outputs();
    let mut factors = vec![0.0; out.len() / count * rank];
    up.read(row * rank, &mut factors);
    factors.iter_mut().for_each(|value| *value *= factor);
    let mut tile = vec![[0.0; TILE]; rank];
    for first in (0..count).step_by(TILE) {
        let columns = first..count.min(first + TILE);
        for (k, line) in tile.iter_mut().enumerate() {
            down.read(k * down.fan_in() + start + first, &mut line[..columns.len()]);
        }
        for (factors, out) in factors.chunks(TOGETHER * rank).zip(out.chunks_mut(TOGETHER * count)) {
            if out.len() == TOGETHER * count {
                vectorised(
                    #[inline(always)]
                    || add_tile::<TOGETHER>(factors, &tile, columns.clone(), out),
                );
            } else {
                for (factors, out) in factors.chunks(rank).zip(out.chunks_mut(count)) {
                    vectorised(
                        #[inline(always)]
                        || add_tile::<1>(factors, &tile, columns.clone(), out),
                    );
                }
            }
        }
    }
}

/// Adds to these columns of `ROWS` rows the combinations of a tile's lines that `factors [ROWS][lines]` say.
#[inline(always)]
fn add_tile<const ROWS: usize>(
    factors: &[f32],
    tile: &[[f32; TILE]],
    columns: Range<usize>,
    out: &mut [f32],
) {
    let (count, rank) = (out.len() / ROWS, tile.len());
    for first in (0..columns.len()).step_by(SUMS) {
        let mut sums = [[0.0; SUMS]; ROWS];
        for (k, line) in tile.iter().enumerate() {
            let line: [f32; SUMS] = std::array::from_fn(|n| line[first + n]);
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = factors[row * rank + k];
                for n in 0..SUMS {
                    sums[n] += factor * line[n];
                }
            }
        }
        let columns = columns.start + first..columns.end.min(columns.start + first + SUMS);
        for (row, sums) in sums.iter().enumerate() {
            let out = &mut out[row * count..][columns.clone()];
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
        }
    }
}
