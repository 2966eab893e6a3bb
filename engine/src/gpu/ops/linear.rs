//! The product of activations and a weight.

use super::epilogue::{Product, task_of};
use crate::Result;
use crate::gpu::lowering::{Lowering, params};
use crate::gpu::work::Operation;
use crate::graph::{NodeId, Op};

params! {
    /// What the kernels of products are told.
    struct LinearParams for ["linear_cooperative", "linear_subgroup", "linear_tiled"] {
        rows: u32,
        first_row: u32,
        pixels: u32,
        columns: u32,
        depth: u32,
        x_skip: u32,
        y_skip: u32,
        residual_skip: u32,
        flags: u32,
    }
}

/// `y = activation(x · weightᵀ + bias + per_image) + residual`: a workgroup for 64 × 64 sums.
pub(super) fn lower_linear(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let Op::Linear { weight, epilogue } = &lowering.node(id).op else { unreachable!("a linear node") };
    let task = task_of(lowering, id, Operation::Linear, (weight, epilogue));
    let product = Product::new(lowering, id, task, (weight, epilogue))?;
    let kernel = product.kernel(lowering);
    let (x, y) = (*product.x(), *product.y());
    let bound = |rows: std::ops::Range<usize>| {
        let mut bound = product.rows(&rows);
        bound.push((x, rows));
        bound
    };
    for rows in lowering.windows(y.rows(), 1, bound)? {
        let left = lowering.read(&x, rows.clone());
        let right = product.bind(lowering, &rows)?;
        let params = LinearParams {
            rows: rows.len() as u32,
            first_row: rows.start as u32,
            pixels: y.shape.pixels() as u32,
            columns: product.columns(),
            depth: x.pitch as u32,
            x_skip: left.skip,
            y_skip: right.y_skip,
            residual_skip: right.residual_skip,
            flags: product.flags(),
        };
        let bindings = [vec![left.binding], right.bindings].concat();
        lowering.emit(kernel.clone(), bindings, &params, product.grid(lowering, rows.len()));
    }
    Ok(())
}
