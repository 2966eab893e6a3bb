//! The loop nest that linear layers and convolutions share, around `gemm`'s inner tile.
//!
//! Outputs are cut into panels of 64, rows into blocks of up to 512, the depth into blocks that keep
//! a panel in the second-level cache. A task owns a block of rows and a few panels. For each block
//! of depth it makes the rows ready (a convolution copies its pixels side by side, a linear layer
//! reads them where they are), turns each panel's weights into f32 and adds the product to its sums.
//!
//! The order of every sum is that of its depth blocks, so tiles may follow the number of threads.

use rayon::prelude::*;

use super::epilogue::Finish;
use super::panel::{self, Outputs, PANEL};
use super::scratch;
use super::strips::Strips;
use super::value::Turn;
use crate::weights::Weight;

/// Rows of a block at most: what it costs to convert a weight is spread over so many.
pub(super) const ROWS: usize = 512;
/// Panels of a task at most: what it costs to gather a pixel is spread over so many.
const PANELS: usize = 5;
/// Bytes of working space that a thread takes, at most.
pub(super) const SCRATCH: u64 = 2 << 20;
/// Tasks for each thread, so that threads that were held up do not hold up the rest for long.
const TASKS: usize = 4;

/// Rows made ready for one block of depth: row r starts at `numbers[r · stride]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) stride: usize,
}

/// What is multiplied: a linear layer or a convolution.
pub(super) trait Factors: Sync {
    /// Numbers in a block of depth at most; a multiple of 8 unless there is one block only.
    fn depth(&self) -> usize;
    /// Blocks of depth.
    fn blocks(&self) -> usize;
    /// Numbers in this block.
    fn depth_of(&self, block: usize) -> usize;
    /// Working space for [`Factors::rows`].
    fn gathered(&self, rows: usize) -> usize;
    /// The rows' numbers of one block of depth.
    fn rows<'a>(&'a self, block: usize, rows: std::ops::Range<usize>, space: &'a mut [f32]) -> Rows<'a>;
    /// The weight.
    fn weight(&self) -> &Weight;
    /// Working space for [`Factors::panel`].
    fn space(&self) -> usize {
        self.depth() * panel::ROWS
    }
    /// Fills `panel [depth_of(block)][PANEL]` with numbers of the weight.
    fn panel(&self, block: usize, outputs: Outputs, space: &mut [f32], panel: &mut [f32]) {
        self.panel_of(self.weight(), block, outputs, space, panel);
    }
    /// The same of another weight of as many inputs; `space` holds [`panel::ROWS`] of its rows.
    fn panel_of(&self, weight: &Weight, block: usize, outputs: Outputs, space: &mut [f32], panel: &mut [f32]);
}

/// How the outputs are cut into tasks.
#[derive(Debug, Clone, Copy)]
struct Tiling {
    rows: usize,
    panels: usize,
}

impl Tiling {
    /// The largest tiles that still leave every thread enough of them.
    fn choose(rows: usize, panels: usize) -> Self {
        let wanted = TASKS * rayon::current_num_threads();
        let mut tiling = Self { rows: rows.min(ROWS), panels: panels.min(PANELS) };
        while tiling.tasks(rows, panels) < wanted {
            match tiling {
                Self { panels: 3.., .. } => tiling.panels -= 1,
                Self { rows: 129.., .. } => tiling.rows = tiling.rows.div_ceil(2),
                Self { panels: 2, .. } => tiling.panels = 1,
                Self { rows: 65.., .. } => tiling.rows = tiling.rows.div_ceil(2),
                _ => break,
            }
        }
        tiling
    }

    fn tasks(self, rows: usize, panels: usize) -> usize {
        rows.div_ceil(self.rows) * panels.div_ceil(self.panels)
    }
}

/// Computes all of `turn`'s value.
pub(super) fn run(factors: &impl Factors, finish: &Finish<'_>, turn: &Turn<'_>, out: &mut [f32]) {
    let (rows, outputs) = (turn.shape.rows(), turn.shape.channels);
    let panels = outputs.div_ceil(Outputs::width(finish.is_geglu()));
    let tiling = Tiling::choose(rows, panels);
    let out = Strips::of(out, outputs);
    let bands = panels.div_ceil(tiling.panels);
    (0..tiling.tasks(rows, panels)).into_par_iter().for_each(|task| {
        let (first_row, first_panel) = (task / bands * tiling.rows, task % bands * tiling.panels);
        let tile = Tile {
            rows: first_row..(first_row + tiling.rows).min(rows),
            panels: first_panel..(first_panel + tiling.panels).min(panels),
        };
        tile.run(factors, finish, turn, &out);
    });
}

/// One task's share of the outputs.
struct Tile {
    rows: std::ops::Range<usize>,
    panels: std::ops::Range<usize>,
}

impl Tile {
    fn run(&self, factors: &impl Factors, finish: &Finish<'_>, turn: &Turn<'_>, out: &Strips<'_>) {
        let (rows, depth) = (self.rows.len(), factors.depth());
        let panel_len = rows.max(2) * PANEL;
        let lengths = [depth * PANEL, factors.space(), panel_len * self.panels.len(), factors.gathered(rows)];
        let outputs = |panel: usize| Outputs::nth(panel, turn.shape.channels, finish.is_geglu());
        scratch::lend(lengths, |[weights, space, sums, gathered]| {
            for block in 0..factors.blocks() {
                if turn.cancelled() {
                    return;
                }
                let ready = factors.rows(block, self.rows.clone(), gathered);
                for (panel, sums) in self.panels.clone().zip(sums.chunks_exact_mut(panel_len)) {
                    let (outputs, depth) = (outputs(panel), factors.depth_of(block));
                    factors.panel(block, outputs, space, &mut weights[..depth * PANEL]);
                    let size = Size { rows, columns: outputs.columns(), depth };
                    multiply(size, &weights[..depth * PANEL], ready, (sums, block > 0));
                }
            }
            for (panel, sums) in self.panels.clone().zip(sums.chunks_exact_mut(panel_len)) {
                // SAFETY: no two tiles share both a row and a panel.
                unsafe { finish.write(&mut sums[..rows * PANEL], self.rows.start, outputs(panel), out) };
            }
        });
    }
}

/// Extents of one inner product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
}

/// `sums [rows][PANEL] = rows · panel`, or `+=` where there are sums already.
///
/// A single row is computed twice (`sums` has room): `gemm` would take it as a vector and add in
/// another order, and the sums of a row must not depend on the tile that it falls into.
pub(super) fn multiply(size: Size, panel: &[f32], rows: Rows<'_>, (sums, more): (&mut [f32], bool)) {
    let Size { rows: count, columns, depth } = size;
    let (count, rows) = if count == 1 { (2, Rows { stride: 0, ..rows }) } else { (count, rows) };
    assert!(panel.len() >= depth * PANEL && sums.len() >= count * PANEL && columns <= PANEL);
    assert!(rows.numbers.len() >= (count - 1) * rows.stride + depth, "rows of a product");
    // SAFETY: every place that these extents and strides reach is within its slice, as asserted.
    unsafe {
        gemm::gemm(
            columns,
            count,
            depth,
            sums.as_mut_ptr(),
            PANEL as isize,
            1,
            more,
            panel.as_ptr(),
            PANEL as isize,
            1,
            rows.numbers.as_ptr(),
            rows.stride as isize,
            1,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
