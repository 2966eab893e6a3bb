//! Normalised attention guidance.

use super::Rowwise;
use crate::Result;
use crate::gpu::lowering::{Kernel, Lowering, params};
use crate::gpu::shaders;
use crate::graph::NodeId;

params! {
    struct GuideParams for ["guide"] {
        rows: u32,
        eighths: u32,
        pixels: u32,
        row: u32,
        a_skip: u32,
        b_skip: u32,
        y_skip: u32,
    }
}

/// A workgroup for a row.
pub(super) fn lower_guide(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let (a, b, y) = (lowering.input(0), lowering.input(1), lowering.value(id));
    let guidance = lowering.whole(&lowering.input(2))?;
    let kernel = Kernel::new(&shaders::GUIDE)
        .flag("A_HALF", a.half())
        .flag("B_HALF", b.half())
        .flag("Y_HALF", y.half());
    Rowwise { kernel, inputs: &[a, b], beside: &[guidance] }.emit(lowering, id, |window| {
        let params = GuideParams {
            rows: window.rows.len() as u32,
            eighths: y.eighths() as u32,
            pixels: y.shape.pixels() as u32,
            row: window.rows.start as u32,
            a_skip: window.inputs[0].skip,
            b_skip: window.inputs[1].skip,
            y_skip: window.y.skip,
        };
        (params, window.rows.len())
    })
}
