// As many multiply-adds as a device's matrix units can do: what shares of the cooperative core's peak are counted from.
//
//   y  [lanes]   a sum of each, so that none is left out
//
// Every subgroup has ROWS × COLUMNS fragments of sums in registers, as a product has, and multiplies the same fragments
// again and again. Only those are read from workgroup memory, once.
//
// CPU twin: cpu::multiply_adds.  Agreement: both are run for their time.

struct Params {
    /// Times that every fragment of sums is added to.
    rounds: u32,
    factor: f32,
    summand: f32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

/// Fragments of the left side.
const ROWS: u32 = 2u;
/// Fragments of the right side.
const COLUMNS: u32 = 4u;
/// Vectors in a fragment.
const VECTORS: u32 = FRAGMENT * FRAGMENT / 4u;
/// Those of all fragments that are multiplied.
const TILE_FOURS: u32 = (ROWS + COLUMNS) * VECTORS;
/// Those of a fragment of sums for each subgroup.
const STAGE_FOURS: u32 = SUBGROUPS * VECTORS;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    // Numbers of both signs, all different in a fragment: units may be faster for zeros.
    for (var i = lane; i < TILE_FOURS; i += LANES) {
        let first = params.factor * (f32(i % 61u) - 30.0) / 30.0;
        put_four(i, vec4<f16>(vec4f(first, -first, first * params.factor, params.factor - first)));
    }
    workgroupBarrier();
    var rows: array<Left, ROWS>; // in registers
    var columns: array<Right, COLUMNS>; // in registers
    var sums: array<Sums, ROWS * COLUMNS>; // in registers
    for (var i = 0u; i < ROWS; i++) { // unrolled
        rows[i] = coopLoadT<Left>(&tiles[PER_FOUR * i * VECTORS], PER_FOUR * FRAGMENT / 4u);
    }
    for (var j = 0u; j < COLUMNS; j++) { // unrolled
        columns[j] = coopLoad<Right>(&tiles[PER_FOUR * (ROWS + j) * VECTORS], PER_FOUR * FRAGMENT / 4u);
    }
    for (var round = 0u; round < params.rounds; round += 1u) {
        for (var i = 0u; i < ROWS; i++) { // unrolled
            for (var j = 0u; j < COLUMNS; j++) { // unrolled
                sums[i * COLUMNS + j] = coopMultiplyAdd(rows[i], columns[j], sums[i * COLUMNS + j]);
            }
        }
    }
    let own = lane / SUBGROUP_LANES * VECTORS;
    var total = params.summand;
    for (var i = 0u; i < ROWS * COLUMNS; i++) { // unrolled
        coopStoreT(sums[i], &stage[PER_FOUR * own], PER_FOUR * FRAGMENT / 4u);
        workgroupBarrier();
        total += staged(own + lane % VECTORS).x;
        workgroupBarrier();
    }
    y[flat_workgroup(workgroup, grid) * LANES + lane] = total;
}
