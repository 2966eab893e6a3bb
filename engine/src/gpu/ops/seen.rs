//! What convolutions see.

use std::ops::Range;

use crate::gpu::lowering::Value;

/// The pixels of x that some output pixels see: three whole rows of pixels for each row of theirs,
/// as far as the picture has them. `top` rows of zeros stand before it.
pub(super) fn seen_by(rows: &Range<usize>, x: &Value, y: &Value, stride: usize, top: usize) -> Range<usize> {
    let row_of = |pixel: usize| {
        let row = pixel / y.shape.width;
        (row / y.shape.height * x.shape.height, row % y.shape.height * stride)
    };
    let (first_image, first) = row_of(rows.start);
    let (last_image, last) = row_of(rows.end - 1);
    let start = first_image + first.saturating_sub(top);
    let end = last_image + (last + 3 - top).min(x.shape.height);
    start * x.shape.width..end * x.shape.width
}
