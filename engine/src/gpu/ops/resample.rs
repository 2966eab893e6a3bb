//! Upsampling.

use std::ops::Range;

use super::LANES;
use crate::gpu::lowering::{Kernel, Lowering, params};
use crate::gpu::shaders;
use crate::graph::NodeId;
use crate::{Error, Result};

params! {
    struct UpsampleParams for ["upsample"] {
        count: u32,
        eighths: u32,
        x_height: u32,
        x_width: u32,
        y_height: u32,
        y_width: u32,
        row: u32,
        x_first: u32,
        y_skip: u32,
    }
}

/// Nearest neighbour.
pub(super) fn lower_upsample(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let (x, y) = (lowering.input(0).shape, lowering.value(id).shape);
    if (x.width * y.width).max(x.height * y.height) > u32::MAX as usize {
        let what = format!("{x} to {y}: the kernel multiplies places by extents in 32 bits");
        return Err(Error::Graph { node: lowering.node(id).label.clone(), what });
    }
    let line_of = |row: usize| {
        let (image, line) = (row / y.pixels(), row % y.pixels() / y.width);
        image * x.height + line * x.height / y.height
    };
    let sources = |rows: &Range<usize>| {
        let (first, last) = (line_of(rows.start), line_of(rows.end - 1));
        if first != last {
            return first * x.width..(last + 1) * x.width;
        }
        // Long lines, such as a whole text, may have to be cut.
        let column_of = |row: usize| row % y.width * x.width / y.width;
        let one_line = rows.start / y.width == (rows.end - 1) / y.width;
        let columns = if one_line { column_of(rows.start)..column_of(rows.end - 1) + 1 } else { 0..x.width };
        first * x.width + columns.start..first * x.width + columns.end
    };
    emit_upsample(lowering, id, sources)
}

/// `sources(rows)`: the rows of x that some rows of y need, over the whole batch.
fn emit_upsample(
    lowering: &mut Lowering,
    id: NodeId,
    sources: impl Fn(&Range<usize>) -> Range<usize>,
) -> Result<()> {
    let (x, y) = (lowering.input(0), lowering.value(id));
    for rows in lowering.windows(y.rows(), 1, |r| vec![(x, sources(&r)), (y, r)])? {
        let (from, to) = (lowering.read(&x, sources(&rows)), lowering.write(&y, rows.clone()));
        let count = rows.len() * y.eighths();
        let params = UpsampleParams {
            count: count as u32,
            eighths: y.eighths() as u32,
            x_height: x.shape.height as u32,
            x_width: x.shape.width as u32,
            y_height: y.shape.height as u32,
            y_width: y.shape.width as u32,
            row: rows.start as u32,
            x_first: from.first,
            y_skip: to.skip,
        };
        let kernel = Kernel::new(&shaders::UPSAMPLE).flag("X_HALF", x.half()).flag("Y_HALF", y.half());
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel, vec![from.binding, to.binding], &params, grid);
    }
    Ok(())
}
