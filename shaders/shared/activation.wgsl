// Functions of one number, four at a time.
//
// WGSL has no erf; a rational approximation of odd degree is used on [-4, 4], beyond which erf is 1
// in f32. Its error is 4e-7 at most, that of gelu 3e-7 of the value.

const SILU: u32 = 1u;
const GELU: u32 = 2u;
const QUICK_GELU: u32 = 3u;
const RELU: u32 = 5u;
const SOFT_CLAMP: u32 = 6u;
const LEAKY_RELU: u32 = 7u;

/// x · sigmoid(k · x). The bound keeps exp finite; x / e⁸⁰ is 0 next to anything else.
fn sigmoid_product(x: vec4f, k: f32) -> vec4f {
    return x / (1.0 + exp(min(-k * x, vec4f(80.0))));
}

fn erf(value: vec4f) -> vec4f {
    let x = clamp(value, vec4f(-4.0), vec4f(4.0));
    let t = x * x;
    var p = vec4f(-2.72614225801306e-10);
    p = p * t + 2.77068142495902e-08;
    p = p * t - 2.10102402082508e-06;
    p = p * t - 5.69250639462346e-05;
    p = p * t - 7.34990630326855e-04;
    p = p * t - 2.95459980854025e-03;
    p = p * t - 1.60960333262415e-02;
    var q = vec4f(-1.45660718464996e-05);
    q = q * t - 2.13374055278905e-04;
    q = q * t - 1.68282697438203e-03;
    q = q * t - 7.37332916720468e-03;
    q = q * t - 1.42647390514189e-02;
    return x * p / q;
}

/// x · Φ(x), the exact form.
fn gelu(x: vec4f) -> vec4f {
    return 0.5 * x * (1.0 + erf(x * 0.70710678));
}

/// 3 · tanh(x / 3). Drivers may compute tanh by powers that overflow.
fn soft_clamp(x: vec4f) -> vec4f {
    let e = exp(-2.0 / 3.0 * abs(x));
    return sign(x) * 3.0 * (1.0 - e) / (1.0 + e);
}

/// The function of this number; any other number: x itself. 0 stays 0 under all of them, so padding
/// needs no mask.
fn activate(kind: u32, x: vec4f) -> vec4f {
    switch kind {
        case SILU: {
            return sigmoid_product(x, 1.0);
        }
        case GELU: {
            return gelu(x);
        }
        case QUICK_GELU: {
            return sigmoid_product(x, 1.702);
        }
        case RELU: {
            return max(x, vec4f());
        }
        case LEAKY_RELU: {
            return max(x, 0.2 * x);
        }
        case SOFT_CLAMP: {
            return soft_clamp(x);
        }
        default: {
            return x;
        }
    }
}
