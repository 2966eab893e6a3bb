// A product of tiles in workgroup memory: 64 × 64 sums where nothing else is said, 16 steps of depth
// at a time.
//
// Each lane owns 8 rows × 8 columns of the sums, as four rows and four columns of both halves of the
// tile. So for every step of depth a lane reads 4 vectors and does 64 multiplications, and
// neighbouring lanes read neighbouring vectors. Where a product is small, tiles of 32 × 32 are not
// halved, and a lane owns 4 × 4: more workgroups have less to do each. Of large tiles, more lanes
// share what is read from memory; those of 64 × 64 take 8 KiB, so that several workgroups share a
// core of a GPU and hide each other's waiting for memory.
//
// `Sums` is only ever indexed by constants: an array indexed by a variable would leave the
// registers. That is what `turn` is for.

/// Rows and columns of the tile, its lanes, and in how many parts each side of it is shared out among
/// them: `Tile` in gpu/cores/tiled.rs.
override TILE_ROWS: u32 = 64u;
override TILE_COLUMNS: u32 = 64u;
override LANES: u32 = 64u;
override PARTS: u32 = 2u;
const DEPTH: u32 = 16u;

/// Fours of rows, and of columns.
override ROW_FOURS: u32 = TILE_ROWS / 4u;
override COLUMN_FOURS: u32 = TILE_COLUMNS / 4u;
/// Those of a part.
override ROWS_OF_PART: u32 = ROW_FOURS / PARTS;
override COLUMNS_OF_PART: u32 = COLUMN_FOURS / PARTS;
/// Those of all steps.
override LEFT_FOURS: u32 = DEPTH * ROW_FOURS;
override RIGHT_FOURS: u32 = DEPTH * COLUMN_FOURS;

/// A lane's sums: `2 · i + h` is row i (see `tile_row`), half h of the columns.
alias Sums = array<vec4f, 16>;

/// [depth, rows] and [depth, columns], four to a vector.
var<workgroup> left_tile: array<vec4f, LEFT_FOURS>;
var<workgroup> right_tile: array<vec4f, RIGHT_FOURS>;

/// Whether a lane fetches four steps of four rows. Where lanes are more than rows, the first ones do.
fn fetches_left(lane: u32) -> bool {
    return LANES == TILE_ROWS || lane < TILE_ROWS;
}

/// Whether a lane fetches four steps of four columns. Where lanes are more than columns, the last ones do.
fn fetches_right(lane: u32) -> bool {
    return LANES == TILE_COLUMNS || lane >= LANES - TILE_COLUMNS;
}

/// The row within the tile of a lane's i-th row, 0 to 7.
fn tile_row(lane: u32, i: u32) -> u32 {
    return ((i / 4u) * ROWS_OF_PART + lane / COLUMNS_OF_PART) * 4u + i % 4u;
}

/// The first of a lane's four columns in half h of the tile.
fn tile_column(lane: u32, h: u32) -> u32 {
    return (h * COLUMNS_OF_PART + lane % COLUMNS_OF_PART) * 4u;
}

/// Adds the product of what lies in the tiles.
fn multiply_tiles(lane: u32, sums: ptr<function, Sums>) {
    for (var k = 0u; k < DEPTH; k++) {
        let upper = left_tile[k * ROW_FOURS + lane / COLUMNS_OF_PART];
        let first = right_tile[k * COLUMN_FOURS + lane % COLUMNS_OF_PART];
        (*sums)[0] = fma(vec4f(upper.x), first, (*sums)[0]);
        (*sums)[2] = fma(vec4f(upper.y), first, (*sums)[2]);
        (*sums)[4] = fma(vec4f(upper.z), first, (*sums)[4]);
        (*sums)[6] = fma(vec4f(upper.w), first, (*sums)[6]);
        if PARTS == 1u {
            continue;
        }
        let lower = left_tile[k * ROW_FOURS + ROWS_OF_PART + lane / COLUMNS_OF_PART];
        let second = right_tile[k * COLUMN_FOURS + COLUMNS_OF_PART + lane % COLUMNS_OF_PART];
        (*sums)[1] = fma(vec4f(upper.x), second, (*sums)[1]);
        (*sums)[3] = fma(vec4f(upper.y), second, (*sums)[3]);
        (*sums)[5] = fma(vec4f(upper.z), second, (*sums)[5]);
        (*sums)[7] = fma(vec4f(upper.w), second, (*sums)[7]);
        (*sums)[8] = fma(vec4f(lower.x), first, (*sums)[8]);
        (*sums)[9] = fma(vec4f(lower.x), second, (*sums)[9]);
        (*sums)[10] = fma(vec4f(lower.y), first, (*sums)[10]);
        (*sums)[11] = fma(vec4f(lower.y), second, (*sums)[11]);
        (*sums)[12] = fma(vec4f(lower.z), first, (*sums)[12]);
        (*sums)[13] = fma(vec4f(lower.z), second, (*sums)[13]);
        (*sums)[14] = fma(vec4f(lower.w), first, (*sums)[14]);
        (*sums)[15] = fma(vec4f(lower.w), second, (*sums)[15]);
    }
}

/// Whether number `i` of the sums is one.
fn is_sum(i: u32) -> bool {
    return PARTS == 2u || (i % 2u == 0u && i < 8u);
}

/// Moves every sum one place down, the first to the end: a loop that always takes number 0 meets
/// them all in order, and after 16 turns they are where they were.
fn turn(sums: ptr<function, Sums>) {
    let first = (*sums)[0];
    (*sums)[0] = (*sums)[1];
    (*sums)[1] = (*sums)[2];
    (*sums)[2] = (*sums)[3];
    (*sums)[3] = (*sums)[4];
    (*sums)[4] = (*sums)[5];
    (*sums)[5] = (*sums)[6];
    (*sums)[6] = (*sums)[7];
    (*sums)[7] = (*sums)[8];
    (*sums)[8] = (*sums)[9];
    (*sums)[9] = (*sums)[10];
    (*sums)[10] = (*sums)[11];
    (*sums)[11] = (*sums)[12];
    (*sums)[12] = (*sums)[13];
    (*sums)[13] = (*sums)[14];
    (*sums)[14] = (*sums)[15];
    (*sums)[15] = first;
}

/// Puts four steps of depth (from a multiple of 4 on) of four rows, the columns of `block`, into the
/// left tile.
fn put_left(quad: u32, depth: u32, block: mat4x4f) {
    let steps = transpose(block);
    left_tile[depth * ROW_FOURS + quad] = steps[0];
    left_tile[(depth + 1u) * ROW_FOURS + quad] = steps[1];
    left_tile[(depth + 2u) * ROW_FOURS + quad] = steps[2];
    left_tile[(depth + 3u) * ROW_FOURS + quad] = steps[3];
}

/// The same of four columns, into the right tile.
fn put_right(quad: u32, depth: u32, block: mat4x4f) {
    let steps = transpose(block);
    right_tile[depth * COLUMN_FOURS + quad] = steps[0];
    right_tile[(depth + 1u) * COLUMN_FOURS + quad] = steps[1];
    right_tile[(depth + 2u) * COLUMN_FOURS + quad] = steps[2];
    right_tile[(depth + 3u) * COLUMN_FOURS + quad] = steps[3];
}
