// Row ids[i] of the table plus row i of the positions.
//
//   ids        [images · tokens]
//   table      [vocabulary, pitch]   positions  [tokens or more, pitch]
//   y          [images · tokens, pitch]
//
// One thread for eight channels of y. A table may be larger than a binding: then it comes in
// windows, one dispatch each, and a token is written by the one whose window holds its row. An id
// beyond the vocabulary reads the last row.
//
// CPU twin: cpu::embed.  Agreement: exact in f32, NMSE < 1e-6 in halves.

/// How numbers are stored, as `Stored` in gpu/packing.rs has it: f32, or pairs of halves.
override TABLE_STORED: u32 = 0u;
override POSITIONS_STORED: u32 = 0u;

struct Params {
    /// Eighths of y to be computed.
    count: u32,
    /// Eighths in a row.
    eighths: u32,
    /// Tokens of an image.
    tokens: u32,
    /// Rows of the whole table.
    vocabulary: u32,
    /// The first row of the table that is bound, and the first that no longer is.
    table_first: u32,
    table_end: u32,
    /// The first row of y to be computed.
    row: u32,
    /// Rows that are bound before the first one.
    ids_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<vec4u>;
@group(0) @binding(3) var<storage, read> positions: array<vec4u>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4u>;

fn load_table(place: u32) -> Eight {
    if TABLE_STORED == 1u {
        return unpack_eight(table[place]);
    }
    return eight_from_bits(table[2u * place], table[2u * place + 1u]);
}

fn load_positions(place: u32) -> Eight {
    if POSITIONS_STORED == 1u {
        return unpack_eight(positions[place]);
    }
    return eight_from_bits(positions[2u * place], positions[2u * place + 1u]);
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = flat_thread(workgroup, grid, lane);
    if place >= params.count {
        return;
    }
    let row = place / params.eighths;
    let eighth = place % params.eighths;
    let id = min(ids[row + params.ids_skip], params.vocabulary - 1u);
    if id < params.table_first || id >= params.table_end {
        return;
    }
    let token = load_table((id - params.table_first) * params.eighths + eighth);
    let position = load_positions((params.row + row) % params.tokens * params.eighths + eighth);
    let value = Eight(token.lo + position.lo, token.hi + position.hi);
    store_y(place + params.y_skip * params.eighths, value);
}
