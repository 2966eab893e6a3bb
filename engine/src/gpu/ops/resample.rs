//! Upsampling, borders around pictures, and rows out of them: pixels from other pixels.

use std::ops::Range;

use super::LANES;
use crate::gpu::lowering::{Kernel, Lowering, Value, params};
use crate::gpu::shaders;
use crate::graph::NodeId;
use crate::{Error, Result};

params! {
    struct PlanesParams for ["pad", "upsample"] {
        count: u32,
        eighths: u32,
        x_height: u32,
        x_width: u32,
        y_height: u32,
        y_width: u32,
        row: u32,
        x_first: u32,
        y_skip: u32,
        first_row: i32,
        first_column: i32,
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
    let kernel = Kernel::new(&shaders::UPSAMPLE);
    emit(lowering, id, kernel, [0; 2], sources)
}

/// A part of the plane on which a picture lies.
pub(super) struct Frame {
    /// Row and column of the picture at the frame's first pixel; below 0 in a border.
    pub first: [isize; 2],
    /// Whether height and width continue on their opposite sides; beyond others there are zeros.
    pub wrap: [bool; 2],
}

impl Frame {
    /// [`Frame::first`] on an axis, within the picture if it continues on its opposite side.
    fn first_in(&self, axis: usize, extent: usize) -> isize {
        if self.wrap[axis] { self.first[axis].rem_euclid(extent as isize) } else { self.first[axis] }
    }

    /// The rows of x that some rows of y show: whole lines, from the first to the last of them.
    fn seen(&self, rows: &Range<usize>, x: &Value, y: &Value) -> Range<usize> {
        let height = x.shape.height as isize;
        let lines = rows.start / y.shape.width..(rows.end - 1) / y.shape.width + 1;
        let source = |line: usize| {
            let at = (line % y.shape.height) as isize + self.first[0];
            let at = if self.wrap[0] { at.rem_euclid(height) } else { at };
            let inside = (0..height).contains(&at);
            inside.then(|| line / y.shape.height * x.shape.height + at as usize)
        };
        let sources = || lines.clone().filter_map(source);
        match (sources().min(), sources().max()) {
            (Some(first), Some(last)) => first * x.shape.width..(last + 1) * x.shape.width,
            // Nothing but border; something must be bound.
            _ => 0..1,
        }
    }
}

/// Zeros or the opposite side beyond the picture.
pub(super) fn lower_pad(lowering: &mut Lowering, id: NodeId, frame: &Frame) -> Result<()> {
    let (x, y) = (lowering.input(0), lowering.value(id));
    let kernel =
        Kernel::new(&shaders::PAD).flag("WRAP_ROWS", frame.wrap[0]).flag("WRAP_COLUMNS", frame.wrap[1]);
    let first = [frame.first_in(0, x.shape.height), frame.first_in(1, x.shape.width)];
    emit(lowering, id, kernel, first, |rows| frame.seen(rows, &x, &y))
}

/// A thread for eight numbers of y. `sources(rows)`: the rows of x that some rows of y need, over the whole batch.
fn emit(
    lowering: &mut Lowering,
    id: NodeId,
    kernel: Kernel,
    first: [isize; 2],
    sources: impl Fn(&Range<usize>) -> Range<usize>,
) -> Result<()> {
    let (x, y) = (lowering.input(0), lowering.value(id));
    let kernel = kernel.flag("X_HALF", x.half()).flag("Y_HALF", y.half());
    for rows in lowering.windows(y.rows(), 1, |r| vec![(x, sources(&r)), (y, r)])? {
        let (from, to) = (lowering.read(&x, sources(&rows)), lowering.write(&y, rows.clone()));
        let count = rows.len() * y.eighths();
        let params = PlanesParams {
            count: count as u32,
            eighths: y.eighths() as u32,
            x_height: x.shape.height as u32,
            x_width: x.shape.width as u32,
            y_height: y.shape.height as u32,
            y_width: y.shape.width as u32,
            row: rows.start as u32,
            x_first: from.first,
            y_skip: to.skip,
            first_row: first[0] as i32,
            first_column: first[1] as i32,
        };
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel.clone(), vec![from.binding, to.binding], &params, grid);
    }
    Ok(())
}
