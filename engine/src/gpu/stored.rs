//! How numbers are stored on a device.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::graph::Element;
use crate::weights::Quantisation;

/// How a weight's numbers are stored on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// One in a word.
    F32,
    /// Pairs of halves.
    F16,
    /// Bytes, with a scale in a half for 32 rows of a column: matrices alone (`quantised`).
    Q8,
    /// Four bits, with a scale and a shift in halves for 32 rows of a column: matrices alone.
    Q4,
}

impl Stored {
    /// Bytes of `count` numbers.
    pub(super) fn bytes(self, count: usize) -> usize {
        match self {
            Self::F32 => 4 * count,
            Self::F16 => 2 * count,
            Self::Q8 => count + count / 16,
            Self::Q4 => count / 2 + count / 8,
        }
    }

    /// Words of `count` numbers, an even number where they are halves.
    pub(super) fn words(self, count: usize) -> usize {
        self.bytes(count) / 4
    }

    /// Whether it is a matrix of small integers with scales.
    pub(super) fn is_quantised(self) -> bool {
        matches!(self, Self::Q8 | Self::Q4)
    }

    /// Its description for kernels.
    pub(super) fn code(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8 => 2,
            Self::Q4 => 6,
        }
    }
}

impl From<Element> for Stored {
    fn from(element: Element) -> Self {
        if element == Element::F16 { Self::F16 } else { Self::F32 }
    }
}

impl From<Quantisation> for Stored {
    fn from(quantisation: Quantisation) -> Self {
        match quantisation {
            Quantisation::Q8 => Self::Q8,
            Quantisation::Q4 => Self::Q4,
        }
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
        })
    }
}
