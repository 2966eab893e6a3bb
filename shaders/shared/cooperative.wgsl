// A product by the device's matrix units (cooperative matrices): halves in, sums in f32.
//
//   x       [rows, depth]                  in left_halves.wgsl or left_in_parts.wgsl; a row of the left side is what
//                                          `fetch_left` gives
//   weight  [columns, taps · depth]        in right_halves.wgsl, right_bytes.wgsl or right_nibbles.wgsl
//
// A workgroup makes TILE_ROWS × TILE_COLUMNS sums, and each of its subgroups a rectangle of
// ROW_FRAGMENTS × COLUMN_FRAGMENTS fragments of them, which stay in its registers. Both tiles lie in
// workgroup memory with depth along the row, in pieces of eight halves (16 bytes); a piece of padding
// puts the rows of a fragment into different banks. Sizes are constants that `Tile` in
// gpu/cores/cooperative.rs writes in front, with cooperative_vectors.wgsl or cooperative_scalars.wgsl, eight_words.wgsl or
// eight_halves.wgsl, and the files that read both sides.
//
// No subgroup operation is used: some drivers fail to compile them beside cooperative matrices.

/// Whether the depth is a multiple of TILE_DEPTH.
override ALIGNED: bool = true;

/// Pieces of a row of a tile.
const PIECES: u32 = TILE_DEPTH / 8u;
/// From one row to the next, in pieces.
const STRIDE: u32 = PIECES + 1u;
/// Pieces of a left tile. There is one for each part of its numbers.
const LEFT_TILE: u32 = TILE_ROWS * STRIDE;
/// The first piece of the right tile, which follows them.
const RIGHT_TILE: u32 = LEFT_PARTS * LEFT_TILE;
/// Rows that the lanes fetch at once.
const PASS: u32 = LANES / PIECES;
/// Vectors in a row of `stage`: 16 sums, and padding.
const STAGE_PITCH: u32 = 5u;

/// Vectors of all tiles.
const TILE_FOURS: u32 = 2u * (LEFT_PARTS * TILE_ROWS + TILE_COLUMNS) * STRIDE;
/// Those of `stage`, where fragments become rows again: 16 columns of one row of fragments for each subgroup.
const STAGE_FOURS: u32 = SUBGROUPS * FRAGMENT * STAGE_PITCH;

fn put_piece(place: u32, piece: Piece) {
    put_four(2u * place, piece[0]);
    put_four(2u * place + 1u, piece[1]);
}

/// Pieces of a whole row of the weight.
fn depth_pieces() -> u32 {
    return taps() * params.depth / 8u;
}

fn fetched_left(place: Place, piece: u32) -> FetchedLeft {
    if !ALIGNED && piece >= depth_pieces() {
        return FetchedLeft();
    }
    return fetch_left(place, piece);
}

fn fetched_right(output: u32, piece: u32) -> Fetched {
    if !ALIGNED && piece >= depth_pieces() {
        return Fetched();
    }
    return fetch_right(output + piece);
}

/// Makes the sums of a tile and finishes them.
fn multiply(first_row: u32, first_column: u32, lane: u32) {
    let row = lane / PIECES;
    let piece = lane % PIECES;
    let subgroup = lane / SUBGROUP_LANES;
    let row_fragment = subgroup / SUBGROUPS_ACROSS * ROW_FRAGMENTS;
    let column_fragment = subgroup % SUBGROUPS_ACROSS * COLUMN_FRAGMENTS;

    var places: array<Place, LEFT_PIECES>; // in registers
    for (var i = 0u; i < LEFT_PIECES; i++) { // unrolled
        places[i] = place_of(first_row + row + i * PASS);
    }
    // Columns beyond the last are multiplied like it, and not written.
    var outputs: array<u32, RIGHT_PIECES>; // in registers
    for (var i = 0u; i < RIGHT_PIECES; i++) { // unrolled
        let column = min(first_column + row + i * PASS, params.columns - 1u);
        outputs[i] = (which_weight() * params.columns + column) * depth_pieces();
    }
    var left: array<FetchedLeft, STEPS * LEFT_PIECES>; // in registers
    var right: array<Fetched, STEPS * RIGHT_PIECES>; // in registers
    var sums: array<Sums, ROW_FRAGMENTS * COLUMN_FRAGMENTS>; // in registers

    // With FETCH_AHEAD the next tiles of each of STEPS steps are asked for before the step's own are multiplied; compilers
    // may ask later, but then for those of all steps at once. The last turn asks again for what it has. Without
    // FETCH_AHEAD other workgroups fill the time.
    let last = (depth_pieces() + PIECES - 1u) / PIECES * PIECES - PIECES;
    if FETCH_AHEAD {
        for (var s = 0u; s < STEPS; s++) { // unrolled
            let place = min(s * PIECES, last) + piece;
            for (var i = 0u; i < LEFT_PIECES; i++) { // unrolled
                left[s * LEFT_PIECES + i] = fetched_left(places[i], place);
            }
            for (var i = 0u; i < RIGHT_PIECES; i++) { // unrolled
                right[s * RIGHT_PIECES + i] = fetched_right(outputs[i], place);
            }
        }
    }
    for (var first = 0u; first <= last; first += STEPS * PIECES) {
        for (var s = 0u; s < STEPS; s++) { // unrolled
            let step = first + s * PIECES;
            if !FETCH_AHEAD {
                for (var i = 0u; i < LEFT_PIECES; i++) { // unrolled
                    left[s * LEFT_PIECES + i] = fetched_left(places[i], step + piece);
                }
                for (var i = 0u; i < RIGHT_PIECES; i++) { // unrolled
                    right[s * RIGHT_PIECES + i] = fetched_right(outputs[i], step + piece);
                }
            }
            workgroupBarrier();
            // A step after the last multiplies zeros.
            let is_there = s == 0u || step <= last;
            for (var i = 0u; i < LEFT_PIECES; i++) { // unrolled
                let fetched = left_if(is_there, left[s * LEFT_PIECES + i]);
                for (var p = 0u; p < LEFT_PARTS; p++) { // unrolled
                    put_piece(p * LEFT_TILE + (row + i * PASS) * STRIDE + piece, left_piece(fetched, p));
                }
            }
            for (var i = 0u; i < RIGHT_PIECES; i++) { // unrolled
                let fetched = right_piece(right[s * RIGHT_PIECES + i]);
                put_piece(RIGHT_TILE + (row + i * PASS) * STRIDE + piece, fetched);
            }
            workgroupBarrier();
            if FETCH_AHEAD {
                let next = min(step + STEPS * PIECES, last) + piece;
                for (var i = 0u; i < LEFT_PIECES; i++) { // unrolled
                    left[s * LEFT_PIECES + i] = fetched_left(places[i], next);
                }
                for (var i = 0u; i < RIGHT_PIECES; i++) { // unrolled
                    right[s * RIGHT_PIECES + i] = fetched_right(outputs[i], next);
                }
            }
            for (var k = 0u; k < DEPTH_FRAGMENTS; k++) { // unrolled on GPUs
                var rows: array<Left, LEFT_PARTS * ROW_FRAGMENTS>; // in registers
                for (var p = 0u; p < LEFT_PARTS; p++) { // unrolled
                    for (var i = 0u; i < ROW_FRAGMENTS; i++) { // unrolled
                        let first = p * LEFT_TILE + k * FRAGMENT / 8u;
                        let place = 2u * ((row_fragment + i) * FRAGMENT * STRIDE + first);
                        rows[p * ROW_FRAGMENTS + i] =
                            coopLoadT<Left>(&tiles[PER_FOUR * place], PER_FOUR * 2u * STRIDE);
                    }
                }
                for (var j = 0u; j < COLUMN_FRAGMENTS; j++) { // unrolled
                    let place = 2u * (RIGHT_TILE + (column_fragment + j) * FRAGMENT * STRIDE + k * FRAGMENT / 8u);
                    let columns = coopLoad<Right>(&tiles[PER_FOUR * place], PER_FOUR * 2u * STRIDE);
                    for (var p = 0u; p < LEFT_PARTS; p++) { // unrolled
                        for (var i = 0u; i < ROW_FRAGMENTS; i++) { // unrolled
                            let before = sums[i * COLUMN_FRAGMENTS + j];
                            sums[i * COLUMN_FRAGMENTS + j] =
                                coopMultiplyAdd(rows[p * ROW_FRAGMENTS + i], columns, before);
                        }
                    }
                }
            }
        }
    }

    let own = subgroup * FRAGMENT * STAGE_PITCH;
    for (var i = 0u; i < ROW_FRAGMENTS; i++) { // unrolled
        for (var j = 0u; j < COLUMN_STEPS; j++) { // unrolled
            for (var h = 0u; h < ACROSS; h++) { // unrolled
                let place = own + h * FRAGMENT / 4u;
                let fragment = sums[i * COLUMN_FRAGMENTS + j * ACROSS + h];
                coopStoreT(fragment, &stage[PER_FOUR * place], PER_FOUR * STAGE_PITCH);
            }
            workgroupBarrier();
            let row = first_row + (row_fragment + i) * FRAGMENT;
            let column = first_column + column_fragment * FRAGMENT + j * 16u;
            finish_rows(row, column, own, lane % SUBGROUP_LANES);
            workgroupBarrier();
        }
    }
}

/// Finishes what a subgroup has in `stage`: rows from `row` on, of 16 columns.
fn finish_rows(row: u32, column: u32, stage_place: u32, lane: u32) {
    for (var r = lane; r < FRAGMENT * FINISHED_AT_ONCE; r += SUBGROUP_LANES) {
        let line = r / FINISHED_AT_ONCE;
        let eighth = r % FINISHED_AT_ONCE;
        let place = stage_place + line * STAGE_PITCH + 2u * eighth;
        if ACTIVATION == GEGLU {
            let more = Eight(staged(place + 2u), staged(place + 3u));
            finish_geglu(output_of(row + line), column, Eight(staged(place), staged(place + 1u)), more);
        } else {
            finish_eight(output_of(row + line), column + 8u * eighth, Eight(staged(place), staged(place + 1u)));
        }
    }
}
