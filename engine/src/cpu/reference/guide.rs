//! Normalised attention guidance, as its authors write it (Chen et al. 2025, arXiv 2505.21179).

use crate::backend::HostTensor;

/// `[a, b, guidance]`: of the prompt, of the negative prompt, and scale, tau, alpha for each image.
pub(super) fn guide(inputs: &[&HostTensor]) -> HostTensor {
    let (a, b, guidance) = (inputs[0].as_f32(), inputs[1].as_f32(), inputs[2].as_f32());
    let shape = inputs[0].shape;
    let mut values = Vec::with_capacity(shape.len());
    for row in 0..shape.rows() {
        let of = |values: &[f32]| -> Vec<f64> {
            values[row * shape.channels..][..shape.channels].iter().map(|&x| f64::from(x)).collect()
        };
        let image = row / shape.pixels();
        let [scale, tau, alpha] = [0, 1, 2].map(|i| f64::from(guidance[3 * image + i]));
        let (a, b) = (of(a), of(b));
        let guided: Vec<f64> = a.iter().zip(&b).map(|(a, b)| scale * a - (scale - 1.0) * b).collect();
        let norm = |values: &[f64]| values.iter().map(|x| x.abs()).sum::<f64>();
        let ratio = norm(&guided) / norm(&a);
        let back = if ratio > tau { tau / ratio } else { 1.0 };
        values.extend(a.iter().zip(guided).map(|(a, g)| (alpha * back * g + (1.0 - alpha) * a) as f32));
    }
    HostTensor::f32(shape, values)
}
