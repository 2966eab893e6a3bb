//! Pictures made larger by repetition.

use crate::backend::HostTensor;
use crate::graph::Shape;

/// Nearest neighbour: `source = place · from / to`.
pub(super) fn upsample(x: &HostTensor, to: Shape) -> HostTensor {
    let (from, source) = (x.shape, x.as_f32());
    let mut values = Vec::with_capacity(to.len());
    for row in 0..to.rows() {
        let (image, y, column) = (row / to.pixels(), row % to.pixels() / to.width, row % to.width);
        let (y, column) = (y * from.height / to.height, column * from.width / to.width);
        let pixel = (image * from.height + y) * from.width + column;
        values.extend_from_slice(&source[pixel * from.channels..][..from.channels]);
    }
    HostTensor::f32(to, values)
}
