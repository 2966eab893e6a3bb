//! Group and layer norm: mean, then variance about it, both in f64.

use crate::backend::HostTensor;
use crate::weights::Weight;

/// Mean, and one over the deviation.
fn statistics(values: impl Iterator<Item = f32> + Clone, epsilon: f32) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / count;
    let variance = values.map(|x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    (mean, 1.0 / (variance + f64::from(epsilon)).sqrt())
}

/// Each group of channels of each image to mean 0 and deviation 1, then scaled and shifted.
pub(super) fn group_norm(
    x: &HostTensor,
    (scale, shift): (&Weight, &Weight),
    groups: usize,
    epsilon: f32,
) -> HostTensor {
    let (channels, image_len) = (x.shape.channels, x.shape.pixels() * x.shape.channels);
    let (scale, shift, width) = (scale.to_f32(), shift.to_f32(), channels / groups);
    let mut values = x.as_f32().to_vec();
    for image in values.chunks_exact_mut(image_len) {
        for group in 0..groups {
            let members = image.chunks_exact(channels).flat_map(|pixel| &pixel[group * width..][..width]);
            let (mean, inverse) = statistics(members.copied(), epsilon);
            for pixel in image.chunks_exact_mut(channels) {
                for c in group * width..(group + 1) * width {
                    let normed = (f64::from(pixel[c]) - mean) * inverse;
                    pixel[c] = (normed * f64::from(scale[c]) + f64::from(shift[c])) as f32;
                }
            }
        }
    }
    HostTensor::f32(x.shape, values)
}

/// Each pixel's channels to mean 0 and deviation 1, then scaled and shifted.
pub(super) fn layer_norm(x: &HostTensor, (scale, shift): (&Weight, &Weight), epsilon: f32) -> HostTensor {
    let (scale, shift) = (scale.to_f32(), shift.to_f32());
    let mut values = x.as_f32().to_vec();
    for pixel in values.chunks_exact_mut(x.shape.channels) {
        let (mean, inverse) = statistics(pixel.iter().copied(), epsilon);
        for (c, value) in pixel.iter_mut().enumerate() {
            let normed = (f64::from(*value) - mean) * inverse;
            *value = (normed * f64::from(scale[c]) + f64::from(shift[c])) as f32;
        }
    }
    HostTensor::f32(x.shape, values)
}
