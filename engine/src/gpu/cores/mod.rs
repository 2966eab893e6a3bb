//! The shapes of the kernels for products, convolutions and attention, and which of them a node runs on.
//!
//! A core owns its tiles, the order in which it wants weights, and the test of what it can do. The choice is made
//! for each node, from what the device can do and what the node is.

pub(super) mod cooperative;
mod unroll;

use super::device::Facts;
use super::matrix_units::MatrixUnits;
use super::options::Core;
use super::packing::{Order, Stored};
use super::shaders::{self, Shader};
pub(super) use cooperative::{Heads, Tile};
pub(super) use unroll::unroll;

/// Constants that are written in front of a kernel, where overrides would not do: sizes of arrays, types, and the
/// bounds of loops that must be unrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sizes {
    /// Of a product's tiles.
    Product(Tile, MatrixUnits),
    /// Of attention's.
    Attention(Heads, MatrixUnits),
    /// Of what measures the peak of matrix units.
    Peak(MatrixUnits),
}

impl Sizes {
    /// As WGSL.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Product(tile, units) => tile.constants(*units),
            Self::Attention(heads, units) => heads.constants(*units),
            Self::Peak(units) => units.constants(),
        }
    }
}

/// What makes the left side of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The rows of a value.
    Rows,
    /// The nine pixels around each.
    Taps,
}

/// A product as the choice of its kernel sees it.
pub(super) struct Work {
    /// The left side.
    pub left: Left,
    /// Whether it is stored in halves.
    pub halves: bool,
    /// Numbers of a row of it, all taps together.
    pub depth: usize,
    /// How the weight would be stored.
    pub stored: Stored,
    /// Rows of the sums.
    pub rows: usize,
    /// Columns of the sums, padding included.
    pub columns: usize,
}

/// The kernel that a product runs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProductKernel {
    /// Its file.
    pub shader: &'static Shader,
    /// Its core.
    pub core: Core,
    /// Its sizes, where it has several.
    pub sizes: Option<Sizes>,
    /// Sums of a workgroup: rows and columns.
    pub tile: [usize; 2],
    /// The order in which it reads the weight.
    pub order: Order,
}

/// Rows and columns of the sums of a workgroup, in the cores that have one tile.
pub(super) const TILE: usize = 64;

impl ProductKernel {
    /// The kernel for some work on a device.
    pub(super) fn choose(facts: &Facts, work: &Work) -> Self {
        let halves = work.halves && work.stored == Stored::F16;
        if let Some(units) = facts.units.filter(|_| halves)
            && let Some(tile) = Tile::choose(facts, units, work)
        {
            return Self::cooperative(tile, units, work.left);
        }
        let shader = match (facts.core, work.left) {
            (Core::Subgroup, Left::Rows) => &shaders::LINEAR_SUBGROUP,
            (Core::Subgroup, Left::Taps) => &shaders::CONV3X3_SUBGROUP,
            (_, Left::Rows) => &shaders::LINEAR_TILED,
            (_, Left::Taps) => &shaders::CONV3X3_TILED,
        };
        Self { shader, core: facts.core, sizes: None, tile: [TILE; 2], order: Order::Depth }
    }

    /// Whether a depth is a multiple of the tiles'.
    pub(super) fn is_aligned(&self, depth: usize) -> bool {
        match self.sizes {
            Some(Sizes::Product(tile, _)) => depth.is_multiple_of(tile.depth as usize),
            _ => false,
        }
    }

    fn cooperative(tile: Tile, units: MatrixUnits, left: Left) -> Self {
        let shader = match left {
            Left::Rows => &shaders::LINEAR_COOPERATIVE,
            Left::Taps => &shaders::CONV3X3_COOPERATIVE,
        };
        Self {
            shader,
            core: Core::Cooperative,
            sizes: Some(Sizes::Product(tile, units)),
            tile: [tile.rows as usize, tile.columns as usize],
            order: Order::Outputs,
        }
    }
}
