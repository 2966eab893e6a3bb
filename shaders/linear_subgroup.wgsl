// Product of activations and a weight, then the epilogue: the same as linear_tiled.wgsl, for devices
// whose subgroups have a multiple of eight lanes.
//
//   x       [rows, depth]      halves or f32; depth is a multiple of 8
//   weight  [depth, columns]   packed as shared/weight.wgsl says
//   y       [rows, columns]    or half the columns for GEGLU
//
// One workgroup for 64 × 64 sums, one band (shared/band.wgsl) for 16 × 32 of them.
//
// CPU twin: cpu::linear.  Agreement: NMSE < 1e-7 in f32, 1e-6 in halves.

@group(0) @binding(1) var<storage, read> x: array<vec4u>;

/// Eight neighbouring numbers of a row.
fn load_x(row: u32, k: u32) -> Eight {
    let element = (min(row, params.rows - 1u) + params.x_skip) * params.depth + k;
    if is_set(X_HALF, FLAG_X_HALF) {
        return unpack_eight(x[element / 8u]);
    }
    return eight_from_bits(x[element / 4u], x[element / 4u + 1u]);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) invocation: u32,
) {
    let lane = invocation % BAND;
    band_start = invocation - lane;
    let band = subgroup * (size / BAND) + invocation / BAND;
    let place = band_place(flat_workgroup(workgroup, grid), band, lane);
    if place.x >= params.rows {
        return;
    }
    // A lane beyond the columns works like the last one within, and writes nothing.
    let column = min(place.y, params.columns - 4u);
    for (var k = 0u; k < params.depth; k += 8u) {
        add_eight(load_x(place.x + lane, k), load_x(place.x + 8u + lane, k), k, column);
    }
    finish_band(place);
}
