// Product of activations and a weight, then the epilogue.
//
//   x       [rows, depth]      halves or f32; depth is a multiple of 8
//   weight  [depth, columns]   packed as shared/weight.wgsl says
//   y       [rows, columns]    or half the columns for GEGLU
//
// One workgroup for a tile of sums (shared/tile.wgsl). While a tile is multiplied, the next one is on
// its way into registers. Sums are f32 in the order of depth, so two runs agree in every bit.
//
// CPU twin: cpu::linear.  Agreement: NMSE < 1e-7 in f32, 1e-6 in halves.

@group(0) @binding(1) var<storage, read> x: array<vec2u>;

/// Four neighbouring numbers of a row; zeros beyond the depth.
fn load_x(row: u32, k: u32) -> vec4f {
    if k >= params.depth {
        return vec4f();
    }
    let element = (min(row, params.rows - 1u) + params.x_skip) * params.depth + k;
    if is_set(X_HALF, FLAG_X_HALF) {
        let words = x[element / 4u];
        return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
    }
    return vec4f(bitcast<vec2f>(x[element / 2u]), bitcast<vec2f>(x[element / 2u + 1u]));
}

/// A lane's share of the left tile: four numbers of each of four rows.
fn fetch_x(row: u32, k: u32) -> mat4x4f {
    return mat4x4f(load_x(row, k), load_x(row + 1u, k), load_x(row + 2u, k), load_x(row + 3u, k));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (params.columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let place = flat_workgroup(workgroup, grid);
    let first_row = place / across * TILE_ROWS;
    let first_column = place % across * TILE_COLUMNS;
    if first_row >= params.rows {
        return;
    }
    let quad = lane % ROW_FOURS;
    let step = lane / ROW_FOURS * 4u;

    var sums: Sums;
    var rows: mat4x4f;
    if fetches_left(lane) {
        rows = fetch_x(first_row + quad * 4u, step);
    }
    var columns = fetch_weight(lane, 0u, params.depth, first_column);
    for (var k = 0u; k < params.depth; k += DEPTH) {
        if fetches_left(lane) {
            put_left(quad, step, rows);
        }
        put_weight(lane, columns);
        workgroupBarrier();
        let next = k + DEPTH;
        if fetches_left(lane) {
            rows = fetch_x(first_row + quad * 4u, next + step);
        }
        columns = fetch_weight(lane, next, max(params.depth, next) - next, first_column);
        multiply_tiles(lane, &sums);
        workgroupBarrier();
    }
    for (var i = 0u; i < 16u; i++) {
        if is_sum(i) {
            finish(first_row + tile_row(lane, i / 2u), first_column + tile_column(lane, i % 2u), sums[0]);
        }
        turn(&sums);
    }
}
