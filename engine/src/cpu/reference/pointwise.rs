//! Functions of every number, sums of two values, and channels side by side.

use crate::backend::HostTensor;
use crate::graph::Activation;
use crate::weights::Weight;

/// The error function: `2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1))`, all terms of one sign.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `x · Φ(x)`.
pub(super) fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))
}

/// The function of one number.
pub(super) fn function(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Silu => x * sigmoid(x),
        Activation::Gelu => gelu(x),
        Activation::QuickGelu => x * sigmoid(1.702 * x),
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu => x.max(0.2 * x),
        Activation::SoftClamp => 3.0 * (x / 3.0).tanh(),
        Activation::Geglu => panic!("GEGLU takes two numbers"),
    }
}

/// The function of every number.
pub(super) fn activate(x: &HostTensor, activation: Activation) -> HostTensor {
    let values = x.as_f32().iter().map(|&x| function(activation, f64::from(x)) as f32);
    HostTensor::f32(x.shape, values.collect())
}

/// x, and below 0 its product with its channel's slope.
pub(super) fn prelu(x: &HostTensor, slopes: &Weight) -> HostTensor {
    let slopes = slopes.to_f32();
    let slope = |i: usize| f64::from(slopes[i % slopes.len()]);
    let value = |(i, &x): (usize, &f32)| if x < 0.0 { (slope(i) * f64::from(x)) as f32 } else { x };
    HostTensor::f32(x.shape, x.as_f32().iter().enumerate().map(value).collect())
}

/// `a + b`.
pub(super) fn add(a: &HostTensor, b: &HostTensor) -> HostTensor {
    let values = a.as_f32().iter().zip(b.as_f32()).map(|(a, b)| a + b);
    HostTensor::f32(a.shape, values.collect())
}

/// `x + vector`, the vector of the number's image.
pub(super) fn add_per_image(x: &HostTensor, vector: &HostTensor) -> HostTensor {
    let (channels, image) = (x.shape.channels, x.shape.pixels() * x.shape.channels);
    let vector = vector.as_f32();
    let values = x.as_f32().iter().enumerate().map(|(i, x)| x + vector[i / image * channels + i % channels]);
    HostTensor::f32(x.shape, values.collect())
}

/// `a + factor · b`, the factor of the number's image at this place.
pub(super) fn add_scaled(inputs: &[&HostTensor], place: usize) -> HostTensor {
    let (shape, places) = (inputs[0].shape, inputs[2].shape.channels);
    let (image, factors) = (shape.pixels() * shape.channels, inputs[2].as_f32());
    let pairs = inputs[0].as_f32().iter().zip(inputs[1].as_f32()).enumerate();
    let sum = |(i, (a, b)): (usize, (&f32, &f32))| {
        (f64::from(*a) + f64::from(factors[i / image * places + place]) * f64::from(*b)) as f32
    };
    HostTensor::f32(shape, pairs.map(sum).collect())
}

/// Channels of a, then channels of b.
pub(super) fn concat(a: &HostTensor, b: &HostTensor) -> HostTensor {
    let (left, right) = (a.shape.channels, b.shape.channels);
    let pixels = a.as_f32().chunks_exact(left).zip(b.as_f32().chunks_exact(right));
    let values = pixels.flat_map(|(a, b)| a.iter().chain(b)).copied();
    HostTensor::f32(a.shape.with_channels(left + right), values.collect())
}
