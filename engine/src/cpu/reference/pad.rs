//! Borders around pictures, and rows out of them.

use std::ops::Range;

use crate::backend::HostTensor;
use crate::graph::Shape;

/// `by` rows above and below and columns left and right: zeros, or the opposite side's pixels.
pub(super) fn pad(x: &HostTensor, wrap: [bool; 2], by: [usize; 2]) -> HostTensor {
    let (from, source) = (x.shape, x.as_f32());
    let to = Shape { height: from.height + 2 * by[0], width: from.width + 2 * by[1], ..from };
    let place = |axis: usize, place: usize, extent: usize| {
        // Far enough before the border that nothing is below zero.
        let shifted = place + extent * by[axis] - by[axis];
        let inside = place >= by[axis] && place < by[axis] + extent;
        (inside || wrap[axis]).then_some(shifted % extent)
    };
    let mut values = Vec::with_capacity(to.len());
    for row in 0..to.rows() {
        let (image, y, column) = (row / to.pixels(), row % to.pixels() / to.width, row % to.width);
        match (place(0, y, from.height), place(1, column, from.width)) {
            (Some(y), Some(column)) => {
                let pixel = (image * from.height + y) * from.width + column;
                values.extend_from_slice(&source[pixel * from.channels..][..from.channels]);
            }
            _ => values.resize(values.len() + from.channels, 0.0),
        }
    }
    HostTensor::f32(to, values)
}

/// Some rows of pixels of each image.
pub(super) fn rows(x: &HostTensor, rows: &Range<usize>) -> HostTensor {
    let line = x.shape.width * x.shape.channels;
    let images = x.as_f32().chunks_exact(x.shape.height * line);
    let values = images.flat_map(|image| &image[rows.start * line..rows.end * line]).copied().collect();
    HostTensor::f32(Shape { height: rows.len(), ..x.shape }, values)
}
