//! The tiled core: tiles in workgroup memory. It needs nothing, and does everything on any device.
//!
//! Sums are made in the order of depth whatever the tile, so that all tiles give the same bits.

use super::{AttentionKernel, ProductKernel};
use crate::gpu::device::Facts;
use crate::gpu::options::Core;
use crate::gpu::packing::Order;
use crate::gpu::shaders;
use crate::gpu::work::{Operation, Work};

/// Rows and columns of the sums of a workgroup where no tile is chosen.
pub(in crate::gpu) const TILE: usize = 64;

/// Queries of a workgroup of attention, and columns of a head.
pub(in crate::gpu) const QUERIES: usize = 64;

/// The sizes of a product's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gpu) struct Tile {
    /// Rows of the sums of a workgroup.
    pub rows: u32,
    /// Columns of them.
    pub columns: u32,
    /// Rows, and columns, of the sums of a lane: 8, or 4.
    pub of_lane: u32,
}

/// All sizes.
pub(in crate::gpu) const TILES: [Tile; 4] =
    [tile(64, 64, 8), tile(128, 128, 8), tile(128, 64, 8), tile(32, 32, 4)];

const fn tile(rows: u32, columns: u32, of_lane: u32) -> Tile {
    Tile { rows, columns, of_lane }
}

/// Steps of depth that lie in workgroup memory.
const DEPTH: u32 = 16;
/// Lanes that a device's multiprocessors compute with at once: 64 of them with 256 each. For other devices it only says
/// from which size of a product on large tiles are good.
const LANES_AT_ONCE: u32 = 64 * 256;

impl Tile {
    fn lanes(&self) -> u32 {
        self.rows / self.of_lane * (self.columns / self.of_lane)
    }

    /// Bytes of workgroup memory.
    fn workgroup_memory(&self) -> u32 {
        4 * DEPTH * (self.rows + self.columns)
    }

    fn fits(&self, facts: &Facts) -> bool {
        self.lanes() <= facts.max_lanes && self.workgroup_memory() <= facts.workgroup_memory
    }

    /// Those that a device can run, the one first whose workgroups would be done first. Where one pipeline serves all
    /// products of a kind there is one size.
    fn fitting(facts: &Facts, work: &Work) -> Vec<Self> {
        if facts.general {
            return vec![TILES[0]];
        }
        if let Some(only) = facts.tile.and_then(|place| TILES.get(place)).filter(|tile| tile.fits(facts)) {
            return vec![*only];
        }
        let mut fitting: Vec<Self> = TILES.into_iter().filter(|tile| tile.fits(facts)).collect();
        fitting.sort_by(|a, b| a.cost(work).total_cmp(&b.cost(work)));
        fitting
    }

    /// An estimate of the time: rounds of as many lanes as there are at once, what a lane multiplies in each, and beside
    /// it what AMD's compiler makes of the rest (BENCHMARKS.md): reading takes the less the larger a tile is, and a lane with
    /// 4 × 4 sums reads workgroup memory twice as often for each.
    fn cost(&self, work: &Work) -> f64 {
        let workgroups =
            work.rows.div_ceil(self.rows as usize) * work.task.columns.div_ceil(self.columns as usize);
        let rounds = (workgroups * self.lanes() as usize).div_ceil(LANES_AT_ONCE as usize);
        let reading = 1.0 + 6.0 * (1.0 / f64::from(self.rows) + 1.0 / f64::from(self.columns));
        let beside = if self.of_lane == 8 { 1.0 } else { 1.25 };
        rounds as f64 * f64::from(self.of_lane * self.of_lane) * reading * beside
    }
}

/// The tile, rows and columns, that is done first with some work.
pub(in crate::gpu) fn best(facts: &Facts, work: &Work) -> [usize; 2] {
    Tile::fitting(facts, work)
        .first()
        .map_or([TILE, TILE], |tile| [tile.rows as usize, tile.columns as usize])
}

/// The constants of a kernel with a tile, rows and columns, which is one of [`TILES`]; none of the first, which is what a
/// kernel takes by itself.
pub(in crate::gpu) fn constants(tile: [usize; 2]) -> Vec<(&'static str, u32)> {
    let is_it = |known: &&Tile| [known.rows as usize, known.columns as usize] == tile;
    let Some(tile) = TILES[1..].iter().find(is_it) else { return vec![] };
    vec![
        ("TILE_ROWS", tile.rows),
        ("TILE_COLUMNS", tile.columns),
        ("LANES", tile.lanes()),
        ("PARTS", tile.of_lane / 4),
    ]
}

/// The kernels for a product or convolution, the one first whose workgroups would be done first.
pub(super) fn products(facts: &Facts, work: &Work) -> Vec<ProductKernel> {
    let shader = match work.task.operation {
        Operation::Conv3x3 | Operation::Doubled => &shaders::CONV3X3_TILED,
        Operation::Winograd => &shaders::WINOGRAD_TILED,
        _ => &shaders::LINEAR_TILED,
    };
    let kernel = |tile: Tile| ProductKernel {
        shader,
        core: Core::Tiled,
        sizes: None,
        tile: [tile.rows as usize, tile.columns as usize],
        order: Order::Depth,
        direct: false,
    };
    Tile::fitting(facts, work).into_iter().map(kernel).collect()
}
/// The kernels for attention.
pub(super) fn attentions() -> Vec<AttentionKernel> {
    vec![AttentionKernel {
        shader: &shaders::ATTENTION_TILED,
        core: Core::Tiled,
        sizes: None,
        queries: QUERIES,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::stored::Stored;
    use crate::gpu::work::{Finish, Task};

    fn first(facts: &Facts, rows: usize, columns: usize) -> [usize; 2] {
        let task = Task {
            operation: Operation::Linear,
            columns,
            depth: 640,
            heads: 1,
            finish: Finish::default(),
            left: Stored::F32,
            bounded: false,
            weight: Stored::F32,
            out: Stored::F32,
        };
        products(facts, &Work { task, rows })[0].tile
    }

    #[test]
    fn large_products_are_made_in_large_tiles_and_small_ones_in_small_tiles() {
        let facts = Facts::unlimited(Core::Tiled, None);
        assert_eq!(first(&facts, 16384, 2560), [128, 128]);
        assert_eq!(first(&facts, 16384, 64), [128, 64]);
        assert_eq!(first(&facts, 77, 1280), [32, 32]);
        assert_eq!(first(&facts, 1, 1280), [32, 32]);
    }

    #[test]
    fn a_device_with_few_lanes_a_workgroup_and_general_pipelines_have_what_they_can() {
        let few = Facts { max_lanes: 128, ..Facts::unlimited(Core::Tiled, None) };
        assert_eq!(first(&few, 16384, 2560), [128, 64]);
        let little = Facts { workgroup_memory: 8 << 10, ..Facts::unlimited(Core::Tiled, None) };
        assert_eq!(first(&little, 16384, 2560), [64, 64]);
        let general = Facts { general: true, ..Facts::unlimited(Core::Tiled, None) };
        assert_eq!(first(&general, 77, 1280), [64, 64]);
    }
}
