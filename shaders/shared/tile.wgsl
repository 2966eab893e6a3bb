// A product of tiles in workgroup memory: 64 × 64 sums, 16 steps of depth at a time.
//
// 64 lanes as 8 × 8; each owns 8 rows × 8 columns of the sums, as four rows and four columns of both
// halves of the tile. So for every step of depth a lane reads 4 vectors and does 64 multiplications,
// and neighbouring lanes read neighbouring vectors. 8 KiB of workgroup memory: several workgroups
// share a core of a GPU and hide each other's waiting for memory.
//
// `Sums` is only ever indexed by constants: an array indexed by a variable would leave the
// registers. That is what `turn` is for.

const TILE: u32 = 64u;
const LANES: u32 = 64u;
const DEPTH: u32 = 16u;

/// A lane's sums: `2 · i + h` is row i (see `tile_row`), half h of the columns.
alias Sums = array<vec4f, 16>;

/// [depth, 64 rows] and [depth, 64 columns], four to a vector.
var<workgroup> left_tile: array<vec4f, 256>;
var<workgroup> right_tile: array<vec4f, 256>;

/// The row within the tile of a lane's i-th row, 0 to 7.
fn tile_row(lane: u32, i: u32) -> u32 {
    return (i / 4u) * 32u + (lane / 8u) * 4u + i % 4u;
}

/// The first of a lane's four columns in half h of the tile.
fn tile_column(lane: u32, h: u32) -> u32 {
    return h * 32u + (lane % 8u) * 4u;
}

/// Adds the product of what lies in the tiles.
fn multiply_tiles(lane: u32, sums: ptr<function, Sums>) {
    for (var k = 0u; k < DEPTH; k++) {
        let upper = left_tile[k * 16u + lane / 8u];
        let lower = left_tile[k * 16u + 8u + lane / 8u];
        let first = right_tile[k * 16u + lane % 8u];
        let second = right_tile[k * 16u + 8u + lane % 8u];
        (*sums)[0] = fma(vec4f(upper.x), first, (*sums)[0]);
        (*sums)[1] = fma(vec4f(upper.x), second, (*sums)[1]);
        (*sums)[2] = fma(vec4f(upper.y), first, (*sums)[2]);
        (*sums)[3] = fma(vec4f(upper.y), second, (*sums)[3]);
        (*sums)[4] = fma(vec4f(upper.z), first, (*sums)[4]);
        (*sums)[5] = fma(vec4f(upper.z), second, (*sums)[5]);
        (*sums)[6] = fma(vec4f(upper.w), first, (*sums)[6]);
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
    left_tile[depth * 16u + quad] = steps[0];
    left_tile[(depth + 1u) * 16u + quad] = steps[1];
    left_tile[(depth + 2u) * 16u + quad] = steps[2];
    left_tile[(depth + 3u) * 16u + quad] = steps[3];
}

/// The same of four columns, into the right tile.
fn put_right(quad: u32, depth: u32, block: mat4x4f) {
    let steps = transpose(block);
    right_tile[depth * 16u + quad] = steps[0];
    right_tile[(depth + 1u) * 16u + quad] = steps[1];
    right_tile[(depth + 2u) * 16u + quad] = steps[2];
    right_tile[(depth + 3u) * 16u + quad] = steps[3];
}
