//! Exponential, sigmoid and the activations, as many numbers at a time as the processor's vectors hold.
//!
//! Written with vectors, for of plain loops over these the compiler vectorises some and not others. Multiplications
//! and additions are fused where the processor can do so, as in the products. A number's value is the same wherever
//! in a line it stands.

use pulp::{Simd, WithSimd};

use crate::graph::Activation;
pub(super) use crate::weights::vectorised;

/// A function of every number.
pub(super) trait Function: Copy {
    /// Its values for a vector of numbers.
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s;
}

/// The function of every number of a line, in place.
struct Line<'a, F> {
    line: &'a mut [f32],
    function: F,
}

impl<F: Function> WithSimd for Line<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (whole, rest) = S::as_mut_simd_f32s(self.line);
        // No closures here: one that is called, not inlined, knows nothing of this processor's vectors.
        for x in whole {
            *x = self.function.of(simd, *x);
        }
        if !rest.is_empty() {
            let x = simd.partial_load_f32s(rest);
            simd.partial_store_f32s(rest, self.function.of(simd, x));
        }
    }
}

/// `value · gelu(gate)`, to where the value stands.
struct Gated<'a> {
    values: &'a mut [f32],
    gates: &'a [f32],
}

impl WithSimd for Gated<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (values, rest) = S::as_mut_simd_f32s(self.values);
        let (gates, rest_of_gates) = S::as_simd_f32s(self.gates);
        for (value, gate) in values.iter_mut().zip(gates) {
            *value = simd.mul_f32s(*value, Gelu.of(simd, *gate));
        }
        if !rest.is_empty() {
            let (value, gate) = (simd.partial_load_f32s(rest), simd.partial_load_f32s(rest_of_gates));
            simd.partial_store_f32s(rest, simd.mul_f32s(value, Gelu.of(simd, gate)));
        }
    }
}

/// `x` or `low`, whichever is greater; NaN stays NaN, since it must be seen in the picture.
#[inline(always)]
fn at_least<S: Simd>(simd: S, x: S::f32s, low: f32) -> S::f32s {
    let low = simd.splat_f32s(low);
    // The instruction of x86 answers its second operand where one is NaN.
    if cfg!(target_arch = "x86_64") && !S::IS_SCALAR {
        simd.max_f32s(low, x)
    } else {
        simd.select_f32s(simd.less_than_f32s(x, low), low, x)
    }
}

/// `x` or `high`, whichever is less; NaN stays NaN.
#[inline(always)]
fn at_most<S: Simd>(simd: S, x: S::f32s, high: f32) -> S::f32s {
    let high = simd.splat_f32s(high);
    if cfg!(target_arch = "x86_64") && !S::IS_SCALAR {
        simd.min_f32s(high, x)
    } else {
        simd.select_f32s(simd.less_than_f32s(high, x), high, x)
    }
}

/// The polynomial in `x` with these coefficients, that of the highest power first.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: [f32; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(*coefficient));
    }
    sum
}

/// 1.5 · 2²³: adding it rounds to an integer, whose bits are then the lowest of the sum.
const ROUND: f32 = 12_582_912.0;

/// `fraction · 2ⁿ` for the integer n in the lowest bits of `shifted`.
#[inline(always)]
fn scale<S: Simd>(simd: S, fraction: S::f32s, shifted: S::f32s) -> S::f32s {
    let biased = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let power = simd.wrapping_dyn_shl_u32s(biased, simd.splat_u32s(23));
    simd.mul_f32s(fraction, simd.transmute_f32s_u32s(power))
}

/// eˣ to 1.5 units in the last place, for −87.3 ≤ x ≤ 88.3; beyond, the value at the end.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let x = at_most(simd, at_least(simd, x, -87.3), 88.3);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), simd.splat_f32s(ROUND));
    let whole = simd.sub_f32s(shifted, simd.splat_f32s(ROUND));
    // ln 2 in two parts, the first short enough that the product is exact.
    let r = simd.mul_add_e_f32s(whole, simd.splat_f32s(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(whole, simd.splat_f32s(2.121_944_4e-4), r);
    // The least greatest relative error of this degree with a constant of 1: 3e-9.
    let of_power = [1.406_124e-3, 8.379_011e-3, 4.166_477_5e-2, 1.666_636_6e-1, 5.000_000_6e-1, 1.0, 1.0];
    scale(simd, polynomial(simd, r, of_power), shifted)
}

/// 2ˣ to 1.3 units in the last place, for −126 ≤ x ≤ 0; below, 2⁻¹²⁶. NaN stays NaN.
#[inline(always)]
pub(super) fn exp2_of_negative<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let x = at_least(simd, x, -126.0);
    let shifted = simd.add_f32s(x, simd.splat_f32s(ROUND));
    let r = simd.sub_f32s(x, simd.sub_f32s(shifted, simd.splat_f32s(ROUND)));
    // As above.
    let of_power =
        [1.559_467_6e-4, 1.340_664_3e-3, 9.617_693e-3, 5.550_310_4e-2, 2.402_265_2e-1, 6.931_472_4e-1, 1.0];
    scale(simd, polynomial(simd, r, of_power), shifted)
}

/// The function itself.
#[derive(Clone, Copy)]
pub(super) struct Identity;

impl Function for Identity {
    #[inline(always)]
    fn of<S: Simd>(self, _simd: S, x: S::f32s) -> S::f32s {
        x
    }
}

/// `x · sigmoid(s · x)` with the s that is given.
#[derive(Clone, Copy)]
struct Swish(f32);

impl Function for Swish {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let e = exp(simd, simd.mul_f32s(x, simd.splat_f32s(-self.0)));
        simd.div_f32s(x, simd.add_f32s(e, simd.splat_f32s(1.0)))
    }
}

/// `x · sigmoid(x)`.
#[derive(Clone, Copy)]
pub(super) struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        Swish(1.0).of(simd, x)
    }
}

/// `3 · tanh(x / 3)`.
#[derive(Clone, Copy)]
struct SoftClamp;

impl Function for SoftClamp {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let (one, three) = (simd.splat_f32s(1.0), simd.splat_f32s(3.0));
        let e = exp(simd, simd.mul_f32s(simd.abs_f32s(x), simd.splat_f32s(-2.0 / 3.0)));
        let positive = simd.div_f32s(simd.mul_f32s(three, simd.sub_f32s(one, e)), simd.add_f32s(one, e));
        simd.or_f32s(positive, simd.and_f32s(x, simd.splat_f32s(-0.0)))
    }
}

/// The error function: a quotient of polynomials in x², as Eigen and XLA have it.
#[inline(always)]
fn erf<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let x = at_most(simd, at_least(simd, x, -4.0), 4.0);
    let s = simd.mul_f32s(x, x);
    let above = [
        -2.726_142_3e-10,
        2.770_681_5e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    let below = [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2];
    simd.div_f32s(simd.mul_f32s(x, polynomial(simd, s, above)), polynomial(simd, s, below))
}

/// `x · Φ(x)`.
#[derive(Clone, Copy)]
struct Gelu;

impl Function for Gelu {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let half = simd.mul_f32s(x, simd.splat_f32s(0.5));
        let erf = erf(simd, simd.mul_f32s(x, simd.splat_f32s(std::f32::consts::FRAC_1_SQRT_2)));
        simd.mul_add_e_f32s(half, erf, half)
    }
}

/// `max(x, 0)`; NaN stays NaN.
#[derive(Clone, Copy)]
struct Relu;

impl Function for Relu {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        at_least(simd, x, 0.0)
    }
}

/// `max(x, 0.2 x)`; NaN stays NaN.
#[derive(Clone, Copy)]
struct LeakyRelu;

impl Function for LeakyRelu {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let small = simd.mul_f32s(x, simd.splat_f32s(0.2));
        simd.select_f32s(simd.less_than_f32s(x, simd.splat_f32s(0.0)), small, x)
    }
}

/// The activation of every number of a line, in place.
#[inline]
pub(super) fn activate(line: &mut [f32], activation: Activation) {
    let arch = pulp::Arch::new();
    match activation {
        Activation::None => {}
        Activation::Silu => arch.dispatch(Line { line, function: Silu }),
        Activation::Gelu => arch.dispatch(Line { line, function: Gelu }),
        Activation::QuickGelu => arch.dispatch(Line { line, function: Swish(1.702) }),
        Activation::Relu => arch.dispatch(Line { line, function: Relu }),
        Activation::LeakyRelu => arch.dispatch(Line { line, function: LeakyRelu }),
        Activation::SoftClamp => arch.dispatch(Line { line, function: SoftClamp }),
        Activation::Geglu => unreachable!("GEGLU takes two numbers; only a product's epilogue has both"),
    }
}

/// `values · gelu(gates)`, to where the values stand.
#[inline]
pub(super) fn gate(values: &mut [f32], gates: &[f32]) {
    let gates = &gates[..values.len()];
    pulp::Arch::new().dispatch(Gated { values, gates });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function of vectors as one.
    #[derive(Clone, Copy)]
    struct Exp;

    impl Function for Exp {
        #[inline(always)]
        fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
            exp(simd, x)
        }
    }

    #[derive(Clone, Copy)]
    struct Exp2;

    impl Function for Exp2 {
        #[inline(always)]
        fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
            exp2_of_negative(simd, x)
        }
    }

    /// On this processor's vectors, and one number at a time.
    fn both(x: &[f32], function: impl Function) -> [Vec<f32>; 2] {
        let [mut vectors, mut single] = [x.to_vec(), x.to_vec()];
        pulp::Arch::new().dispatch(Line { line: &mut vectors, function });
        Line { line: &mut single, function }.with_simd(pulp::Scalar::new());
        [vectors, single]
    }

    /// The greatest error over a range, in units of the last place of what is right, or of `unit` of x if that is more.
    fn worst(range: [f32; 2], function: impl Function, right: fn(f64) -> f64, unit: fn(f64) -> f64) -> f64 {
        let count = 400_003;
        let place = |i: usize| range[0] + (range[1] - range[0]) * (i as f32 / (count - 1) as f32);
        let x: Vec<f32> = (0..count).map(place).collect();
        let errors = both(&x, function).into_iter().flat_map(|got| {
            x.iter().zip(got).map(move |(x, got)| {
                let right = right(f64::from(*x));
                let largest = (right.abs().max(unit(f64::from(*x))) as f32).max(f32::MIN_POSITIVE);
                let last_place = f64::from(f32::from_bits(largest.to_bits() + 1) - largest);
                (f64::from(got) - right).abs() / last_place
            })
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_exact_to_a_few_units_in_the_last_place() {
        let silu = |x: f64| x / (1.0 + (-x).exp());
        let quick_gelu = |x: f64| x / (1.0 + (-1.702 * x).exp());
        let gelu = |x: f64| 0.5 * x * (1.0 + statrs::function::erf::erf(x / std::f64::consts::SQRT_2));
        let none = |_| 0.0;
        let found = [
            worst([-87.0, 88.0], Exp, f64::exp, none),
            worst([-1.0, 1.0], Exp, f64::exp, none),
            worst([-126.0, 0.0], Exp2, f64::exp2, none),
            worst([-1.0, 0.0], Exp2, f64::exp2, none),
            worst([-80.0, 80.0], Silu, silu, none),
            worst([-4.0, 4.0], Silu, silu, none),
            worst([-4.0, 4.0], Swish(1.702), quick_gelu, none),
            // Where Φ is next to nothing, 1 + erf has lost its digits.
            worst([-8.0, 8.0], Gelu, gelu, f64::abs),
        ];
        println!("units in the last place: {found:.2?}");
        // Measured with AVX-512 and without vectors: 1.46, 1.28, 1.23, 1.25, 2.18, 1.94, 6.27, 3.17. The exponent of
        // QuickGELU is rounded before its exponential.
        let bounds = [2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 9.0, 5.0];
        assert!(found.iter().zip(bounds).all(|(found, bound)| *found < bound), "{found:?}");
    }

    #[test]
    fn what_is_not_a_number_stays_so_and_the_ends_are_finite() {
        for function in [Activation::Silu, Activation::Gelu, Activation::Relu, Activation::SoftClamp] {
            let mut line = [f32::NAN; 37];
            activate(&mut line, function);
            assert!(line.iter().all(|x| x.is_nan()), "{function:?}");
        }
        let ends = [f32::NAN, f32::NEG_INFINITY, -1e30, 0.0];
        for [nan, low, lower, zero] in both(&ends, Exp2).map(|x| <[f32; 4]>::try_from(x).expect("four")) {
            assert!(nan.is_nan() && low <= f32::MIN_POSITIVE && lower <= f32::MIN_POSITIVE && zero == 1.0);
        }
    }
}
