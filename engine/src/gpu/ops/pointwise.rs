//! Operations on every number by itself.

use bytemuck::{Pod, Zeroable};

use crate::Result;
use crate::gpu::lowering::{Kernel, Lowering};
use crate::gpu::shaders;
use crate::graph::NodeId;

/// Threads of a workgroup in kernels that give a thread eight numbers.
const LANES: usize = 256;

/// In step with `Params` of `add.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct AddParams {
    count: u32,
    a_skip: u32,
    b_skip: u32,
    y_skip: u32,
}

/// `y = a + b`: a thread for eight numbers.
pub(super) fn lower_add(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let (a, b, y) = (lowering.input(0), lowering.input(1), lowering.value(id));
    let kernel = || {
        Kernel::new(&shaders::ADD).flag("A_HALF", a.half()).flag("B_HALF", b.half()).flag("Y_HALF", y.half())
    };
    let eighths = y.eighths();
    let windows = lowering.windows(y.rows(), 1, |r| vec![(a, r.clone()), (b, r.clone()), (y, r)])?;
    for rows in windows {
        let count = rows.len() * eighths;
        let (a, b) = (lowering.read(&a, rows.clone()), lowering.read(&b, rows.clone()));
        let y = lowering.write(&y, rows);
        let skip = |rows: u32| rows * eighths as u32;
        let (a_skip, b_skip, y_skip) = (skip(a.skip), skip(b.skip), skip(y.skip));
        let params = AddParams { count: count as u32, a_skip, b_skip, y_skip };
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel(), vec![a.binding, b.binding, y.binding], &params, grid);
    }
    Ok(())
}
