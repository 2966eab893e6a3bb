// y = f(x): SiLU, GELU or QuickGELU of every number.
//
//   x, y  [rows, pitch]
//
// One thread for eight channels. Padding stays zero: f(0) = 0.
//
// CPU twin: cpu::activate.  Agreement: NMSE < 1e-12 in f32, < 1e-6 in halves.

override X_HALF: bool = false;
override Y_HALF: bool = false;
/// A number of shared/activation.wgsl.
override ACTIVATION: u32 = 0u;

struct Params {
    /// Eighths to be computed.
    count: u32,
    /// Eighths that are bound before the first one.
    x_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4u>;

fn load_x(place: u32) -> Eight {
    if X_HALF {
        return unpack_eight(x[place]);
    }
    return eight_from_bits(x[2u * place], x[2u * place + 1u]);
}

fn store_y(place: u32, value: Eight) {
    if Y_HALF {
        y[place] = pack_eight(value);
    } else {
        y[2u * place] = bitcast<vec4u>(value.lo);
        y[2u * place + 1u] = bitcast<vec4u>(value.hi);
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = flat_workgroup(workgroup, grid) * 256u + lane;
    if place >= params.count {
        return;
    }
    let value = load_x(place + params.x_skip);
    store_y(place + params.y_skip, Eight(activate(ACTIVATION, value.lo), activate(ACTIVATION, value.hi)));
}
