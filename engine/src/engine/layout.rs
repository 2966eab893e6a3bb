//! Between the order of torch, channel by channel, and that of graphs, pixel by pixel.

use crate::backend::HostTensor;
use crate::graph::Shape;
use crate::vae::VaeConfig;

/// Latents `[channels, height, width]` as the decoder wants them.
pub(super) fn vae_input(latents: &[f32], shape: Shape, config: &VaeConfig) -> HostTensor {
    let latents: Vec<f32> = latents.iter().map(|v| v / config.scaling_factor).collect();
    HostTensor::f32(shape, channels_innermost(&latents, shape))
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
