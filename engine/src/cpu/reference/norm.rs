//! Group and layer norm: mean, then variance about it, both in f64.

use crate::backend::HostTensor;
use crate::graph::{Affine, Shape};

/// Mean and variance.
fn statistics(values: impl Iterator<Item = f32> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / count;
    (mean, values.map(|x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count)
}

/// Mean and variance of each group of channels of each image, each as a number and what it lost in
/// rounding.
pub(super) fn moments(x: &HostTensor, to: Shape) -> HostTensor {
    let (channels, groups) = (x.shape.channels, to.width);
    let mut values = Vec::with_capacity(to.len());
    for image in x.as_f32().chunks_exact(x.shape.pixels() * channels) {
        for group in 0..groups {
            let width = channels / groups;
            let members = image.chunks_exact(channels).flat_map(|pixel| &pixel[group * width..][..width]);
            let (mean, variance) = statistics(members.copied());
            for number in [mean, variance] {
                let rounded = number as f32;
                values.extend([rounded, (number - f64::from(rounded)) as f32]);
            }
        }
    }
    HostTensor::f32(to, values)
}

/// Each group of channels of each image by its moments to mean 0 and deviation 1, then scaled and
/// shifted.
pub(super) fn normalise(x: &HostTensor, moments: &HostTensor, affine: &Affine) -> HostTensor {
    let (scale, shift) = (affine.scale.to_f32(), affine.shift.to_f32());
    let (channels, groups, moments) = (x.shape.channels, moments.shape.width, moments.as_f32());
    let mut values = x.as_f32().to_vec();
    for (i, value) in values.iter_mut().enumerate() {
        let (image, c) = (i / (x.shape.pixels() * channels), i % channels);
        let group = image * groups + c * groups / channels;
        let of_group: Vec<f64> = moments[4 * group..][..4].iter().map(|&m| f64::from(m)).collect();
        let (mean, variance) = (of_group[0] + of_group[1], of_group[2] + of_group[3]);
        let normed = (f64::from(*value) - mean) / (variance + f64::from(affine.epsilon)).sqrt();
        *value = (normed * f64::from(scale[c]) + f64::from(shift[c])) as f32;
    }
    HostTensor::f32(x.shape, values)
}

/// Each pixel's channels to mean 0 and deviation 1, then scaled and shifted.
pub(super) fn layer_norm(x: &HostTensor, affine: &Affine) -> HostTensor {
    let (scale, shift) = (affine.scale.to_f32(), affine.shift.to_f32());
    let mut values = x.as_f32().to_vec();
    for pixel in values.chunks_exact_mut(x.shape.channels) {
        let (mean, variance) = statistics(pixel.iter().copied());
        let inverse = 1.0 / (variance + f64::from(affine.epsilon)).sqrt();
        for (c, value) in pixel.iter_mut().enumerate() {
            let normed = (f64::from(*value) - mean) * inverse;
            *value = (normed * f64::from(scale[c]) + f64::from(shift[c])) as f32;
        }
    }
    HostTensor::f32(x.shape, values)
}
