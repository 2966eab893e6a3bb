// Product of activations and a weight by matrix units, then the epilogue.
//
//   x       [rows, depth]     halves, or f32 in parts; depth is a multiple of 8
//   weight  [columns, depth]  halves, bytes or four bits with scales
//   y       [rows, columns]   or half the columns for GEGLU
//
// One workgroup for a tile of sums (shared/cooperative.wgsl).
//
// CPU twin: cpu::linear.  Agreement: NMSE < 1e-6 in halves, < 1e-9 in f32.

fn taps() -> u32 {
    return 1u;
}

/// The first piece of a row.
alias Place = u32;

/// Rows beyond the window are multiplied like its last one, and not written.
fn place_of(row: u32) -> Place {
    return (min(row, params.rows - 1u) + params.x_skip) * (params.depth / 8u);
}

fn fetch_left(place: Place, piece: u32) -> FetchedLeft {
    return fetch_x(place + piece);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    // Neighbours share columns: a weight is read from memory once, the rows are in the cache.
    let down = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
    let number = flat_workgroup(workgroup, grid);
    let first_column = number / down * TILE_COLUMNS;
    if first_column < params.columns {
        multiply(number % down * TILE_ROWS, first_column, lane);
    }
}
