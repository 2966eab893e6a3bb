//! Attention of one wide head, by way of the matrix of scores: the VAE's.
//!
//! The other kernels compute scores anew for every 64 columns of a head. Of a head of 512 that would be eight times, so here
//! some rows of scores are made as a product, turned into shares, and multiplied with the values.

use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::epilogue::banded;
use super::linear::LinearParams;
use crate::Result;
use crate::gpu::cores::tiled::{self, TILE};
use crate::gpu::device::Facts;
use crate::gpu::lowering::{Binding, Kernel, Lowering, Value, params};
use crate::gpu::options::Core;
use crate::gpu::shaders;
use crate::gpu::stored::Stored;
use crate::gpu::work::{Finish, Operation, Task, Work};

params! {
    struct SoftmaxParams for ["softmax"] {
        rows: u32,
        columns: u32,
        scale: f32,
    }
}

/// Heads up to this width are not worth it.
const NARROW: usize = 128;

/// Bytes of scores at the most, so that they do not take more memory than the values around them.
const SCORES: u64 = 64 << 20;

/// How a value lies that takes a weight's place: `W_STORED` of `shared/weight.wgsl`.
#[derive(Clone, Copy)]
enum Side {
    /// Its rows are columns of the matrix.
    Columns,
    /// Its rows are rows of the matrix.
    Rows,
}

impl Side {
    fn code(self, value: &Value) -> u32 {
        match (self, value.half()) {
            (Self::Columns, false) => 3,
            (Self::Columns, true) => 4,
            (Self::Rows, false) => 0,
            (Self::Rows, true) => 5,
        }
    }
}

/// A product of rows and a value.
struct Factors<'a> {
    x: Binding,
    x_half: bool,
    x_skip: u32,
    matrix: &'a Value,
    side: Side,
    matrix_rows: Range<usize>,
    y: Binding,
    y_half: bool,
    y_skip: u32,
    rows: usize,
    columns: usize,
    depth: usize,
}

/// Lowers attention of one head `[q, k, v, y]` in this way, or says that it is not for this one.
pub(super) fn lower(lowering: &mut Lowering, [q, k, v, y]: [Value; 4]) -> Result<bool> {
    let keys = k.shape.pixels();
    let row_bytes = 4 * keys as u64;
    let rows = (SCORES.min(lowering.facts().window) / row_bytes) as usize;
    let whole = [&k, &v].iter().all(|value| value.row_bytes() * keys as u64 <= lowering.facts().window);
    // A binding starts at any image only if every image begins at the alignment of bindings.
    let aligned =
        k.shape.images == 1 || (k.row_bytes() * keys as u64).is_multiple_of(lowering.facts().alignment);
    if q.shape.channels <= NARROW || q.pitch != q.shape.channels || !keys.is_multiple_of(8) || rows < TILE {
        return Ok(false);
    }
    if !whole || !aligned {
        return Ok(false);
    }
    let queries = q.shape.pixels();
    // One for all: what is attended next waits for it.
    let scores = lowering.scratch(row_bytes * rows.min(queries) as u64)?;
    for window in lowering.windows(y.rows(), 1, |rows| vec![(q, rows.clone()), (y, rows)])? {
        let mut first = window.start;
        while first < window.end {
            let end = window.end.min(first + rows).min((first / queries + 1) * queries);
            let scores = Binding { size: row_bytes * (end - first) as u64, ..scores.clone() };
            attend(lowering, [&q, &k, &v, &y], first..end, &scores)?;
            first = end;
        }
    }
    Ok(true)
}

/// The outputs of some queries of one image, by way of their `scores`.
fn attend(
    lowering: &mut Lowering,
    [q, k, v, y]: [&Value; 4],
    rows: Range<usize>,
    scores: &Binding,
) -> Result<()> {
    let keys = k.shape.pixels();
    let image = rows.start / q.shape.pixels();
    let seen = image * keys..(image + 1) * keys;
    let (left, right) = (lowering.read(q, rows.clone()), lowering.write(y, rows.clone()));
    multiply(
        lowering,
        &Factors {
            x: left.binding,
            x_half: q.half(),
            x_skip: left.skip,
            matrix: k,
            side: Side::Columns,
            matrix_rows: seen.clone(),
            y: scores.clone(),
            y_half: false,
            y_skip: 0,
            rows: rows.len(),
            columns: keys,
            depth: q.pitch,
        },
    )?;
    let scale = LOG2_E / (q.shape.channels as f32).sqrt();
    let softmax = SoftmaxParams { rows: rows.len() as u32, columns: keys as u32, scale };
    let grid = lowering.fold(rows.len());
    lowering.emit(Kernel::new(&shaders::SOFTMAX), vec![scores.clone()], &softmax, grid);
    multiply(
        lowering,
        &Factors {
            x: scores.read(),
            x_half: false,
            x_skip: 0,
            matrix: v,
            side: Side::Rows,
            matrix_rows: seen,
            y: right.binding,
            y_half: y.half(),
            y_skip: right.skip,
            rows: rows.len(),
            columns: y.pitch,
            depth: keys,
        },
    )
}

impl Factors<'_> {
    /// The tile of the tiled core whose workgroups would be done first.
    fn tile(&self, facts: &Facts) -> [usize; 2] {
        let stored = |half| if half { Stored::F16 } else { Stored::F32 };
        let task = Task {
            operation: Operation::Linear,
            columns: self.columns,
            depth: self.depth,
            heads: 1,
            finish: Finish::default(),
            left: stored(self.x_half),
            bounded: false,
            weight: stored(self.matrix.half()),
            out: stored(self.y_half),
        };
        tiled::best(facts, &Work { task, rows: self.rows })
    }
}

fn multiply(lowering: &mut Lowering, factors: &Factors<'_>) -> Result<()> {
    let (kernel, [rows, columns]) = match lowering.facts().core() {
        Core::Subgroup => (banded(lowering, Kernel::new(&shaders::LINEAR_SUBGROUP)), [TILE, TILE]),
        _ => {
            let tile = factors.tile(lowering.facts());
            let constants = tiled::constants(tile).into_iter();
            let kernel = Kernel::new(&shaders::LINEAR_TILED);
            (constants.fold(kernel, |kernel, (name, value)| kernel.number(name, value)), tile)
        }
    };
    let kernel = kernel
        .flag("X_HALF", factors.x_half)
        .number("W_STORED", factors.side.code(factors.matrix))
        .flag("Y_HALF", factors.y_half);
    let params = LinearParams {
        rows: factors.rows as u32,
        first_row: 0,
        pixels: factors.rows as u32,
        columns: factors.columns as u32,
        depth: factors.depth as u32,
        x_skip: factors.x_skip,
        y_skip: factors.y_skip,
        residual_skip: 0,
        flags: 0,
    };
    let matrix = lowering.read(factors.matrix, factors.matrix_rows.clone());
    let matrix = lowering.bindable(matrix.binding)?;
    let nothing = || lowering.nothing();
    let bindings = vec![factors.x.clone(), matrix, nothing(), nothing(), nothing(), factors.y.clone()];
    let grid = lowering.fold(factors.rows.div_ceil(rows) * factors.columns.div_ceil(columns));
    lowering.emit(kernel, bindings, &params, grid);
    Ok(())
}
