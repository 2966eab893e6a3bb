// What a product or convolution does to its sums before it writes them:
//
//   y = activation(sum + bias + per_image[image]) + residual
//
//   bias       [columns]              f32
//   per_image  [images, columns]      the time embedding
//   residual   [rows, y_pitch]        of the output's shape
//   y          [rows, y_pitch]
//
// GEGLU halves the columns: they come as v0 v1 g0 g1 v2 v3 …, so four sums are two outputs. The
// columns of the padding are sums of zeros, and every activation takes 0 to 0: padding stays zero.
//
// The kernel's `Params` has rows, first_row, pixels, columns, y_skip, residual_skip and flags.

/// The activation that halves the columns; the others are in `shared/activation.wgsl`.
const GEGLU: u32 = 4u;

/// Whether `params.flags` says what the constants below say, X_HALF and DOUBLED: one pipeline for all products of a kind, where
/// compiling one for each takes longer than the work.
override GENERAL: bool = false;
override ACTIVATION: u32 = 0u;
override HAS_BIAS: bool = false;
override HAS_PER_IMAGE: bool = false;
override HAS_RESIDUAL: bool = false;
override PER_IMAGE_HALF: bool = false;
override RESIDUAL_HALF: bool = false;
override Y_HALF: bool = false;

@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> per_image: array<vec2u>;
@group(0) @binding(5) var<storage, read> residual: array<vec2u>;
@group(0) @binding(6) var<storage, read_write> y: array<u32>;

// The bits of `params.flags`. From bit 8 on stands the activation.
const FLAG_X_HALF: u32 = 1u;
const FLAG_Y_HALF: u32 = 2u;
const FLAG_BIAS: u32 = 4u;
const FLAG_PER_IMAGE: u32 = 8u;
const FLAG_PER_IMAGE_HALF: u32 = 16u;
const FLAG_RESIDUAL: u32 = 32u;
const FLAG_RESIDUAL_HALF: u32 = 64u;
const FLAG_DOUBLED: u32 = 128u;

/// What a constant says, or the flag in its place.
fn is_set(constant: bool, flag: u32) -> bool {
    if GENERAL {
        return (params.flags & flag) != 0u;
    }
    return constant;
}

fn activation() -> u32 {
    if GENERAL {
        return params.flags >> 8u;
    }
    return ACTIVATION;
}

/// Four neighbouring numbers of `per_image`, from a multiple of four on.
fn load_per_image(element: u32) -> vec4f {
    if is_set(PER_IMAGE_HALF, FLAG_PER_IMAGE_HALF) {
        let words = per_image[element / 4u];
        return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
    }
    return vec4f(bitcast<vec2f>(per_image[element / 2u]), bitcast<vec2f>(per_image[element / 2u + 1u]));
}

/// Two neighbouring numbers of `residual`, from an even one on.
fn load_residual(element: u32) -> vec2f {
    if is_set(RESIDUAL_HALF, FLAG_RESIDUAL_HALF) {
        return unpack2x16float(residual[element / 4u][element / 2u % 2u]);
    }
    return bitcast<vec2f>(residual[element / 2u]);
}

/// Adds the residual to two neighbouring outputs and writes them.
fn write_two(row: u32, column: u32, pitch: u32, value: vec2f) {
    var sum = value;
    if is_set(HAS_RESIDUAL, FLAG_RESIDUAL) {
        sum += load_residual((row + params.residual_skip) * pitch + column);
    }
    let element = (row + params.y_skip) * pitch + column;
    if is_set(Y_HALF, FLAG_Y_HALF) {
        y[element / 2u] = pack2x16float(sum);
    } else {
        y[element] = bitcast<u32>(sum.x);
        y[element + 1u] = bitcast<u32>(sum.y);
    }
}

/// Finishes four neighbouring sums of a row of the window. Rows and columns beyond are ignored.
fn finish(row: u32, column: u32, sums: vec4f) {
    if row >= params.rows || column >= params.columns {
        return;
    }
    var value = sums;
    if is_set(HAS_BIAS, FLAG_BIAS) {
        value += bias[column / 4u];
    }
    if is_set(HAS_PER_IMAGE, FLAG_PER_IMAGE) {
        let image = (params.first_row + row) / params.pixels;
        value += load_per_image(image * params.columns + column);
    }
    if activation() == GEGLU {
        write_two(row, column / 2u, params.columns / 2u, value.xy * gelu(value.zwzw).xy);
        return;
    }
    value = activate(activation(), value);
    write_two(row, column, params.columns, value.xy);
    write_two(row, column + 2u, params.columns, value.zw);
}
