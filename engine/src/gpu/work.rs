//! Products, convolutions and attention as the choice of their kernels sees them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::stored::Stored;
use crate::graph::{Activation, Epilogue};

/// The operations of which there are several kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// The rows of a value times a weight.
    Linear,
    /// The nine pixels around each times a weight.
    Conv3x3,
    /// The same where four neighbours are equal, as four pixels that stand for them.
    Doubled,
    /// The same by Winograd's F(4, 3) along lines.
    Winograd,
    /// Attention over all heads.
    Attention,
}

/// What follows the sums. Attention has nothing of it but `causal`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Finish {
    /// A number for each column.
    pub bias: bool,
    /// A number for each image and column.
    pub per_image: bool,
    /// A function of each sum.
    pub activation: Activation,
    /// A value of the shape of the result.
    pub residual: bool,
    /// Queries see no keys after their own.
    pub causal: bool,
}

/// All of a node that its kernel's speed depends on, but how many rows it has: what stays the same when pictures are
/// larger or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What is computed.
    pub operation: Operation,
    /// Columns of the sums, padding included; of attention the keys.
    pub columns: usize,
    /// Numbers that are summed for each, padding and taps included; of attention the channels of a head.
    pub depth: usize,
    /// Of attention.
    pub heads: usize,
    /// What follows.
    pub finish: Finish,
    /// How the left side is stored; of attention the queries.
    pub left: Stored,
    /// Whether the left side is in f32 and none of its numbers can exceed what halves hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bounded: bool,
    /// How the weight is stored; of attention keys and values.
    pub weight: Stored,
    /// How the result is stored.
    pub out: Stored,
}

/// A node, as the choice of its kernel sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Work {
    /// What is done to each row.
    pub task: Task,
    /// Rows of the result: pixels or tokens of all images.
    pub rows: usize,
}

impl Work {
    /// Multiplications and additions.
    #[must_use]
    pub fn flops(&self) -> f64 {
        let Task { operation, columns, depth, heads, .. } = self.task;
        let sums = if operation == Operation::Attention { 2.0 * heads as f64 } else { 1.0 };
        2.0 * sums * self.rows as f64 * columns as f64 * depth as f64
    }
}

impl Task {
    /// Whether matrix units can multiply it: halves, by halves or by integers that become halves on their way.
    pub(super) fn suits_matrix_units(&self) -> bool {
        let right = self.weight == Stored::F16 || self.weight.is_quantised();
        let out = self.operation != Operation::Attention || self.out == Stored::F16;
        self.left == Stored::F16 && right && out
    }

    /// Whether matrix units can multiply it with each number of the left side in two halves, whose sum it is.
    pub(super) fn suits_matrix_units_in_parts(&self) -> bool {
        let has_parts = matches!(self.operation, Operation::Linear | Operation::Conv3x3);
        has_parts && self.bounded && self.weight == Stored::F16
    }
}

impl Finish {
    /// Of a product or convolution.
    pub(super) fn of(epilogue: &Epilogue) -> Self {
        let Epilogue { bias, per_image, activation, residual } = epilogue;
        Self {
            bias: bias.is_some(),
            per_image: *per_image,
            activation: *activation,
            residual: *residual,
            causal: false,
        }
    }
}

impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let activation = format!("{:?}", self.activation).to_lowercase();
        let parts = [
            (self.bias, "bias"),
            (self.per_image, "per image"),
            (self.activation != Activation::None, &activation),
            (self.residual, "residual"),
            (self.causal, "causal"),
        ];
        parts.into_iter().filter(|(is_there, _)| *is_there).try_for_each(|(_, name)| write!(f, " + {name}"))
    }
}

/// `linear 4096×640 → 5120 + bias + geglu`, `attention 4096×64 over 77 keys, 10 heads`.
impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rows,
            task: Task { operation, columns, depth, heads, finish, left, bounded, weight, out },
        } = self;
        match operation {
            Operation::Linear => write!(f, "linear {rows}×{depth} → {columns}{finish}")?,
            Operation::Conv3x3 => write!(f, "conv3x3 {rows}×9×{} → {columns}{finish}", depth / 9)?,
            Operation::Doubled => {
                write!(f, "conv3x3 of a doubled picture {rows}×4×{} → {columns}{finish}", depth / 4)?;
            }
            Operation::Winograd => {
                write!(f, "conv3x3 by Winograd {rows}×9×{} → {columns}{finish}", depth / 9)?;
            }
            Operation::Attention => {
                write!(f, "attention {rows}×{depth} over {columns} keys, {heads} heads{finish}")?;
            }
        }
        match (left, weight, out) {
            (Stored::F16, Stored::F16, Stored::F16) => Ok(()),
            (Stored::F32, Stored::F32, Stored::F32) => write!(f, ", f32"),
            _ => {
                let bounded = if *bounded { " within f16" } else { "" };
                write!(f, ", {left}{bounded} · {weight} → {out}")
            }
        }
    }
}
