//! How activations are stored and multiplied.

use std::fmt;

use crate::graph::Element;

/// How activations are stored and multiplied. Sums are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits: the CPU's default.
    F32,
    /// 16 bits: half the memory and traffic, the GPU's default. The CPU backend only imitates it.
    F16,
    /// Stored in 32 bits, and rounded to bf16 where products and convolutions multiply them and their weights: for
    /// processors that have such products.
    Bf16,
}

impl From<Precision> for Element {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 | Precision::Bf16 => Self::F32,
            Precision::F16 => Self::F16,
        }
    }
}

impl fmt::Display for Precision {
    /// As it is written after `--precision`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}
