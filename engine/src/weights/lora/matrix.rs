//! Differences of a weight as LoRAs store them: in factors, of which a piece of a row is made when it is
//! read, so that no merged copy of a model is ever in memory.

use std::sync::Arc;

use pulp::{Simd, WithSimd};

use crate::weights::weight::Weight;

/// Numbers that are made at once where a product needs working space.
const PIECE: usize = 256;

/// A matrix `[rows, columns]`, mostly in factors.
#[derive(Debug)]
pub(super) enum Matrix {
    /// As it lies in its file.
    Stored(Arc<Weight>),
    /// `up [rows, rank] · down [rank, columns]`.
    LowRank { up: Vec<f32>, down: Vec<f32>, rank: usize, columns: usize },
    /// The product of each number with its like (LoHa).
    Hadamard(Box<[Matrix; 2]>),
    /// The Kronecker product of a matrix `[rows, across]` with another (LoKr).
    Kronecker { left: Vec<f32>, across: usize, right: Box<Matrix> },
}

impl Matrix {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Stored(weight) => weight.outputs(),
            Self::LowRank { up, rank, .. } => up.len() / rank,
            Self::Hadamard(pair) => pair[0].rows(),
            Self::Kronecker { left, across, right } => left.len() / across * right.rows(),
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Stored(weight) => weight.fan_in(),
            Self::LowRank { columns, .. } => *columns,
            Self::Hadamard(pair) => pair[0].columns(),
            Self::Kronecker { across, right, .. } => across * right.columns(),
        }
    }

    /// Adds `factor` times the numbers of a row from the `start`-th on.
    pub(super) fn add(&self, row: usize, start: usize, factor: f32, out: &mut [f32]) {
        match self {
            Self::Stored(weight) => {
                let mut piece = [0.0; PIECE];
                for (i, out) in out.chunks_mut(PIECE).enumerate() {
                    let piece = &mut piece[..out.len()];
                    weight.read(row * weight.fan_in() + start + i * PIECE, piece);
                    out.iter_mut().zip(piece).for_each(|(out, value)| *out += factor * *value);
                }
            }
            Self::LowRank { up, down, rank, columns } => {
                let up = &up[row * rank..][..*rank];
                let down = &down[start..];
                pulp::Arch::new().dispatch(AddCombination { up, down, columns: *columns, factor, out });
            }
            Self::Hadamard(pair) => {
                for (i, out) in out.chunks_mut(PIECE).enumerate() {
                    let (mut first, mut second) = ([0.0; PIECE], [0.0; PIECE]);
                    let (first, second) = (&mut first[..out.len()], &mut second[..out.len()]);
                    pair[0].add(row, start + i * PIECE, factor, first);
                    pair[1].add(row, start + i * PIECE, 1.0, second);
                    out.iter_mut().zip(first).zip(second).for_each(|((out, a), b)| *out += *a * *b);
                }
            }
            Self::Kronecker { left, across, right } => {
                let left = &left[row / right.rows() * across..][..*across];
                let (row, columns) = (row % right.rows(), right.columns());
                let mut at = start;
                let mut rest = out;
                while !rest.is_empty() {
                    let within = at % columns;
                    let (piece, after) = rest.split_at_mut((columns - within).min(rest.len()));
                    right.add(row, within, factor * left[at / columns], piece);
                    at += piece.len();
                    rest = after;
                }
            }
        }
    }
}

/// Adds to a piece of a row a combination of the same piece of a few rows: `out += factor · up · down`.
struct AddCombination<'a> {
    up: &'a [f32],
    down: &'a [f32],
    columns: usize,
    factor: f32,
    out: &'a mut [f32],
}

impl WithSimd for AddCombination<'_> {
    type Output = ();

    /// Four vectors of sums stay in registers while all rows pass by.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { up, down, columns, factor, out } = self;
        let (vectors, tail) = S::as_mut_simd_f32s(out);
        let done = vectors.len() * S::F32_LANES;
        let factors = simd.splat_f32s(factor);
        let (fours, rest) = vectors.as_chunks_mut::<4>();
        let first = 4 * S::F32_LANES * fours.len();
        for (i, out) in fours.iter_mut().enumerate() {
            let mut sums = [simd.splat_f32s(0.0); 4];
            for (k, up) in up.iter().enumerate() {
                let row = &down[k * columns + 4 * S::F32_LANES * i..][..4 * S::F32_LANES];
                let (row, up) = (S::as_simd_f32s(row).0, simd.splat_f32s(*up));
                for (sum, down) in sums.iter_mut().zip(row) {
                    *sum = simd.mul_add_e_f32s(up, *down, *sum);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = simd.mul_add_e_f32s(factors, sum, *out);
            }
        }
        for (i, out) in rest.iter_mut().enumerate() {
            let mut sum = simd.splat_f32s(0.0);
            for (k, up) in up.iter().enumerate() {
                let row = &down[k * columns + first + S::F32_LANES * i..][..S::F32_LANES];
                sum = simd.mul_add_e_f32s(simd.splat_f32s(*up), S::as_simd_f32s(row).0[0], sum);
            }
            *out = simd.mul_add_e_f32s(factors, sum, *out);
        }
        for (i, out) in tail.iter_mut().enumerate() {
            let sum: f32 = up.iter().enumerate().map(|(k, up)| up * down[k * columns + done + i]).sum();
            *out += factor * sum;
        }
    }
}
