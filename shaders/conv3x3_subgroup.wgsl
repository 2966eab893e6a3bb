// 3×3 convolution, with zeros beyond the picture, then the epilogue: the same as conv3x3_tiled.wgsl,
// for devices whose subgroups have a multiple of eight lanes.
//
//   x       [images, in_height, in_width, depth]   halves or f32; depth is a multiple of 8
//   weight  [taps · depth, columns]                packed as shared/weight.wgsl says; of a doubled picture four of them
//   y       [images, height, width, columns]
//
// One workgroup for 64 pixels × 64 channels, one band (shared/band.wgsl) for 16 × 32 of them. A lane
// looks up its two pixels once for each tap.
//
// CPU twin: cpu::conv3x3.  Agreement: NMSE < 1e-7 in f32, 1e-6 in halves.

@group(0) @binding(1) var<storage, read> x: array<vec4u>;

/// The pixel under a tap, as bound.
struct Pixel {
    number: u32,
    inside: bool,
}

fn is_doubled() -> bool {
    return is_set(DOUBLED, FLAG_DOUBLED);
}

fn pixel_under(place: Place, tap: u32) -> Pixel {
    let at = under(place, tap);
    return Pixel(pixel_at(place.image, at), is_inside(at));
}

/// Eight neighbouring channels of a pixel; zeros beyond the picture.
fn load_x(pixel: Pixel, channel: u32) -> Eight {
    if !pixel.inside {
        return Eight(vec4f(), vec4f());
    }
    let element = pixel.number * params.depth + channel;
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
    parity = vec2u(workgroup.z / 2u, workgroup.z % 2u);
    let lane = invocation % BAND;
    band_start = invocation - lane;
    let band = subgroup * (size / BAND) + invocation / BAND;
    let place = band_place(flat_workgroup(workgroup, grid), band, lane);
    if place.x >= rows_of_parity() {
        return;
    }
    // A lane beyond the columns works like the last one within, and writes nothing.
    let column = min(place.y, params.columns - 4u);
    let upper = place_of(place.x + lane);
    let lower = place_of(place.x + 8u + lane);
    let first_tap = which_weight() * taps();
    for (var tap = 0u; tap < taps(); tap++) {
        let a = pixel_under(upper, tap);
        let b = pixel_under(lower, tap);
        let first_row = (first_tap + tap) * params.depth;
        for (var channel = 0u; channel < params.depth; channel += 8u) {
            add_eight(load_x(a, channel), load_x(b, channel), first_row + channel, column);
        }
    }
    // Not `finish_band`, whose 16 turns software drivers write out: with all that finishes a sum they compile for a second.
    for (var row = place.x; row < place.x + BAND_ROWS; row++) {
        finish(output_of(row), place.y, sums[0]);
        shift_sums();
    }
}
