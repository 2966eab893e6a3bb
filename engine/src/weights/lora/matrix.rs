//! Differences of a weight as LoRAs store them: in factors, of which a piece of a row is made when it is
//! read, so that no merged copy of a model is ever in memory.

use std::sync::Arc;

use super::tiles::{TOGETHER, Tiles};
use crate::weights::weight::Weight;

/// Numbers that are made at once where a product needs working space.
const PIECE: usize = 256;

/// A matrix `[rows, columns]`, mostly in factors.
#[derive(Debug)]
pub(super) enum Matrix {
    /// As it lies in its file.
    StoredTensor(Arc<Weight>),
    /// `up [rows, rank] · down [rank, columns]`.
    LowRank { up: Vec<f32>, down: Tiles },
    /// The product of each number with its like (LoHa).
    Hadamard(Box<[Matrix; 2]>),
    /// The Kronecker product of a matrix `[rows, across]` with another (LoKr).
    Kronecker { left: Vec<f32>, across: usize, right: Box<Matrix> },
}

impl Matrix {
    /// Whether some of its numbers are read from its file.
    pub(super) fn is_stored(&self) -> bool {
        match self {
            Self::StoredTensor(_) => true,
            Self::LowRank { .. } => false,
            Self::Hadamard(pair) => pair.iter().any(Self::is_stored),
            Self::Kronecker { right, .. } => right.is_stored(),
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::StoredTensor(_) => 0,
            Self::LowRank { up, down } => size_of_val(&up[..]) + down.bytes(),
            Self::Hadamard(pair) => pair.iter().map(Self::bytes).sum(),
            Self::Kronecker { left, right, .. } => size_of_val(&left[..]) + right.bytes(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::StoredTensor(weight) => weight.outputs(),
            Self::LowRank { up, down } => up.len() / down.rank(),
            Self::Hadamard(pair) => pair[0].rows(),
            Self::Kronecker { left, across, right } => left.len() / across * right.rows(),
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::StoredTensor(weight) => weight.fan_in(),
            Self::LowRank { down, .. } => down.columns(),
            Self::Hadamard(pair) => pair[0].columns(),
            Self::Kronecker { across, right, .. } => across * right.columns(),
        }
    }

    /// Adds `factor` times the numbers of a row from the `start`-th on.
    pub(super) fn add(&self, row: usize, start: usize, factor: f32, out: &mut [f32]) {
        match self {
            Self::StoredTensor(weight) => {
                let mut piece = [0.0; PIECE];
                for (i, out) in out.chunks_mut(PIECE).enumerate() {
                    let piece = &mut piece[..out.len()];
                    weight.read(row * weight.fan_in() + start + i * PIECE, piece);
                    out.iter_mut().zip(piece).for_each(|(out, value)| *out += factor * *value);
                }
            }
            Self::LowRank { up, down } => {
                down.add::<1>([&up[row * down.rank()..][..down.rank()]], start, factor, [out]);
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

    /// The same of `count` numbers of each of several rows, which lie in `out` one after the other.
    pub(super) fn add_rows(&self, first: Place, count: usize, factor: f32, out: &mut [f32]) {
        let Place { mut row, start } = first;
        for some in out.chunks_mut(TOGETHER * count) {
            let rows = some.len() / count;
            match self {
                Self::LowRank { up, down } if rows == TOGETHER => {
                    let up = std::array::from_fn(|i| &up[(row + i) * down.rank()..][..down.rank()]);
                    let (first, second) = some.split_at_mut(2 * count);
                    let ([a, b], [c, d]) = (halves(first), halves(second));
                    down.add::<TOGETHER>(up, start, factor, [a, b, c, d]);
                }
                _ => {
                    let rows = some.chunks_exact_mut(count).enumerate();
                    rows.for_each(|(i, out)| self.add(row + i, start, factor, out));
                }
            }
            row += rows;
        }
    }
}

/// A place in a matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) row: usize,
    /// The column.
    pub(super) start: usize,
}

fn halves(out: &mut [f32]) -> [&mut [f32]; 2] {
    let (first, second) = out.split_at_mut(out.len() / 2);
    [first, second]
}
