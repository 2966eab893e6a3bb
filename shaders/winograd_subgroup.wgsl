// The products of a 3×3 convolution by Winograd's F(4, 3) along lines (shared/winograd.wgsl): the same
// as winograd_tiled.wgsl, for devices whose subgroups have a multiple of eight lanes. One workgroup for
// 64 units × 64 channels of a part, one band (shared/band.wgsl) for 16 × 32 of them.
//
// CPU twin: cpu::conv3x3.  Agreement: NMSE < 1e-9 in f32, 1e-6 in halves.

/// Eight neighbouring channels of a unit.
fn load_x(start: u32, channel: u32) -> Eight {
    return Eight(x[start + channel / 4u], x[start + channel / 4u + 1u]);
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
    part = workgroup.z;
    if place.x >= params.rows {
        return;
    }
    // A lane beyond the columns works like the last one within, and writes nothing.
    let column = min(place.y, params.columns - 4u);
    let upper = start_of(place.x + lane);
    let lower = start_of(place.x + 8u + lane);
    let step = params.units * params.depth / 4u;
    for (var line = 0u; line < 3u; line++) {
        let k = (part * 3u + line) * params.depth;
        for (var channel = 0u; channel < params.depth; channel += 8u) {
            let above = load_x(upper + line * step, channel);
            add_eight(above, load_x(lower + line * step, channel), k + channel, column);
        }
    }
    finish_band(place);
}
