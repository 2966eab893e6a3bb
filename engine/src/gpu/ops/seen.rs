//! What convolutions see.

use std::ops::Range;

use crate::gpu::lowering::Value;
use crate::graph::Window;

/// The pixels of x that some output pixels see: the rows of pixels that stand under theirs, as far as the picture has them.
pub(super) fn seen_by(rows: &Range<usize>, x: &Value, y: &Value, window: Window) -> Range<usize> {
    let row_of = |pixel: usize| {
        let row = pixel / y.shape.width;
        let place = (row % y.shape.height * window.stride) as isize - window.origin[0];
        (row / y.shape.height * x.shape.height, place)
    };
    let (first_image, first) = row_of(rows.start);
    let (last_image, last) = row_of(rows.end - 1);
    let halves = u32::from(window.doubled);
    let start = first_image + (first.max(0) as usize >> halves);
    let end = last_image + ((last + 2) as usize >> halves).min(x.shape.height - 1) + 1;
    start * x.shape.width..end * x.shape.width
}
