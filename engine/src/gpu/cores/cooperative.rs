//! The cooperative core: products by the device's matrix units, halves in, sums in f32.

use std::fmt::Write;

use super::{AttentionKernel, ProductKernel, Sizes};
use crate::gpu::device::Facts;
use crate::gpu::matrix_units::MatrixUnits;
use crate::gpu::options::Core;
use crate::gpu::packing::Order;
use crate::gpu::shaders::{self, Elements};
use crate::gpu::stored::Stored;
use crate::gpu::work::{Operation, Task, Work};

/// The kernels for a product or convolution, the one first whose workgroups would be done first: none for what matrix
/// units cannot multiply.
pub(super) fn products(facts: &Facts, work: &Work) -> Vec<ProductKernel> {
    let tiles = match &work.task {
        task if task.suits_matrix_units() => &TILES[..],
        task if task.suits_matrix_units_in_parts() => &TILES_IN_PARTS,
        _ => return vec![],
    };
    let Some(units) = facts.units else { return vec![] };
    let shader = match work.task.operation {
        Operation::Conv3x3 | Operation::Doubled => &shaders::CONV3X3_COOPERATIVE,
        // Its factors are f32.
        Operation::Winograd => return vec![],
        _ => &shaders::LINEAR_COOPERATIVE,
    };
    let kernel = |tile: Tile| ProductKernel {
        shader,
        core: Core::Cooperative,
        sizes: Some(Sizes::Product(tile, units, work.task.weight)),
        tile: [tile.rows as usize, tile.columns as usize],
        order: Order::Outputs,
        direct: false,
    };
    Tile::fitting(tiles, facts, units, work).into_iter().map(kernel).collect()
}

/// The kernel for attention: none for what matrix units cannot multiply.
pub(super) fn attentions(facts: &Facts, task: &Task) -> Vec<AttentionKernel> {
    let Some(units) = facts.units.filter(|_| task.suits_matrix_units()) else { return vec![] };
    let kernel = |heads: Heads| AttentionKernel {
        shader: &shaders::ATTENTION_COOPERATIVE,
        core: Core::Cooperative,
        sizes: Some(Sizes::Attention(heads, units)),
        queries: Heads::QUERIES as usize,
    };
    Heads::fitting(facts, units, task.depth).map(kernel).into_iter().collect()
}

impl MatrixUnits {
    /// Subgroups of a workgroup that measures their peak.
    pub(in crate::gpu) const PEAK_SUBGROUPS: u32 = 4;

    /// The constants of the kernel that measures their peak.
    pub(super) fn constants(&self) -> String {
        let mut text = types(*self, &shaders::PRODUCT_ELEMENTS);
        number(&mut text, "SUBGROUPS", Self::PEAK_SUBGROUPS);
        number(&mut text, "SUBGROUP_LANES", self.lanes);
        number(&mut text, "LANES", Self::PEAK_SUBGROUPS * self.lanes);
        text
    }
}

/// The sizes of a product's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gpu) struct Tile {
    /// Rows of the sums of a workgroup.
    pub rows: u32,
    /// Columns of them.
    pub columns: u32,
    /// Depth of the tiles in workgroup memory.
    pub depth: u32,
    /// Rows of the sums of a subgroup.
    pub subgroup_rows: u32,
    /// Columns of them.
    pub subgroup_columns: u32,
    /// Steps of depth whose tiles are fetched into registers ahead of their turn, one at the most where a compiler leaves
    /// them there; 0 where each is fetched in its turn.
    pub ahead: u32,
    /// Halves whose sum a number of the left side is: 1 of what is stored in halves, 2 of f32.
    pub left_parts: u32,
}

/// All sizes, best first where a product is large. SDXL's widths are multiples of 160 and of 64.
pub(in crate::gpu) const TILES: [Tile; 6] = [
    tile(128, 128, 64, [64, 32], 2),
    tile(64, 160, 64, [32, 80], 2),
    tile(128, 160, 64, [64, 80], 0),
    tile(64, 64, 64, [32, 32], 2),
    tile(64, 64, 32, [32, 32], 2),
    tile(64, 64, 32, [32, 16], 2),
];

/// The same where the left side is in f32. Its tile is twice as large.
pub(in crate::gpu) const TILES_IN_PARTS: [Tile; 4] = [
    in_parts(tile(128, 128, 32, [64, 32], 2)),
    in_parts(tile(64, 128, 64, [32, 64], 1)),
    in_parts(tile(64, 64, 32, [32, 32], 2)),
    in_parts(tile(64, 64, 32, [32, 16], 2)),
];

const fn tile(rows: u32, columns: u32, depth: u32, subgroup: [u32; 2], ahead: u32) -> Tile {
    let [subgroup_rows, subgroup_columns] = subgroup;
    Tile { rows, columns, depth, subgroup_rows, subgroup_columns, ahead, left_parts: 1 }
}

const fn in_parts(tile: Tile) -> Tile {
    Tile { left_parts: 2, ..tile }
}

impl Tile {
    fn subgroups(&self) -> u32 {
        self.rows / self.subgroup_rows * (self.columns / self.subgroup_columns)
    }

    fn lanes(&self, units: MatrixUnits) -> u32 {
        self.subgroups() * units.lanes
    }

    /// Bytes of workgroup memory: both tiles with a piece of padding for each row, and a row of fragments for each
    /// subgroup.
    fn workgroup_memory(&self, units: MatrixUnits) -> u32 {
        let tiles = (self.left_parts * self.rows + self.columns) * (self.depth + 8) * 2;
        tiles + self.subgroups() * units.fragment * 5 * 16
    }

    /// Whether its lanes are whole subgroups of whatever size they may have, 64 at most, and share the fetching evenly.
    pub(in crate::gpu) fn fits_lanes(&self, units: MatrixUnits) -> bool {
        let (lanes, pieces) = (self.lanes(units), self.depth / 8);
        let even = |rows: u32| (rows * pieces).is_multiple_of(lanes);
        lanes.is_multiple_of(64) && lanes.is_multiple_of(pieces) && even(self.rows) && even(self.columns)
    }

    /// Whether a device can run it.
    fn fits(&self, facts: &Facts, units: MatrixUnits) -> bool {
        let in_registers = self.subgroup_rows * self.subgroup_columns <= MOST_SUMS * units.lanes;
        let small =
            self.lanes(units) <= facts.max_lanes && self.workgroup_memory(units) <= facts.workgroup_memory;
        in_registers && small && self.fits_lanes(units)
    }

    /// Those of some that a device can run, the one first whose workgroups would be done first.
    fn fitting(tiles: &[Self], facts: &Facts, units: MatrixUnits, work: &Work) -> Vec<Self> {
        if let Some(only) =
            facts.tile.and_then(|place| tiles.get(place)).filter(|tile| tile.fits(facts, units))
        {
            return vec![*only];
        }
        let mut fitting: Vec<Self> = tiles.iter().filter(|tile| tile.fits(facts, units)).copied().collect();
        fitting.sort_by(|a, b| a.cost(units, work).total_cmp(&b.cost(units, work)));
        fitting
    }

    /// What tells it from the others.
    pub(super) fn name(&self) -> String {
        let Self { rows, columns, depth, subgroup_rows, subgroup_columns, .. } = self;
        format!("{rows}x{columns}x{depth} by {subgroup_rows}x{subgroup_columns}")
    }

    /// An estimate of the time, in units of about 4 ns on the device with 132 multiprocessors that it was fitted to
    /// (BENCHMARKS.md): how many workgroups the busiest of them computes, one after the other or in turns, what arrives for
    /// each step, and what it costs to begin and to end. Where a compiler undoes fetching ahead, only two steps at once do not
    /// wait for all that arrives.
    fn cost(&self, units: MatrixUnits, work: &Work) -> f64 {
        let workgroups =
            work.rows.div_ceil(self.rows as usize) * work.task.columns.div_ceil(self.columns as usize);
        let busiest = workgroups.div_ceil(MULTIPROCESSORS) as f64;
        let (rows, columns) = (f64::from(self.rows), f64::from(self.columns));
        let waiting = if self.ahead > 1 || units.joins_reads { 1.0 } else { 1.65 };
        let left = f64::from(self.left_parts) * rows;
        let step = (left + columns) * f64::from(self.depth) / 64.0 * waiting;
        let steps = work.task.depth.div_ceil(self.depth as usize) as f64;
        busiest * (steps * step + 300.0 + rows * columns / 16.0)
    }

    /// The constants of its kernels.
    pub(super) fn constants(&self, units: MatrixUnits, stored: Stored) -> String {
        let fragment = units.fragment;
        let lanes = self.lanes(units);
        let pieces = self.depth / 8;
        let mut text = types(units, &shaders::PRODUCT_ELEMENTS);
        for (name, value) in [
            ("TILE_ROWS", self.rows),
            ("TILE_COLUMNS", self.columns),
            ("TILE_DEPTH", self.depth),
            ("SUBGROUPS", self.subgroups()),
            ("SUBGROUPS_ACROSS", self.columns / self.subgroup_columns),
            ("SUBGROUP_LANES", units.lanes),
            ("LANES", lanes),
            ("ROW_FRAGMENTS", self.subgroup_rows / fragment),
            ("COLUMN_FRAGMENTS", self.subgroup_columns / fragment),
            ("DEPTH_FRAGMENTS", self.depth / fragment),
            ("COLUMN_STEPS", self.subgroup_columns / 16),
            ("ACROSS", 16 / fragment),
            ("LEFT_PIECES", self.rows * pieces / lanes),
            ("RIGHT_PIECES", self.columns * pieces / lanes),
            ("LEFT_PARTS", self.left_parts),
            ("STEPS", if units.joins_reads { 1 } else { self.ahead.max(1) }),
        ] {
            number(&mut text, name, value);
        }
        let eight = if units.joins_reads { shaders::EIGHT_HALVES } else { shaders::EIGHT_WORDS };
        let (ahead, left, right) = (self.ahead > 0, left_side(self.left_parts), right_side(stored));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "const FETCH_AHEAD: bool = {ahead};\n{eight}\n{left}\n{right}");
        text
    }
}

/// What reads a left side whose numbers are so many halves.
fn left_side(parts: u32) -> &'static str {
    if parts == 1 { shaders::LEFT_HALVES } else { shaders::LEFT_IN_PARTS }
}

/// What reads a weight that is stored so.
fn right_side(stored: Stored) -> &'static str {
    match stored {
        Stored::Q8 => shaders::RIGHT_BYTES,
        Stored::Q4 => shaders::RIGHT_NIBBLES,
        Stored::F16 | Stored::F32 => shaders::RIGHT_HALVES,
    }
}

/// Sums that a lane has in registers, at the most.
const MOST_SUMS: u32 = 160;

/// Of a large device. For a smaller one it only says that large tiles are good.
const MULTIPROCESSORS: usize = 128;

/// The sizes of attention's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gpu) struct Heads {
    /// Channels of a head.
    pub head_dim: u32,
}

/// Heads of SDXL.
pub(in crate::gpu) const HEADS: Heads = Heads { head_dim: 64 };

impl Heads {
    /// Queries of a workgroup.
    const QUERIES: u32 = 64;
    /// Keys of a block, and channels of a part of the outputs that is in workgroup memory at once.
    pub(super) const KEYS: u32 = 32;

    /// Queries of a subgroup.
    fn rows(units: MatrixUnits) -> u32 {
        units.attention_rows * units.fragment
    }

    fn lanes(units: MatrixUnits) -> u32 {
        Self::QUERIES / Self::rows(units) * units.lanes
    }

    /// Heads of so many channels, if a device can run the kernel.
    fn fitting(facts: &Facts, units: MatrixUnits, head_dim: usize) -> Option<Self> {
        let head_dim =
            u32::try_from(head_dim).ok().filter(|dim| dim.is_multiple_of(Self::KEYS) && *dim <= 128);
        let (heads, lanes) = (Self { head_dim: head_dim? }, Self::lanes(units));
        let pieces = heads.head_dim / 8;
        let even = lanes.is_multiple_of(pieces) && (Self::KEYS * pieces).is_multiple_of(lanes);
        let fits = heads.workgroup_memory() <= facts.workgroup_memory && lanes <= facts.max_lanes;
        (even && fits).then_some(heads)
    }

    /// Bytes of workgroup memory: keys, values, shares, scores and a flag.
    fn workgroup_memory(&self) -> u32 {
        let tiles = 2 * Self::KEYS * (self.head_dim + 8) * 2;
        tiles + Self::QUERIES * ((Self::KEYS + 8) * 2 + (Self::KEYS + 4) * 4) + 4
    }

    /// The constants of its kernel.
    pub(super) fn constants(&self, units: MatrixUnits) -> String {
        let fragment = units.fragment;
        let (rows, lanes) = (Self::rows(units), Self::lanes(units));
        let row_lanes = (units.lanes / rows).max(1);
        let mut text = types(units, &shaders::ATTENTION_ELEMENTS);
        for (name, value) in [
            ("HEAD_DIM", self.head_dim),
            ("KEYS", Self::KEYS),
            ("QUERIES", Self::QUERIES),
            ("ROWS", rows),
            ("SUBGROUP_LANES", units.lanes),
            ("LANES", lanes),
            ("ROW_LANES", row_lanes),
            ("LANE_ROWS", (rows / units.lanes).max(1)),
            ("ROW_FRAGMENTS", rows / fragment),
            ("KEY_FRAGMENTS", Self::KEYS / fragment),
            ("DIM_FRAGMENTS", self.head_dim / fragment),
            ("PARTS", self.head_dim / Self::KEYS),
            ("PART_FRAGMENTS", Self::KEYS / fragment),
            ("LANE_QUADS", Self::KEYS / 4 / row_lanes),
            ("FETCHED", Self::KEYS * self.head_dim / 8 / lanes),
        ] {
            number(&mut text, name, value);
        }
        // What it reads is little beside what it computes, whatever a compiler makes of it.
        text.push_str(shaders::EIGHT_WORDS);
        text
    }
}

/// Extensions, matrix types, and workgroup memory as matrices are loaded from it. Those of 8 are Metal's, whose functions
/// take pointers to single numbers; on Vulkan vectors are read and written in one instruction.
fn types(units: MatrixUnits, elements: &Elements) -> String {
    let fragment = units.fragment;
    let elements = if fragment == 8 { elements.scalars } else { elements.vectors };
    let matrix =
        |name, scalar, role| format!("alias {name} = coop_mat{fragment}x{fragment}<{scalar}, {role}>;\n");
    let types =
        [matrix("Left", "f16", "A"), matrix("Right", "f16", "B"), matrix("Sums", "f32", "C")].concat();
    let mut text = format!("enable f16;\nenable wgpu_cooperative_matrix;\n{types}{elements}\n");
    number(&mut text, "FRAGMENT", fragment);
    text
}

fn number(text: &mut String, name: &str, value: u32) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "const {name}: u32 = {value}u;");
}
