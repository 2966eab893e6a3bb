// The epilogue of shared/epilogue.wgsl for eight neighbouring sums: 16 bytes of halves are written at once.
//
//   y = activation(sum + bias + per_image[image]) + residual
//
// With shared/half.wgsl and shared/activation.wgsl. The kernel's `Params` has rows, first_row, pixels,
// columns, y_skip and residual_skip.

/// The activation that halves the columns; the others are in `shared/activation.wgsl`.
const GEGLU: u32 = 4u;

override ACTIVATION: u32 = 0u;
override HAS_BIAS: bool = false;
override HAS_PER_IMAGE: bool = false;
override HAS_RESIDUAL: bool = false;
override PER_IMAGE_HALF: bool = false;
override RESIDUAL_HALF: bool = false;
override Y_HALF: bool = false;

/// Groups of eight outputs in 16 columns.
override FINISHED_AT_ONCE: u32 = 2u;

@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> per_image: array<vec4u>;
@group(0) @binding(5) var<storage, read> residual: array<vec4u>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4u>;

fn sum_of(a: Eight, b: Eight) -> Eight {
    return Eight(a.lo + b.lo, a.hi + b.hi);
}

/// Eight sums with what is added before the activation.
fn biased(row: u32, column: u32, sums: Eight) -> Eight {
    var value = sums;
    if HAS_BIAS {
        value = sum_of(value, Eight(bias[column / 4u], bias[column / 4u + 1u]));
    }
    if HAS_PER_IMAGE {
        let image = (params.first_row + row) / params.pixels;
        let place = (image * params.columns + column) / 8u;
        if PER_IMAGE_HALF {
            value = sum_of(value, unpack_eight(per_image[place]));
        } else {
            value = sum_of(value, eight_from_bits(per_image[2u * place], per_image[2u * place + 1u]));
        }
    }
    return value;
}

/// Adds the residual to eight neighbouring outputs and writes them.
fn write_eight(row: u32, column: u32, pitch: u32, output: Eight) {
    var value = output;
    if HAS_RESIDUAL {
        let place = ((row + params.residual_skip) * pitch + column) / 8u;
        if RESIDUAL_HALF {
            value = sum_of(value, unpack_eight(residual[place]));
        } else {
            value = sum_of(value, eight_from_bits(residual[2u * place], residual[2u * place + 1u]));
        }
    }
    let place = ((row + params.y_skip) * pitch + column) / 8u;
    if Y_HALF {
        y[place] = pack_eight(value);
    } else {
        y[2u * place] = bitcast<vec4u>(value.lo);
        y[2u * place + 1u] = bitcast<vec4u>(value.hi);
    }
}

/// Finishes eight neighbouring sums of a row of the window. Rows and columns beyond are ignored.
fn finish_eight(row: u32, column: u32, sums: Eight) {
    if row < params.rows && column < params.columns {
        let value = biased(row, column, sums);
        let output = Eight(activate(ACTIVATION, value.lo), activate(ACTIVATION, value.hi));
        write_eight(row, column, params.columns, output);
    }
}

/// The same of sixteen, v0 v1 g0 g1 v2 v3 …, which are eight outputs.
fn finish_geglu(row: u32, column: u32, sums: Eight, more: Eight) {
    if row < params.rows && column < params.columns {
        let a = biased(row, column, sums);
        let b = biased(row, column + 8u, more);
        let lo = vec4f(a.lo.xy, a.hi.xy) * gelu(vec4f(a.lo.zw, a.hi.zw));
        let hi = vec4f(b.lo.xy, b.hi.xy) * gelu(vec4f(b.lo.zw, b.hi.zw));
        write_eight(row, column / 2u, params.columns / 2u, Eight(lo, hi));
    }
}
