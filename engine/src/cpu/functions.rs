//! Exponential, sigmoid and the activations as branch-free arithmetic that the compiler vectorises.
//!
//! Multiplications and additions are not fused: with `mul_add`, processors without the instruction
//! would call a function for each number, and pictures would differ between the two.

use crate::graph::Activation;
pub(super) use crate::weights::vectorised;

/// eˣ to 2 units in the last place; NaN stays NaN, since it must be seen in the picture.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Comparisons, not f32::clamp: NaN falls through both.
    let x = if x < -87.3 { -87.3 } else { x };
    let x = if x > 88.3 { 88.3 } else { x };
    // 1.5 · 2²³: adding it rounds to an integer, whose bits are then the lowest of the sum.
    const ROUND: f32 = 12_582_912.0;
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    // ln 2 in two parts, the first short enough that the product is exact.
    let r = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let fraction = p * (r * r) + r + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    fraction * power
}

/// 2ˣ for x ≤ 0 to 2 units in the last place, and 0 (but for 2⁻¹²⁶) far below; NaN stays NaN.
#[inline(always)]
pub(super) fn exp2_of_negative(x: f32) -> f32 {
    let x = if x < -126.0 { -126.0 } else { x };
    const ROUND: f32 = 12_582_912.0;
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    // Cephes' polynomial.
    let p = 1.535_336_2e-4;
    let p = p * r + 1.339_887_4e-3;
    let p = p * r + 9.618_437e-3;
    let p = p * r + 5.550_332_5e-2;
    let p = p * r + 2.402_264_8e-1;
    let p = p * r + 6.931_472e-1;
    (p * r + 1.0) * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// `x · sigmoid(x)`.
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// `x · sigmoid(1.702 x)`.
#[inline(always)]
fn quick_gelu(x: f32) -> f32 {
    x / (1.0 + exp(-1.702 * x))
}

/// `max(x, 0)`; NaN stays NaN.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// `max(x, 0.2 x)`; NaN stays NaN.
#[inline(always)]
fn leaky_relu(x: f32) -> f32 {
    if x < 0.0 { 0.2 * x } else { x }
}

/// `3 · tanh(x / 3)`.
#[inline(always)]
fn soft_clamp(x: f32) -> f32 {
    let e = exp(-2.0 / 3.0 * x.abs());
    (3.0 * (1.0 - e) / (1.0 + e)).copysign(x)
}

/// The error function: a quotient of polynomials in x², as Eigen and XLA have it.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = if x < -4.0 { -4.0 } else { x };
    let x = if x > 4.0 { 4.0 } else { x };
    let s = x * x;
    let p = -2.726_142_3e-10;
    let p = p * s + 2.770_681_5e-8;
    let p = p * s - 2.101_024e-6;
    let p = p * s - 5.692_506_4e-5;
    let p = p * s - 7.349_906_3e-4;
    let p = p * s - 2.954_6e-3;
    let p = p * s - 1.609_603_3e-2;
    let q = -1.456_607_2e-5;
    let q = q * s - 2.133_740_6e-4;
    let q = q * s - 1.682_827e-3;
    let q = q * s - 7.373_329_2e-3;
    let q = q * s - 1.426_473_9e-2;
    x * p / q
}

/// `x · Φ(x)`.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The function of every number of a line, in place.
#[inline(always)]
pub(super) fn activate(line: &mut [f32], activation: Activation) {
    match activation {
        Activation::None => {}
        Activation::Silu => line.iter_mut().for_each(|x| *x = silu(*x)),
        Activation::Gelu => line.iter_mut().for_each(|x| *x = gelu(*x)),
        Activation::QuickGelu => line.iter_mut().for_each(|x| *x = quick_gelu(*x)),
        Activation::Relu => line.iter_mut().for_each(|x| *x = relu(*x)),
        Activation::LeakyRelu => line.iter_mut().for_each(|x| *x = leaky_relu(*x)),
        Activation::SoftClamp => line.iter_mut().for_each(|x| *x = soft_clamp(*x)),
        Activation::Geglu => unreachable!("GEGLU takes two numbers; only a product's epilogue has both"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_a_few_units_and_keeps_nan() {
        let mut worst = 0.0f64;
        for step in -86_000..=88_000 {
            let x = step as f32 * 1e-3;
            let right = f64::from(x).exp();
            worst = worst.max(((f64::from(exp(x)) - right) / right).abs());
        }
        assert!(worst < 2.5e-7, "relative error {worst:e}");
        for step in -125_000..=0 {
            let x = step as f32 * 1e-3;
            let right = f64::from(x).exp2();
            worst = worst.max(((f64::from(exp2_of_negative(x)) - right) / right).abs());
        }
        assert!(worst < 2.5e-7, "relative error {worst:e}");
        assert!(exp2_of_negative(f32::NAN).is_nan());
        assert!(exp(f32::NAN).is_nan() && exp(f32::NEG_INFINITY) < 1.3e-38);
    }
}
