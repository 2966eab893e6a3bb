//! Operations whose every pixel needs only the same pixel of the inputs.

use super::epilogue::number_of;
use super::{LANES, windows_of};
use crate::Result;
use crate::gpu::lowering::{Kernel, Lowering, params};
use crate::gpu::shaders;
use crate::graph::{Activation, NodeId};

params! {
    struct AddParams for ["add"] {
        count: u32,
        a_skip: u32,
        b_skip: u32,
        y_skip: u32,
    }
}

/// `y = a + b`: a thread for eight numbers.
pub(super) fn lower_add(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let (a, b, y) = (lowering.input(0), lowering.input(1), lowering.value(id));
    let eighths = y.eighths() as u32;
    for window in windows_of(lowering, &[a, b], &y)? {
        let kernel = Kernel::new(&shaders::ADD)
            .flag("A_HALF", a.half())
            .flag("B_HALF", b.half())
            .flag("Y_HALF", y.half());
        let count = window.count(&y);
        let [a, b] = [0, 1].map(|place| window.inputs[place].clone());
        let params = AddParams {
            count: count as u32,
            a_skip: a.skip * eighths,
            b_skip: b.skip * eighths,
            y_skip: window.y.skip * eighths,
        };
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel, vec![a.binding, b.binding, window.y.binding], &params, grid);
    }
    Ok(())
}

params! {
    struct AddPerImageParams for ["add_per_image"] {
        count: u32,
        eighths: u32,
        pixels: u32,
        row: u32,
        x_skip: u32,
        y_skip: u32,
    }
}

/// `y = x + vector of the image`.
pub(super) fn lower_add_per_image(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let (x, vector, y) = (lowering.input(0), lowering.input(1), lowering.value(id));
    let vectors = lowering.whole(&vector)?;
    let eighths = y.eighths() as u32;
    for window in windows_of(lowering, &[x], &y)? {
        let kernel = Kernel::new(&shaders::ADD_PER_IMAGE)
            .flag("X_HALF", x.half())
            .flag("VECTOR_HALF", vector.half())
            .flag("Y_HALF", y.half());
        let count = window.count(&y);
        let params = AddPerImageParams {
            count: count as u32,
            eighths,
            pixels: x.shape.pixels() as u32,
            row: window.rows.start as u32,
            x_skip: window.inputs[0].skip * eighths,
            y_skip: window.y.skip * eighths,
        };
        let bindings = vec![window.inputs[0].binding.clone(), vectors.clone(), window.y.binding];
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel, bindings, &params, grid);
    }
    Ok(())
}

params! {
    struct ActivateParams for ["activate"] {
        count: u32,
        x_skip: u32,
        y_skip: u32,
    }
}

/// `y = f(x)`.
pub(super) fn lower_activate(lowering: &mut Lowering, id: NodeId, activation: Activation) -> Result<()> {
    let (x, y) = (lowering.input(0), lowering.value(id));
    let eighths = y.eighths() as u32;
    for window in windows_of(lowering, &[x], &y)? {
        let kernel = Kernel::new(&shaders::ACTIVATE)
            .flag("X_HALF", x.half())
            .flag("Y_HALF", y.half())
            .number("ACTIVATION", number_of(activation));
        let count = window.count(&y);
        let params = ActivateParams {
            count: count as u32,
            x_skip: window.inputs[0].skip * eighths,
            y_skip: window.y.skip * eighths,
        };
        let grid = lowering.fold(count.div_ceil(LANES));
        let bindings = vec![window.inputs[0].binding.clone(), window.y.binding];
        lowering.emit(kernel, bindings, &params, grid);
    }
    Ok(())
}

params! {
    struct ConcatParams for ["concat"] {
        count: u32,
        a_channels: u32,
        b_channels: u32,
        a_eighths: u32,
        b_eighths: u32,
        y_eighths: u32,
        a_skip: u32,
        b_skip: u32,
        y_skip: u32,
    }
}

/// Channels of a, then channels of b.
pub(super) fn lower_concat(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let (a, b, y) = (lowering.input(0), lowering.input(1), lowering.value(id));
    for window in windows_of(lowering, &[a, b], &y)? {
        let kernel = Kernel::new(&shaders::CONCAT)
            .flag("A_HALF", a.half())
            .flag("B_HALF", b.half())
            .flag("Y_HALF", y.half())
            .flag("ALIGNED", a.shape.channels.is_multiple_of(8));
        let count = window.count(&y);
        let params = ConcatParams {
            count: count as u32,
            a_channels: a.shape.channels as u32,
            b_channels: b.shape.channels as u32,
            a_eighths: a.eighths() as u32,
            b_eighths: b.eighths() as u32,
            y_eighths: y.eighths() as u32,
            a_skip: window.inputs[0].skip,
            b_skip: window.inputs[1].skip,
            y_skip: window.y.skip,
        };
        let [a, b] = [0, 1].map(|place| window.inputs[place].binding.clone());
        let grid = lowering.fold(count.div_ceil(LANES));
        lowering.emit(kernel, vec![a, b, window.y.binding], &params, grid);
    }
    Ok(())
}

params! {
    struct PictureParams for ["picture"] {
        count: u32,
        x_skip: u32,
        y_skip: u32,
    }
}

/// Three channels to packed RGBA8: a thread for a pixel.
pub(super) fn lower_picture(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    let (x, y) = (lowering.input(0), lowering.value(id));
    for window in windows_of(lowering, &[x], &y)? {
        let kernel = Kernel::new(&shaders::PICTURE).flag("X_HALF", x.half());
        let count = window.rows.len();
        let params =
            PictureParams { count: count as u32, x_skip: window.inputs[0].skip, y_skip: window.y.skip };
        let grid = lowering.fold(count.div_ceil(LANES));
        let bindings = vec![window.inputs[0].binding.clone(), window.y.binding];
        lowering.emit(kernel, bindings, &params, grid);
    }
    Ok(())
}
