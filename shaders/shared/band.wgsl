// Products by bands: eight neighbouring lanes of a subgroup own a tile and hand each other its left
// side. No workgroup memory and no barrier: on a CPU that plays a GPU this is six times as fast as
// tiles in workgroup memory.
//
// A band's tile has 16 rows × 32 columns. For eight steps of depth lane l fetches rows l and 8 + l,
// and for each step its own four columns of the right side; the 16 values of the step then go round.
// A subgroup of 8 is one band and broadcasts; of 16, 32 or 64 it is several, which shuffle. Which it is
// a driver may decide for each kernel: where a band is in its subgroup is asked when it runs.

/// Whether every subgroup has 8 lanes. They have a multiple of 8 in any case.
override ONE_BAND: bool = true;

const LANES: u32 = 64u;
const BAND: u32 = 8u;
const BAND_ROWS: u32 = 16u;
const BAND_COLUMNS: u32 = 32u;

/// The subgroup's lane with which this lane's band starts.
var<private> band_start: u32;

/// A lane's sums: 16 rows of four columns. Only ever indexed by constants, to stay in registers.
var<private> sums: array<vec4f, 16>;

// What lane 0, 1, … 7 of the band holds. A broadcast wants a constant.

fn lane0(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupBroadcast(value, 0u);
    }
    return subgroupShuffle(value, band_start + 0u);
}

fn lane1(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupBroadcast(value, 1u);
    }
    return subgroupShuffle(value, band_start + 1u);
}

fn lane2(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupBroadcast(value, 2u);
    }
    return subgroupShuffle(value, band_start + 2u);
}

fn lane3(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupBroadcast(value, 3u);
    }
    return subgroupShuffle(value, band_start + 3u);
}

fn lane4(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupBroadcast(value, 4u);
    }
    return subgroupShuffle(value, band_start + 4u);
}

fn lane5(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupBroadcast(value, 5u);
    }
    return subgroupShuffle(value, band_start + 5u);
}

fn lane6(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupBroadcast(value, 6u);
    }
    return subgroupShuffle(value, band_start + 6u);
}

fn lane7(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupBroadcast(value, 7u);
    }
    return subgroupShuffle(value, band_start + 7u);
}

/// Adds the products of one step of depth: lane l brings rows l and 8 + l, and its four columns.
fn add_products(upper: f32, lower: f32, right: vec4f) {
    sums[0] = fma(vec4f(lane0(upper)), right, sums[0]);
    sums[1] = fma(vec4f(lane1(upper)), right, sums[1]);
    sums[2] = fma(vec4f(lane2(upper)), right, sums[2]);
    sums[3] = fma(vec4f(lane3(upper)), right, sums[3]);
    sums[4] = fma(vec4f(lane4(upper)), right, sums[4]);
    sums[5] = fma(vec4f(lane5(upper)), right, sums[5]);
    sums[6] = fma(vec4f(lane6(upper)), right, sums[6]);
    sums[7] = fma(vec4f(lane7(upper)), right, sums[7]);
    sums[8] = fma(vec4f(lane0(lower)), right, sums[8]);
    sums[9] = fma(vec4f(lane1(lower)), right, sums[9]);
    sums[10] = fma(vec4f(lane2(lower)), right, sums[10]);
    sums[11] = fma(vec4f(lane3(lower)), right, sums[11]);
    sums[12] = fma(vec4f(lane4(lower)), right, sums[12]);
    sums[13] = fma(vec4f(lane5(lower)), right, sums[13]);
    sums[14] = fma(vec4f(lane6(lower)), right, sums[14]);
    sums[15] = fma(vec4f(lane7(lower)), right, sums[15]);
}

/// Moves every sum one place down: a loop that always takes number 0 meets them all in order.
fn shift_sums() {
    sums[0] = sums[1];
    sums[1] = sums[2];
    sums[2] = sums[3];
    sums[3] = sums[4];
    sums[4] = sums[5];
    sums[5] = sums[6];
    sums[6] = sums[7];
    sums[7] = sums[8];
    sums[8] = sums[9];
    sums[9] = sums[10];
    sums[10] = sums[11];
    sums[11] = sums[12];
    sums[12] = sums[13];
    sums[13] = sums[14];
    sums[14] = sums[15];
}
