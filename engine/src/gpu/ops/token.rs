//! Embedding of token ids, and the token that stands for a whole prompt.

use std::sync::Arc;

use super::LANES;
use crate::Result;
use crate::gpu::lowering::{Kernel, Lowering, PackedWeight, params};
use crate::gpu::shaders;
use crate::graph::NodeId;
use crate::weights::Weight;

params! {
    struct EmbedParams for ["embed"] {
        count: u32,
        eighths: u32,
        tokens: u32,
        vocabulary: u32,
        table_first: u32,
        table_end: u32,
        row: u32,
        ids_skip: u32,
        y_skip: u32,
    }
}

/// `y = table[ids] + positions`: a dispatch for each window of the table and of y.
pub(super) fn lower_embed(
    lowering: &mut Lowering,
    id: NodeId,
    table: &Arc<Weight>,
    positions: &Arc<Weight>,
) -> Result<()> {
    let (ids, y) = (lowering.input(0), lowering.value(id));
    let (table, positions) = (lowering.table(table), lowering.table(positions));
    for rows in lowering.windows(y.rows(), 1, |r| vec![(ids, r.clone()), (y, r)])? {
        for (held, window) in lowering.table_rows(&table) {
            let (from, to) = (lowering.read(&ids, rows.clone()), lowering.write(&y, rows.clone()));
            let count = rows.len() * y.eighths();
            let params = EmbedParams {
                count: count as u32,
                eighths: y.eighths() as u32,
                tokens: ids.shape.pixels() as u32,
                vocabulary: table.rows as u32,
                table_first: held.start as u32,
                table_end: held.end as u32,
                row: rows.start as u32,
                ids_skip: from.skip,
                y_skip: to.skip,
            };
            let bindings = vec![from.binding, window, positions.binding.clone(), to.binding];
            let grid = lowering.fold(count.div_ceil(LANES));
            lowering.emit(embed_kernel(&table, &positions, y.half()), bindings, &params, grid);
        }
    }
    Ok(())
}

fn embed_kernel(table: &PackedWeight, positions: &PackedWeight, half: bool) -> Kernel {
    Kernel::new(&shaders::EMBED)
        .number("TABLE_STORED", table.stored.code())
        .number("POSITIONS_STORED", positions.stored.code())
        .flag("Y_HALF", half)
}

params! {
    struct TakeTokenParams for ["take_token"] {
        count: u32,
        eighths: u32,
        tokens: u32,
        x_first: u32,
        row: u32,
        row_end: u32,
    }
}

/// `y[image] = x[image, index[image]]`: a dispatch for each window of x.
pub(super) fn lower_take_token(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let (x, index, y) = (lowering.input(0), lowering.input(1), lowering.value(id));
    let indices = lowering.whole(&index)?;
    for rows in lowering.windows(x.rows(), 1, |r| vec![(x, r)])? {
        let (from, to) = (lowering.read(&x, rows.clone()), lowering.write(&y, 0..y.rows()));
        let count = y.rows() * y.eighths();
        let params = TakeTokenParams {
            count: count as u32,
            eighths: y.eighths() as u32,
            tokens: x.shape.pixels() as u32,
            x_first: from.first,
            row: rows.start as u32,
            row_end: rows.end as u32,
        };
        let kernel = Kernel::new(&shaders::TAKE_TOKEN).flag("X_HALF", x.half()).flag("Y_HALF", y.half());
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel, vec![from.binding, indices.clone(), to.binding], &params, grid);
    }
    Ok(())
}
