// Rows to shares of 1: xᵢ = 2^(scale · (xᵢ - max)) / sum, in place.
//
//   x  [rows, columns]  f32; columns is a multiple of 4
//
// One workgroup for a row, three passes over it. With a scale of log₂ e these are powers of e.
//
// CPU twin: cpu::attention.

struct Params {
    rows: u32,
    columns: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<vec4f>;

const LANES: u32 = 128u;
var<workgroup> found: array<f32, LANES>;

/// The largest of what the lanes have, on every lane.
fn largest(lane: u32, value: f32) -> f32 {
    workgroupBarrier();
    found[lane] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane < width {
            found[lane] = max(found[lane], found[lane + width]);
        }
    }
    workgroupBarrier();
    return found[0];
}

/// The sum of what the lanes have, on every lane.
fn sum(lane: u32, value: f32) -> f32 {
    workgroupBarrier();
    found[lane] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane < width {
            found[lane] += found[lane + width];
        }
    }
    workgroupBarrier();
    return found[0];
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
    let quads = params.columns / 4u;
    let first = row * quads;
    var top = x[first + min(lane, quads - 1u)];
    for (var quad = lane; quad < quads; quad += LANES) {
        top = max(top, x[first + quad]);
    }
    let best = params.scale * largest(lane, max(max(top.x, top.y), max(top.z, top.w)));
    var total = vec4f();
    for (var quad = lane; quad < quads; quad += LANES) {
        let power = exp2(params.scale * x[first + quad] - best);
        x[first + quad] = power;
        total += power;
    }
    let all = sum(lane, total.x + total.y + total.z + total.w);
    for (var quad = lane; quad < quads; quad += LANES) {
        x[first + quad] /= all;
    }
}
