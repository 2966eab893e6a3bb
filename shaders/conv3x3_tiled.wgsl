// 3×3 convolution, with zeros beyond the picture, then the epilogue.
//
//   x       [images, in_height, in_width, depth]   halves or f32; depth is a multiple of 8
//   weight  [taps · depth, columns]                packed as shared/weight.wgsl says; of a doubled picture four of them
//   y       [images, height, width, columns]
//
// A product whose left side is gathered: a row is an output pixel, its depth the nine pixels around
// it. Nothing is unfolded in memory. One workgroup for a tile of pixels × channels (shared/tile.wgsl),
// the next tile on its way while one is multiplied.
//
// Pixels are counted over the whole batch and may begin anywhere, so a window of rows is only a
// matter of `first_row` and `x_first`. Outside a picture there is no pixel of the row above: the
// place is tested in both directions.
//
// CPU twin: cpu::conv3x3.  Agreement: NMSE < 1e-7 in f32, 1e-6 in halves.

@group(0) @binding(1) var<storage, read> x: array<vec2u>;

fn is_doubled() -> bool {
    return is_set(DOUBLED, FLAG_DOUBLED);
}

/// Four neighbouring channels of the pixel under a tap; zeros beyond the depth and the picture.
fn load_x(place: Place, tap: u32, channel: u32) -> vec4f {
    let at = under(place, tap);
    if !is_inside(at) || channel >= params.depth {
        return vec4f();
    }
    let element = pixel_at(place.image, at) * params.depth + channel;
    if is_set(X_HALF, FLAG_X_HALF) {
        let words = x[element / 4u];
        return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
    }
    return vec4f(bitcast<vec2f>(x[element / 2u]), bitcast<vec2f>(x[element / 2u + 1u]));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    parity = vec2u(workgroup.z / 2u, workgroup.z % 2u);
    let across = (params.columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let number = flat_workgroup(workgroup, grid);
    let first_row = number / across * TILE_ROWS;
    let first_column = number % across * TILE_COLUMNS;
    if first_row >= rows_of_parity() {
        return;
    }
    let quad = lane % ROW_FOURS;
    let step = lane / ROW_FOURS * 4u;
    let a = place_of(first_row + quad * 4u);
    let b = place_of(first_row + quad * 4u + 1u);
    let c = place_of(first_row + quad * 4u + 2u);
    let d = place_of(first_row + quad * 4u + 3u);

    // Taps and blocks of channels are one sequence, so that the fetching ahead never pauses; its
    // first turn only fetches.
    let blocks = (params.depth + DEPTH - 1u) / DEPTH;
    let first_tap = which_weight() * taps();
    var sums: Sums;
    var rows: mat4x4f;
    var columns: WeightBlock;
    for (var turns = 0u; turns <= taps() * blocks; turns++) {
        if fetches_left(lane) {
            put_left(quad, step, rows);
        }
        put_weight(lane, columns);
        workgroupBarrier();
        if turns < taps() * blocks {
            let tap = turns / blocks;
            let first = turns % blocks * DEPTH;
            let channel = first + step;
            if fetches_left(lane) {
                rows = mat4x4f(
                    load_x(a, tap, channel),
                    load_x(b, tap, channel),
                    load_x(c, tap, channel),
                    load_x(d, tap, channel),
                );
            }
            let row = (first_tap + tap) * params.depth + first;
            columns = fetch_weight(lane, row, params.depth - first, first_column);
        }
        multiply_tiles(lane, &sums);
        workgroupBarrier();
    }
    for (var i = 0u; i < 16u; i++) {
        if is_sum(i) {
            let row = output_of(first_row + tile_row(lane, i / 2u));
            finish(row, first_column + tile_column(lane, i % 2u), sums[0]);
        }
        turn(&sums);
    }
}
