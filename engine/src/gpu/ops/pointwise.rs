//! Operations whose every pixel needs only the same pixel of the inputs.

use std::sync::Arc;

use super::epilogue::number_of;
use super::{LANES, Rowwise};
use crate::Result;
use crate::gpu::lowering::{Kernel, Lowering, params};
use crate::gpu::packing::Columns;
use crate::gpu::shaders;
use crate::graph::{Activation, NodeId};
use crate::weights::Weight;

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
    let kernel =
        Kernel::new(&shaders::ADD).flag("A_HALF", a.half()).flag("B_HALF", b.half()).flag("Y_HALF", y.half());
    Rowwise { kernel, inputs: &[a, b], beside: &[] }.emit(lowering, id, |window| {
        let count = window.count(&y);
        let params = AddParams {
            count: count as u32,
            a_skip: window.inputs[0].skip * eighths,
            b_skip: window.inputs[1].skip * eighths,
            y_skip: window.y.skip * eighths,
        };
        (params, count.div_ceil(LANES))
    })
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
    let kernel = Kernel::new(&shaders::ADD_PER_IMAGE)
        .flag("X_HALF", x.half())
        .flag("VECTOR_HALF", vector.half())
        .flag("Y_HALF", y.half());
    Rowwise { kernel, inputs: &[x], beside: &[vectors] }.emit(lowering, id, |window| {
        let count = window.count(&y);
        let params = AddPerImageParams {
            count: count as u32,
            eighths,
            pixels: x.shape.pixels() as u32,
            row: window.rows.start as u32,
            x_skip: window.inputs[0].skip * eighths,
            y_skip: window.y.skip * eighths,
        };
        (params, count.div_ceil(LANES))
    })
}

params! {
    struct AddScaledParams for ["add_scaled"] {
        count: u32,
        eighths: u32,
        pixels: u32,
        row: u32,
        places: u32,
        place: u32,
        a_skip: u32,
        b_skip: u32,
        y_skip: u32,
    }
}

/// `y = a + factor of the image · b`.
pub(super) fn lower_add_scaled(lowering: &mut Lowering, id: NodeId, place: usize) -> Result<()> {
    let (a, b, y) = (lowering.input(0), lowering.input(1), lowering.value(id));
    let given = lowering.input(2);
    let factors = lowering.whole(&given)?;
    let eighths = y.eighths() as u32;
    let kernel = Kernel::new(&shaders::ADD_SCALED)
        .flag("A_HALF", a.half())
        .flag("B_HALF", b.half())
        .flag("Y_HALF", y.half());
    Rowwise { kernel, inputs: &[a, b], beside: &[factors] }.emit(lowering, id, |window| {
        let count = window.count(&y);
        let params = AddScaledParams {
            count: count as u32,
            eighths,
            pixels: y.shape.pixels() as u32,
            row: window.rows.start as u32,
            places: given.pitch as u32,
            place: place as u32,
            a_skip: window.inputs[0].skip * eighths,
            b_skip: window.inputs[1].skip * eighths,
            y_skip: window.y.skip * eighths,
        };
        (params, count.div_ceil(LANES))
    })
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
    let kernel = Kernel::new(&shaders::ACTIVATE)
        .flag("X_HALF", x.half())
        .flag("Y_HALF", y.half())
        .number("ACTIVATION", number_of(activation));
    Rowwise { kernel, inputs: &[x], beside: &[] }.emit(lowering, id, |window| {
        let count = window.count(&y);
        let (x_skip, y_skip) = (window.inputs[0].skip * eighths, window.y.skip * eighths);
        (ActivateParams { count: count as u32, x_skip, y_skip }, count.div_ceil(LANES))
    })
}

params! {
    struct PreluParams for ["prelu"] {
        count: u32,
        eighths: u32,
        x_skip: u32,
        y_skip: u32,
    }
}

/// `y = x`, below 0 times a slope of the channel.
pub(super) fn lower_prelu(lowering: &mut Lowering, id: NodeId, slopes: &Arc<Weight>) -> Result<()> {
    let (x, y) = (lowering.input(0), lowering.value(id));
    let slopes = lowering.vector(slopes, Columns::Plain)?;
    let eighths = y.eighths() as u32;
    let kernel = Kernel::new(&shaders::PRELU).flag("X_HALF", x.half()).flag("Y_HALF", y.half());
    Rowwise { kernel, inputs: &[x], beside: &[slopes] }.emit(lowering, id, |window| {
        let count = window.count(&y);
        let (x_skip, y_skip) = (window.inputs[0].skip * eighths, window.y.skip * eighths);
        (PreluParams { count: count as u32, eighths, x_skip, y_skip }, count.div_ceil(LANES))
    })
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
    let kernel = Kernel::new(&shaders::CONCAT)
        .flag("A_HALF", a.half())
        .flag("B_HALF", b.half())
        .flag("Y_HALF", y.half())
        .flag("ALIGNED", a.shape.channels.is_multiple_of(8));
    Rowwise { kernel, inputs: &[a, b], beside: &[] }.emit(lowering, id, |window| {
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
        (params, count.div_ceil(LANES))
    })
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
    let x = lowering.input(0);
    let kernel = Kernel::new(&shaders::PICTURE).flag("X_HALF", x.half());
    Rowwise { kernel, inputs: &[x], beside: &[] }.emit(lowering, id, |window| {
        let count = window.rows.len();
        let (x_skip, y_skip) = (window.inputs[0].skip, window.y.skip);
        (PictureParams { count: count as u32, x_skip, y_skip }, count.div_ceil(LANES))
    })
}
