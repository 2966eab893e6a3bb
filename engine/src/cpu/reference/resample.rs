//! Pictures made larger by repetition and smaller by means.

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

/// Mean of 2×2 pixels; a last odd row or column is dropped.
pub(super) fn downsample(x: &HostTensor, to: Shape) -> HostTensor {
    let (from, source) = (x.shape, x.as_f32());
    let at = |image: usize, y: usize, column: usize, c: usize| {
        f64::from(source[((image * from.height + y) * from.width + column) * from.channels + c])
    };
    let mut values = Vec::with_capacity(to.len());
    for row in 0..to.rows() {
        let (image, y, column) = (row / to.pixels(), row % to.pixels() / to.width * 2, row % to.width * 2);
        for c in 0..to.channels {
            let sum = at(image, y, column, c)
                + at(image, y, column + 1, c)
                + at(image, y + 1, column, c)
                + at(image, y + 1, column + 1, c);
            values.push((sum / 4.0) as f32);
        }
    }
    HostTensor::f32(to, values)
}
