//! Cards that are not here, by what their maker publishes.

use serde::{Deserialize, Serialize};

/// A generation of Radeons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Family {
    Rdna2,
    Rdna3,
    Rdna4,
}

impl Family {
    /// By what RADV calls one of its GPUs.
    pub(crate) fn of(name: &str) -> Result<Self, String> {
        match name {
            "navi21" => Ok(Self::Rdna2),
            "navi31" => Ok(Self::Rdna3),
            "gfx1201" => Ok(Self::Rdna4),
            other => Err(format!("{other} is none of navi21, navi31 and gfx1201")),
        }
    }

    /// Halves of turns that 32 multiply-adds take at the published peak: from RDNA 3 on it counts two at once.
    pub(crate) fn half_turns(self) -> u32 {
        match self {
            Self::Rdna2 => 2,
            Self::Rdna3 | Self::Rdna4 => 1,
        }
    }

    /// The same of a product of two matrices of 16 by a subgroup of 64.
    pub(crate) fn matrix_half_turns(self) -> u32 {
        match self {
            Self::Rdna2 | Self::Rdna3 => 32,
            Self::Rdna4 => 16,
        }
    }
}

/// A card.
pub(crate) struct Card {
    pub name: &'static str,
    pub family: Family,
    /// TFLOP/s of f32.
    pub numbers: f64,
    /// TFLOP/s of matrix units: halves in, sums in f32.
    pub matrices: Option<f64>,
    /// GB/s of its memory.
    pub bandwidth: f64,
}

/// Peaks at the boost clock and bandwidths, as AMD publishes them.
pub(crate) const CARDS: [Card; 3] = [
    Card { name: "RX 6800 XT", family: Family::Rdna2, numbers: 20.7, matrices: None, bandwidth: 512.0 },
    Card {
        name: "RX 7900 XTX",
        family: Family::Rdna3,
        numbers: 61.4,
        matrices: Some(122.8),
        bandwidth: 960.0,
    },
    Card {
        name: "RX 9070 XT",
        family: Family::Rdna4,
        numbers: 48.7,
        matrices: Some(194.6),
        bandwidth: 640.0,
    },
];
