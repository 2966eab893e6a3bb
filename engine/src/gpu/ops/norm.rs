//! Group norm and layer norm.

use std::ops::Range;

use super::{LANES, Rowwise};
use crate::Result;
use crate::gpu::lowering::{Binding, Kernel, KernelConstant, Lowering, Value, params};
use crate::gpu::packing::Columns;
use crate::gpu::shaders;
use crate::graph::{Affine, NodeId};

/// How an image's pixels are cut for statistics: enough chunks to fill a GPU, none so long that its
/// sums lose digits.
#[derive(Clone, Copy)]
struct PixelChunks {
    /// Rows of a chunk.
    rows: usize,
    /// Chunks of an image.
    per_image: usize,
    /// Rows of an image.
    pixels: usize,
}

impl PixelChunks {
    fn of(x: &Value) -> Self {
        let pixels = x.shape.pixels();
        let rows = pixels.div_ceil(512).clamp(16, 256);
        Self { rows, per_image: pixels.div_ceil(rows), pixels }
    }

    /// The row of the whole batch with which a chunk starts.
    fn first_row(&self, chunk: usize) -> usize {
        chunk / self.per_image * self.pixels + chunk % self.per_image * self.rows
    }

    /// The rows of some chunks, counted over the whole batch.
    fn rows_of(&self, chunks: &Range<usize>) -> Range<usize> {
        let last = chunks.end - 1;
        let in_image = (last % self.per_image + 1) * self.rows;
        let end = last / self.per_image * self.pixels + in_image.min(self.pixels);
        self.first_row(chunks.start)..end
    }
}

/// Two kernels: statistics of chunks, merged to those of groups.
pub(super) fn lower_moments(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let x = lowering.input(0);
    let chunks = PixelChunks::of(&x);
    let numbers = 2 * x.pitch * size_of::<f32>();
    let partials = lowering.scratch((x.shape.images * chunks.per_image * numbers) as u64)?;
    moments_stats(lowering, &x, chunks, &partials)?;
    moments_merge(lowering, id, chunks, &partials.read())
}

params! {
    struct MomentsStatsParams for ["moments_stats"] {
        count: u32,
        eighths: u32,
        pixels: u32,
        chunk_rows: u32,
        chunks: u32,
        chunk: u32,
        x_first: u32,
    }
}

fn moments_stats(lowering: &mut Lowering, x: &Value, chunks: PixelChunks, partials: &Binding) -> Result<()> {
    let all = x.shape.images * chunks.per_image;
    for window in lowering.windows(all, 1, |window| vec![(*x, chunks.rows_of(&window))])? {
        let rows = lowering.read(x, chunks.rows_of(&window));
        let count = window.len() * x.eighths();
        let params = MomentsStatsParams {
            count: count as u32,
            eighths: x.eighths() as u32,
            pixels: chunks.pixels as u32,
            chunk_rows: chunks.rows as u32,
            chunks: chunks.per_image as u32,
            chunk: window.start as u32,
            x_first: rows.first,
        };
        let kernel = Kernel::new(&shaders::MOMENTS_STATS).flag("X_HALF", x.half());
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel, vec![rows.binding, partials.clone()], &params, grid);
    }
    Ok(())
}

params! {
    struct MomentsMergeParams for ["moments_merge"] {
        groups: u32,
        group_channels: u32,
        pitch: u32,
        pixels: u32,
        chunk_rows: u32,
        chunks: u32,
    }
}

/// A workgroup for a group of an image.
fn moments_merge(lowering: &mut Lowering, id: NodeId, chunks: PixelChunks, partials: &Binding) -> Result<()> {
    let (x, y) = (lowering.input(0), lowering.value(id));
    let groups = y.shape.width;
    let params = MomentsMergeParams {
        groups: groups as u32,
        group_channels: (x.shape.channels / groups) as u32,
        pitch: x.pitch as u32,
        pixels: chunks.pixels as u32,
        chunk_rows: chunks.rows as u32,
        chunks: chunks.per_image as u32,
    };
    let moments = lowering.write(&y, 0..y.rows()).binding;
    let grid = [groups as u32, x.shape.images as u32, 1];
    lowering.emit(Kernel::new(&shaders::MOMENTS_MERGE), vec![partials.clone(), moments], &params, grid);
    Ok(())
}

params! {
    struct NormaliseParams for ["normalise"] {
        count: u32,
        rows: u32,
        eighths: u32,
        pixels: u32,
        row: u32,
        x_skip: u32,
        y_skip: u32,
        groups: u32,
        group_channels: u32,
        epsilon: f32,
        silu: u32,
    }
}

/// Rows of a thread that normalises.
const ROWS: usize = 8;

/// What the kernel must agree with.
pub(super) const CONSTANTS: [KernelConstant; 1] =
    [KernelConstant { kernel: "normalise", name: "ROWS", value: ROWS as u32 }];

/// A thread for eight channels of a few rows.
pub(super) fn lower_normalise(
    lowering: &mut Lowering,
    id: NodeId,
    affine: &Affine,
    silu: bool,
) -> Result<()> {
    let (x, moments, y) = (lowering.input(0), lowering.input(1), lowering.value(id));
    let groups = moments.shape.width;
    let beside = [
        lowering.whole(&moments)?,
        lowering.vector(&affine.scale, Columns::Plain)?,
        lowering.vector(&affine.shift, Columns::Plain)?,
    ];
    let kernel = Kernel::new(&shaders::NORMALISE).flag("X_HALF", x.half()).flag("Y_HALF", y.half());
    Rowwise { kernel, inputs: &[x], beside: &beside }.emit(lowering, id, |window| {
        let rows = window.rows.len();
        let count = rows.div_ceil(ROWS) * y.eighths();
        let params = NormaliseParams {
            count: count as u32,
            rows: rows as u32,
            eighths: y.eighths() as u32,
            pixels: x.shape.pixels() as u32,
            row: window.rows.start as u32,
            x_skip: window.inputs[0].skip,
            y_skip: window.y.skip,
            groups: groups as u32,
            group_channels: (x.shape.channels / groups) as u32,
            epsilon: affine.epsilon,
            silu: u32::from(silu),
        };
        (params, count.div_ceil(LANES))
    })
}

params! {
    struct LayerNormParams for ["layer_norm"] {
        rows: u32,
        channels: u32,
        eighths: u32,
        epsilon: f32,
        x_skip: u32,
        y_skip: u32,
    }
}

/// A workgroup for a row.
pub(super) fn lower_layer_norm(lowering: &mut Lowering, id: NodeId, affine: &Affine) -> Result<()> {
    let (x, y) = (lowering.input(0), lowering.value(id));
    let scale = lowering.vector(&affine.scale, Columns::Plain)?;
    let shift = lowering.vector(&affine.shift, Columns::Plain)?;
    let kernel = Kernel::new(&shaders::LAYER_NORM).flag("X_HALF", x.half()).flag("Y_HALF", y.half());
    Rowwise { kernel, inputs: &[x], beside: &[scale, shift] }.emit(lowering, id, |window| {
        let params = LayerNormParams {
            rows: window.rows.len() as u32,
            channels: x.shape.channels as u32,
            eighths: x.eighths() as u32,
            epsilon: affine.epsilon,
            x_skip: window.inputs[0].skip,
            y_skip: window.y.skip,
        };
        (params, window.rows.len())
    })
}
