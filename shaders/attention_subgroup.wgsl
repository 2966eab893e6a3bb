// Softmax(q · kᵀ · scale) · v for each head, without the matrix of scores: the same as
// attention_tiled.wgsl, for devices whose subgroups have a multiple of eight lanes and heads of a multiple of 8.
//
//   q  [queries, pitch]   k, v  [keys, pitch]   y  [queries, y_pitch]   halves or f32, heads side by side in a row
//
// One workgroup for 128 queries and 64 numbers of one head, one band (shared/band.wgsl) for 16
// queries. It goes through the keys in blocks of 32: a lane owns the scores of four keys for all 16
// queries, then eight numbers of the result for all 16 queries, and meanwhile the weights go round.
// A head wider than 64 is several workgroups, each of which computes the scores again.
//
// CPU twin: cpu::attention.  Agreement: NMSE < 1e-7 in f32, 1e-6 in halves.

@group(0) @binding(1) var<storage, read> q: array<vec4u>;
@group(0) @binding(2) var<storage, read> k: array<vec4u>;
@group(0) @binding(3) var<storage, read> v: array<vec4u>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4u>;

/// Queries of a workgroup, keys of a block, columns of a workgroup.
const QUERIES: u32 = 128u;
const KEYS: u32 = 32u;
const COLUMNS: u32 = 64u;

/// The largest score so far, of the queries `lane` and 8 + `lane` of the band.
var<private> tops: vec2f;
/// The sum of weights: of the same queries; or where a subgroup is one band and registers are no concern, this lane's
/// share for each of the band's queries, which is summed once at the end.
var<private> totals: vec2f;
var<private> shares: array<f32, 16>;
/// For each of the band's queries the lane's eight columns of the sum of weighted values.
var<private> mixed: array<Eight, 16>;

fn load_q(row: u32, column: u32) -> Eight {
    let element = (min(row, params.queries - 1u) + params.q_skip) * params.pitch + column;
    if Q_HALF {
        return unpack_eight(q[element / 8u]);
    }
    return eight_from_bits(q[element / 4u], q[element / 4u + 1u]);
}

fn load_k(row: u32, column: u32) -> Eight {
    let element = (min(row, params.keys - 1u) + params.k_skip) * params.pitch + params.k_column + column;
    if K_HALF {
        return unpack_eight(k[element / 8u]);
    }
    return eight_from_bits(k[element / 4u], k[element / 4u + 1u]);
}

fn load_v(row: u32, column: u32) -> Eight {
    let element = (min(row, params.keys - 1u) + params.v_skip) * params.pitch + params.v_column + column;
    if V_HALF {
        return unpack_eight(v[element / 8u]);
    }
    return eight_from_bits(v[element / 4u], v[element / 4u + 1u]);
}

/// The largest number of the band.
fn band_max(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupMax(value);
    }
    let a = max(value, subgroupShuffleXor(value, 1u));
    let b = max(a, subgroupShuffleXor(a, 2u));
    return max(b, subgroupShuffleXor(b, 4u));
}

/// The sum of the band.
fn band_sum(value: f32) -> f32 {
    if ONE_BAND {
        return subgroupAdd(value);
    }
    let a = value + subgroupShuffleXor(value, 1u);
    let b = a + subgroupShuffleXor(a, 2u);
    return b + subgroupShuffleXor(b, 4u);
}

/// Adds the products of eight numbers of the head: two queries and four keys of this lane.
fn score_eight(upper: Eight, lower: Eight, a: Eight, b: Eight, c: Eight, d: Eight) {
    let lo = transpose(mat4x4f(a.lo, b.lo, c.lo, d.lo));
    let hi = transpose(mat4x4f(a.hi, b.hi, c.hi, d.hi));
    add_products(upper.lo.x, lower.lo.x, lo[0]);
    add_products(upper.lo.y, lower.lo.y, lo[1]);
    add_products(upper.lo.z, lower.lo.z, lo[2]);
    add_products(upper.lo.w, lower.lo.w, lo[3]);
    add_products(upper.hi.x, lower.hi.x, hi[0]);
    add_products(upper.hi.y, lower.hi.y, hi[1]);
    add_products(upper.hi.z, lower.hi.z, hi[2]);
    add_products(upper.hi.w, lower.hi.w, hi[3]);
}

/// Scores of 16 queries from `query` on and the lane's four keys from `key` on.
fn score(lane: u32, query: u32, key: u32, first: u32) {
    sums = array<vec4f, 16>();
    for (var d = 0u; d < params.head_dim; d += 8u) {
        let column = first + d;
        score_eight(
            load_q(query + lane, column),
            load_q(query + 8u + lane, column),
            load_k(key, column),
            load_k(key + 1u, column),
            load_k(key + 2u, column),
            load_k(key + 3u, column),
        );
    }
}

/// What the lane with query `i` holds.
fn of_query(i: u32, values: vec2f) -> f32 {
    let value = select(values.x, values.y, i >= 8u);
    switch i % 8u {
        case 0u: { return lane0(value); }
        case 1u: { return lane1(value); }
        case 2u: { return lane2(value); }
        case 3u: { return lane3(value); }
        case 4u: { return lane4(value); }
        case 5u: { return lane5(value); }
        case 6u: { return lane6(value); }
        default: { return lane7(value); }
    }
}

/// Scales the scores of the keys that a query sees. The largest may be the largest of all.
fn see_row(i: u32, lane: u32, query: u32, keys: vec4u) {
    let limit = min(params.keys, params.first_query + query + i + 1u);
    let scores = select(vec4f(NEVER), sums[i] * params.scale, keys < vec4u(limit));
    let most = band_max(max(max(scores.x, scores.y), max(scores.z, scores.w)));
    tops = max(tops, select(vec2f(NEVER), vec2f(most), vec2<bool>(lane == i, lane + 8u == i)));
    sums[i] = scores;
}

/// Turns a query's scores into weights, and brings what was summed before to the new maximum.
fn weigh_row(i: u32, lane: u32, decays: vec2f) {
    let weights = exp2(sums[i] - of_query(i, tops));
    let decay = of_query(i, decays);
    let share = dot(weights, vec4f(1.0));
    if ONE_BAND {
        shares[i] = shares[i] * decay + share;
    } else {
        totals += select(vec2f(), vec2f(band_sum(share)), vec2<bool>(lane == i, lane + 8u == i));
    }
    mixed[i] = Eight(mixed[i].lo * decay, mixed[i].hi * decay);
    sums[i] = weights;
}

/// Both of all queries; the rows are constants, so that arrays stay in registers.
fn weigh(lane: u32, query: u32, key: u32) {
    let keys = vec4u(key) + vec4u(0u, 1u, 2u, 3u);
    let before = tops;
    see_row(0u, lane, query, keys);
    see_row(1u, lane, query, keys);
    see_row(2u, lane, query, keys);
    see_row(3u, lane, query, keys);
    see_row(4u, lane, query, keys);
    see_row(5u, lane, query, keys);
    see_row(6u, lane, query, keys);
    see_row(7u, lane, query, keys);
    see_row(8u, lane, query, keys);
    see_row(9u, lane, query, keys);
    see_row(10u, lane, query, keys);
    see_row(11u, lane, query, keys);
    see_row(12u, lane, query, keys);
    see_row(13u, lane, query, keys);
    see_row(14u, lane, query, keys);
    see_row(15u, lane, query, keys);
    let decays = exp2(before - tops);
    if !ONE_BAND {
        totals *= decays;
    }
    weigh_row(0u, lane, decays);
    weigh_row(1u, lane, decays);
    weigh_row(2u, lane, decays);
    weigh_row(3u, lane, decays);
    weigh_row(4u, lane, decays);
    weigh_row(5u, lane, decays);
    weigh_row(6u, lane, decays);
    weigh_row(7u, lane, decays);
    weigh_row(8u, lane, decays);
    weigh_row(9u, lane, decays);
    weigh_row(10u, lane, decays);
    weigh_row(11u, lane, decays);
    weigh_row(12u, lane, decays);
    weigh_row(13u, lane, decays);
    weigh_row(14u, lane, decays);
    weigh_row(15u, lane, decays);
}

/// Adds a weighted value.
fn add_value(sum: Eight, weight: f32, value: Eight) -> Eight {
    return Eight(fma(vec4f(weight), value.lo, sum.lo), fma(vec4f(weight), value.hi, sum.hi));
}

/// The values of two keys.
struct Two {
    a: Eight,
    b: Eight,
}

/// Adds the weighted values of the keys of lanes `2 · pair` and `2 · pair + 1` to a query's sum.
fn mix_row(i: u32, pair: u32, two: Two) {
    let weight = sums[i].x;
    var a: f32;
    var b: f32;
    switch pair {
        case 0u: { a = lane0(weight); b = lane1(weight); }
        case 1u: { a = lane2(weight); b = lane3(weight); }
        case 2u: { a = lane4(weight); b = lane5(weight); }
        default: { a = lane6(weight); b = lane7(weight); }
    }
    mixed[i] = add_value(add_value(mixed[i], a, two.a), b, two.b);
}

/// Adds the weighted values of two keys to all queries' sums.
fn mix_pair(pair: u32, key: u32, column: u32) {
    let two = Two(load_v(key + 8u * pair, column), load_v(key + 8u * pair + 4u, column));
    mix_row(0u, pair, two);
    mix_row(1u, pair, two);
    mix_row(2u, pair, two);
    mix_row(3u, pair, two);
    mix_row(4u, pair, two);
    mix_row(5u, pair, two);
    mix_row(6u, pair, two);
    mix_row(7u, pair, two);
    mix_row(8u, pair, two);
    mix_row(9u, pair, two);
    mix_row(10u, pair, two);
    mix_row(11u, pair, two);
    mix_row(12u, pair, two);
    mix_row(13u, pair, two);
    mix_row(14u, pair, two);
    mix_row(15u, pair, two);
}

/// Adds the weighted values of the block's 32 keys. `column` is the lane's own.
fn mix(key: u32, column: u32) {
    for (var i = 0u; i < 4u; i++) {
        mix_pair(0u, key + i, column);
        mix_pair(1u, key + i, column);
        mix_pair(2u, key + i, column);
        mix_pair(3u, key + i, column);
        next_weights();
    }
}

/// Moves on to the next key of each lane's four.
fn next_weights() {
    sums[0] = sums[0].yzwx;
    sums[1] = sums[1].yzwx;
    sums[2] = sums[2].yzwx;
    sums[3] = sums[3].yzwx;
    sums[4] = sums[4].yzwx;
    sums[5] = sums[5].yzwx;
    sums[6] = sums[6].yzwx;
    sums[7] = sums[7].yzwx;
    sums[8] = sums[8].yzwx;
    sums[9] = sums[9].yzwx;
    sums[10] = sums[10].yzwx;
    sums[11] = sums[11].yzwx;
    sums[12] = sums[12].yzwx;
    sums[13] = sums[13].yzwx;
    sums[14] = sums[14].yzwx;
    sums[15] = sums[15].yzwx;
}

/// Moves the numbers of every query one place down: a loop that always takes number 0 meets them all in order.
fn shift_queries() {
    shares[0] = shares[1];
    shares[1] = shares[2];
    shares[2] = shares[3];
    shares[3] = shares[4];
    shares[4] = shares[5];
    shares[5] = shares[6];
    shares[6] = shares[7];
    shares[7] = shares[8];
    shares[8] = shares[9];
    shares[9] = shares[10];
    shares[10] = shares[11];
    shares[11] = shares[12];
    shares[12] = shares[13];
    shares[13] = shares[14];
    shares[14] = shares[15];
    mixed[0] = mixed[1];
    mixed[1] = mixed[2];
    mixed[2] = mixed[3];
    mixed[3] = mixed[4];
    mixed[4] = mixed[5];
    mixed[5] = mixed[6];
    mixed[6] = mixed[7];
    mixed[7] = mixed[8];
    mixed[8] = mixed[9];
    mixed[9] = mixed[10];
    mixed[10] = mixed[11];
    mixed[11] = mixed[12];
    mixed[12] = mixed[13];
    mixed[13] = mixed[14];
    mixed[14] = mixed[15];
}

/// Writes the lane's eight columns of the first query, whose place is `row`.
fn write_first(row: u32, column: u32, owned: bool, total: f32) {
    if row >= params.queries || !owned {
        return;
    }
    let value = Eight(mixed[0].lo / total, mixed[0].hi / total);
    let element = (row + params.y_skip) * params.y_pitch + column;
    if Y_HALF {
        y[element / 8u] = pack_eight(value);
    } else {
        y[element / 4u] = bitcast<vec4u>(value.lo);
        y[element / 4u + 1u] = bitcast<vec4u>(value.hi);
    }
}

/// The same of all queries.
fn write(query: u32, column: u32, owned: bool) {
    if ONE_BAND {
        // A loop that compilers do not write out: with 16 copies of this a software driver compiled for twice as long.
        for (var row = query; row < query + BAND_ROWS; row++) {
            write_first(row, column, owned, band_sum(shares[0]));
            shift_queries();
        }
        return;
    }
    for (var i = 0u; i < BAND_ROWS; i++) {
        let total = subgroupShuffle(select(totals.x, totals.y, i >= 8u), band_start + i % 8u);
        write_first(query + i, column, owned, total);
        shift_queries();
    }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) invocation: u32,
) {
    let lane = invocation % BAND;
    band_start = invocation - lane;
    let band = subgroup * (size / BAND) + invocation / BAND;
    let tiles = (params.queries + QUERIES - 1u) / QUERIES;
    let chunks = (params.head_dim + COLUMNS - 1u) / COLUMNS;
    let number = flat_workgroup(workgroup, grid);
    let query = number % tiles * QUERIES + band * BAND_ROWS;
    let unit = number / tiles;
    if query >= params.queries || unit >= params.heads * chunks {
        return;
    }
    let first = unit / chunks * params.head_dim;
    let own = unit % chunks * COLUMNS + lane * 8u;
    // A lane beyond the head works like the last one within, and writes nothing.
    let column = first + min(own, params.head_dim - 8u);
    let end = min(params.keys, params.first_query + query + BAND_ROWS);
    tops = vec2f(NEVER);
    for (var key = 0u; key < end; key += KEYS) {
        score(lane, query, key + lane * 4u, first);
        weigh(lane, query, key + lane * 4u);
        mix(key, column);
    }
    write(query, column, own < params.head_dim);
}
