// 3×3 convolution by matrix units, with zeros beyond the picture, then the epilogue.
//
//   x       [images, in_height, in_width, depth]  halves, or f32 in parts; depth is a multiple of 8
//   weight  [columns, taps · depth]               halves; of a doubled picture four of them
//   y       [images, height, width, columns]
//
// A product whose left side is gathered: a row is an output pixel, its depth the nine pixels around it
// (shared/cooperative.wgsl, shared/conv3x3.wgsl). Nothing is unfolded in memory.
//
// CPU twin: cpu::conv3x3.  Agreement: NMSE < 1e-6 in halves, < 1e-9 in f32.

fn is_doubled() -> bool {
    return DOUBLED;
}

/// Eight channels of the pixel under a tap; zeros beyond the picture.
fn fetch_left(place: Place, piece: u32) -> FetchedLeft {
    let eighths = params.depth / 8u;
    let tap = piece / eighths;
    let at = under(place, tap);
    let inside = is_inside(at);
    let pixel = pixel_at(place.image, at);
    return left_if(inside, fetch_x(select(0u, pixel * eighths + piece % eighths, inside)));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    parity = vec2u(workgroup.z / 2u, workgroup.z % 2u);
    let down = (rows_of_parity() + TILE_ROWS - 1u) / TILE_ROWS;
    let number = flat_workgroup(workgroup, grid);
    let first_column = number / down * TILE_COLUMNS;
    if first_column < params.columns {
        multiply(number % down * TILE_ROWS, first_column, lane);
    }
}
