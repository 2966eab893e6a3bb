//! The 3×3 convolution.

use std::ops::Range;

use super::epilogue::{Product, task_of};
use super::seen::seen_by;
use super::winograd;
use crate::Result;
use crate::gpu::cores::winograd::suits;
use crate::gpu::doubled;
use crate::gpu::lowering::{Lowering, params};
use crate::gpu::work::{Operation, Task};
use crate::graph::{NodeId, Op, Window};

params! {
    struct ConvParams for ["conv3x3_cooperative", "conv3x3_subgroup", "conv3x3_tiled"] {
        rows: u32,
        first_row: u32,
        pixels: u32,
        columns: u32,
        depth: u32,
        x_first: u32,
        y_skip: u32,
        residual_skip: u32,
        width: u32,
        in_width: u32,
        in_height: u32,
        stride: u32,
        top: i32,
        left: i32,
        flags: u32,
    }
}

/// The bit of `flags` that says whether each pixel of x is seen four times; see `shared/epilogue.wgsl`.
const DOUBLED: u32 = 7;

/// A product whose left side is gathered: a workgroup for 64 pixels × 64 channels.
pub(super) fn lower_conv3x3(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let Op::Conv3x3 { weight, window, epilogue } = &lowering.node(id).op else {
        unreachable!("a convolution's node")
    };
    let operation = if window.doubled { Operation::Doubled } else { Operation::Conv3x3 };
    let task = task_of(lowering, id, operation, (weight, epilogue));
    let by_winograd = suits(lowering.facts(), &task, window.stride, lowering.value(id).shape.width);
    let task = if by_winograd { Task { operation: Operation::Winograd, ..task } } else { task };
    let product = Product::new(lowering, id, task, (weight, epilogue))?;
    if by_winograd && !product.is_direct() {
        return winograd::lower(lowering, &product, *window);
    }
    lower(lowering, &product, *window)
}

/// A window is some lines of output pixels; it binds the lines of x that they see. Those of a doubled picture are computed
/// by the parities of their lines and columns.
fn lower(lowering: &mut Lowering, product: &Product, window: Window) -> Result<()> {
    let kernel = product.kernel(lowering);
    let kernel = if product.is_general(lowering) { kernel } else { kernel.flag("DOUBLED", window.doubled) };
    let (x, y) = (*product.x(), *product.y());
    let (lines, parities) = if window.doubled { (2, doubled::PARITIES) } else { (1, 1) };
    let [top, left] = if window.doubled { doubled::origin(window) } else { window.origin };
    let seen = |rows: &Range<usize>| seen_by(rows, &x, &y, window);
    let bound = |rows: Range<usize>| {
        let mut bound = product.rows(&rows);
        bound.push((x, seen(&rows)));
        bound
    };
    for rows in lowering.windows(y.rows(), lines * y.shape.width, bound)? {
        let read = lowering.read(&x, seen(&rows));
        let right = product.bind(lowering, &rows)?;
        let params = ConvParams {
            rows: rows.len() as u32,
            first_row: rows.start as u32,
            pixels: y.shape.pixels() as u32,
            columns: product.columns(),
            depth: x.pitch as u32,
            x_first: read.first,
            y_skip: right.y_skip,
            residual_skip: right.residual_skip,
            width: y.shape.width as u32,
            in_width: x.shape.width as u32,
            in_height: x.shape.height as u32,
            stride: window.stride as u32,
            top: top as i32,
            left: left as i32,
            flags: product.flags() | u32::from(window.doubled) << DOUBLED,
        };
        let bindings = [vec![read.binding], right.bindings].concat();
        let [across, down, _] = product.grid(lowering, rows.len() / parities);
        lowering.emit(kernel.clone(), bindings, &params, [across, down, parities as u32]);
    }
    Ok(())
}
