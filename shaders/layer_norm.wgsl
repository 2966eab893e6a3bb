// Each row's channels to mean 0 and deviation 1, then scaled and shifted.
//
//   x, y          [rows, pitch]
//   scale, shift  [pitch]
//
// One workgroup of 64 for a row, three passes over it: mean, deviation, output. Rows are short, so
// the second and third pass read from the cache. Deviations are taken from the mean itself; those
// of the padding are masked. The padding of y is zero, because scale and shift are.
//
// CPU twin: cpu::layer_norm.  Agreement: NMSE < 1e-7 in f32, < 1e-6 in halves.

struct Params {
    /// Rows to be computed.
    rows: u32,
    channels: u32,
    /// Eighths in a row.
    eighths: u32,
    epsilon: f32,
    /// Rows that are bound before the first one.
    x_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read> scale: array<vec4f>;
@group(0) @binding(3) var<storage, read> shift: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4u>;

const LANES: u32 = 64u;
var<workgroup> scratch: array<f32, LANES>;

/// Sum of `value` over the workgroup, the same on every lane.
fn sum_lanes(lane: u32, value: f32) -> f32 {
    workgroupBarrier();
    scratch[lane] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane < width {
            scratch[lane] += scratch[lane + width];
        }
    }
    workgroupBarrier();
    return scratch[0];
}

/// 1 for channels from `first` on that exist, 0 for padding.
fn mask(first: u32) -> vec4f {
    return select(vec4f(), vec4f(1.0), vec4u(0u, 1u, 2u, 3u) + first < vec4u(params.channels));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_workgroup(workgroup, grid);
    if row >= params.rows {
        return;
    }
    let from_place = (row + params.x_skip) * params.eighths;
    let to_place = (row + params.y_skip) * params.eighths;
    let count = f32(params.channels);

    var total = vec4f();
    for (var eighth = lane; eighth < params.eighths; eighth += LANES) {
        let value = load_x(from_place + eighth);
        total += value.lo + value.hi;
    }
    let mean = sum_lanes(lane, dot(total, vec4f(1.0))) / count;

    var squares = vec4f();
    for (var eighth = lane; eighth < params.eighths; eighth += LANES) {
        let value = load_x(from_place + eighth);
        let lo = (value.lo - mean) * mask(8u * eighth);
        let hi = (value.hi - mean) * mask(8u * eighth + 4u);
        squares += lo * lo + hi * hi;
    }
    let variance = sum_lanes(lane, dot(squares, vec4f(1.0))) / count;
    let inverse = inverseSqrt(variance + params.epsilon);

    for (var eighth = lane; eighth < params.eighths; eighth += LANES) {
        let value = load_x(from_place + eighth);
        let lo = (value.lo - mean) * inverse * scale[2u * eighth] + shift[2u * eighth];
        let hi = (value.hi - mean) * inverse * scale[2u * eighth + 1u] + shift[2u * eighth + 1u];
        store_y(to_place + eighth, Eight(lo, hi));
    }
}
