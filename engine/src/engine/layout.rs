//! Latents in memory: the order of torch, channel by channel, and that of graphs, pixel by pixel.

use crate::graph::{Shape, Tiling};

/// The extents of a picture's latents, `[1, height, width, channels]`, and where they continue on their opposite sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) shape: Shape,
    pub(super) tiling: Tiling,
}

/// `[channels, height, width]`, as torch draws noise, to `[height, width, channels]`, as graphs want it.
pub(super) fn channels_innermost(values: &[f32], shape: Shape) -> Vec<f32> {
    let pixels = shape.pixels();
    let places = (0..pixels).flat_map(|pixel| (0..shape.channels).map(move |c| c * pixels + pixel));
    places.map(|place| values[place]).collect()
}

/// The way back.
pub(super) fn channels_outermost(values: &[f32], shape: Shape) -> Vec<f32> {
    let pixels = shape.pixels();
    let places = (0..shape.channels).flat_map(|c| (0..pixels).map(move |pixel| (pixel, c)));
    places.map(|(pixel, c)| values[pixel * shape.channels + c]).collect()
}

/// Means of squares of latents `[channels, height, width]`, as few as make the longer side at most `longest`.
pub(super) fn averaged(latents: &[f32], shape: Shape, longest: usize) -> Vec<f32> {
    let Shape { height, width, channels, .. } = shape;
    let square = square(shape, longest);
    let mut means = Vec::with_capacity(averaged_shape(shape, longest).pixels() * channels);
    for channel in latents.chunks_exact(height * width) {
        for top in (0..height).step_by(square) {
            for left in (0..width).step_by(square) {
                let rows = top..(top + square).min(height);
                let columns = left..(left + square).min(width);
                let count = (rows.len() * columns.len()) as f32;
                let sum: f32 =
                    rows.flat_map(|y| &channel[y * width + columns.start..y * width + columns.end]).sum();
                means.push(sum / count);
            }
        }
    }
    means
}

/// What shape those have.
pub(super) fn averaged_shape(shape: Shape, longest: usize) -> Shape {
    let square = square(shape, longest);
    Shape { height: shape.height.div_ceil(square), width: shape.width.div_ceil(square), ..shape }
}

/// Latents of a side that one mean is of.
fn square(shape: Shape, longest: usize) -> usize {
    shape.height.max(shape.width).div_ceil(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_are_averaged_only_where_they_are_many() {
        let shape = Shape::image(1, 3, 65, 1);
        let latents: Vec<f32> = (0..3 * 65).map(|i| (i % 65) as f32).collect();
        let means = averaged(&latents, shape, 32);
        assert_eq!(averaged_shape(shape, 32), Shape::image(1, 1, 22, 1));
        assert_eq!((means[0], means[1], means[21]), (1.0, 4.0, 63.5));
        let few = Shape::image(1, 1, 32, 1);
        assert_eq!(averaged(&latents[..32], few, 32), &latents[..32]);
        assert_eq!(averaged_shape(few, 32), few);
    }
}
