// The products of a 3×3 convolution by Winograd's F(4, 3) along lines (shared/winograd.wgsl): one
// workgroup for a tile of units × channels of a part (shared/tile.wgsl), the next tile on its way while one
// is multiplied.
//
// CPU twin: cpu::conv3x3.  Agreement: NMSE < 1e-9 in f32, 1e-6 in halves.

/// Four neighbouring channels of a unit; zeros beyond the depth.
fn load_x(start: u32, line: u32, channel: u32) -> vec4f {
    if channel >= params.depth {
        return vec4f();
    }
    return x[start + (line * params.units * params.depth + channel) / 4u];
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (params.columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let number = flat_workgroup(workgroup, grid);
    part = workgroup.z;
    let first_row = number / across * TILE_ROWS;
    let first_column = number % across * TILE_COLUMNS;
    if first_row >= params.rows {
        return;
    }
    let quad = lane % ROW_FOURS;
    let step = lane / ROW_FOURS * 4u;
    let a = start_of(first_row + quad * 4u);
    let b = start_of(first_row + quad * 4u + 1u);
    let c = start_of(first_row + quad * 4u + 2u);
    let d = start_of(first_row + quad * 4u + 3u);
    let first_k = part * 3u * params.depth;

    // Lines and blocks of channels are one sequence, so that the fetching ahead never pauses; its
    // first turn only fetches.
    let blocks = (params.depth + DEPTH - 1u) / DEPTH;
    var sums: Sums;
    var rows: mat4x4f;
    var columns: WeightBlock;
    for (var turns = 0u; turns <= 3u * blocks; turns++) {
        if fetches_left(lane) {
            put_left(quad, step, rows);
        }
        put_weight(lane, columns);
        workgroupBarrier();
        if turns < 3u * blocks {
            let line = turns / blocks;
            let first = turns % blocks * DEPTH;
            let channel = first + step;
            if fetches_left(lane) {
                rows = mat4x4f(
                    load_x(a, line, channel),
                    load_x(b, line, channel),
                    load_x(c, line, channel),
                    load_x(d, line, channel),
                );
            }
            let k = first_k + line * params.depth + first;
            columns = fetch_weight(lane, k, params.depth - first, first_column);
        }
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
