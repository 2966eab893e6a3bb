// Softmax(q · kᵀ · scale) · v for each head, without the matrix of scores: the same as
// attention_tiled.wgsl, for devices whose subgroups have a fixed size and heads of a multiple of 8.
//
//   q, y  [queries, pitch]   k, v  [keys, pitch]   halves or f32, heads side by side in a row
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

/// For each of the band's queries: the largest score so far, this lane's share of the sum of
/// weights, and the lane's eight columns of the sum of weighted values.
var<private> tops: array<f32, 16>;
var<private> totals: array<f32, 16>;
var<private> mixed: array<Eight, 16>;

fn load_q(row: u32, column: u32) -> Eight {
    let element = (min(row, params.queries - 1u) + params.q_skip) * params.pitch + column;
    if Q_HALF {
        return unpack_eight(q[element / 8u]);
    }
    return eight_from_bits(q[element / 4u], q[element / 4u + 1u]);
}

fn load_k(row: u32, column: u32) -> Eight {
    let element = (min(row, params.keys - 1u) + params.k_skip) * params.pitch + column;
    if K_HALF {
        return unpack_eight(k[element / 8u]);
    }
    return eight_from_bits(k[element / 4u], k[element / 4u + 1u]);
}

fn load_v(row: u32, column: u32) -> Eight {
    let element = (min(row, params.keys - 1u) + params.v_skip) * params.pitch + column;
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

/// Turns a query's scores into weights, and what was summed before to the new maximum.
fn weigh_row(i: u32, query: u32, keys: vec4u) {
    var limit = params.keys;
    if CAUSAL {
        limit = min(limit, params.first_query + query + i + 1u);
    }
    let scores = select(vec4f(NEVER), sums[i] * params.scale, keys < vec4u(limit));
    let most = max(max(scores.x, scores.y), max(scores.z, scores.w));
    let top = max(tops[i], band_max(most));
    let weights = exp2(scores - top);
    let decay = exp2(tops[i] - top);
    tops[i] = top;
    totals[i] = totals[i] * decay + dot(weights, vec4f(1.0));
    mixed[i] = Eight(mixed[i].lo * decay, mixed[i].hi * decay);
    sums[i] = weights;
}

/// `weigh_row` of all; the rows are constants, so that arrays stay in registers.
fn weigh(query: u32, key: u32) {
    let keys = vec4u(key) + vec4u(0u, 1u, 2u, 3u);
    weigh_row(0u, query, keys);
    weigh_row(1u, query, keys);
    weigh_row(2u, query, keys);
    weigh_row(3u, query, keys);
    weigh_row(4u, query, keys);
    weigh_row(5u, query, keys);
    weigh_row(6u, query, keys);
    weigh_row(7u, query, keys);
    weigh_row(8u, query, keys);
    weigh_row(9u, query, keys);
    weigh_row(10u, query, keys);
    weigh_row(11u, query, keys);
    weigh_row(12u, query, keys);
    weigh_row(13u, query, keys);
    weigh_row(14u, query, keys);
    weigh_row(15u, query, keys);
}

/// Adds a weighted value.
fn add_value(sum: Eight, weight: f32, value: Eight) -> Eight {
    return Eight(fma(vec4f(weight), value.lo, sum.lo), fma(vec4f(weight), value.hi, sum.hi));
}

/// The values of eight keys, one of each lane's four.
struct Values {
    key: array<Eight, 8>,
}

/// Adds the weighted values of eight keys to a query's sum, and moves on to the next of each lane's.
fn mix_row(i: u32, values: Values) {
    let weight = sums[i].x;
    var sum = mixed[i];
    sum = add_value(sum, lane0(weight), values.key[0]);
    sum = add_value(sum, lane1(weight), values.key[1]);
    sum = add_value(sum, lane2(weight), values.key[2]);
    sum = add_value(sum, lane3(weight), values.key[3]);
    sum = add_value(sum, lane4(weight), values.key[4]);
    sum = add_value(sum, lane5(weight), values.key[5]);
    sum = add_value(sum, lane6(weight), values.key[6]);
    sum = add_value(sum, lane7(weight), values.key[7]);
    mixed[i] = sum;
    sums[i] = sums[i].yzwx;
}

/// Adds the weighted values of the block's 32 keys. `column` is the lane's own.
fn mix(key: u32, column: u32) {
    for (var i = 0u; i < 4u; i++) {
        let values = Values(array<Eight, 8>(
            load_v(key + i, column),
            load_v(key + 4u + i, column),
            load_v(key + 8u + i, column),
            load_v(key + 12u + i, column),
            load_v(key + 16u + i, column),
            load_v(key + 20u + i, column),
            load_v(key + 24u + i, column),
            load_v(key + 28u + i, column),
        ));
        mix_row(0u, values);
        mix_row(1u, values);
        mix_row(2u, values);
        mix_row(3u, values);
        mix_row(4u, values);
        mix_row(5u, values);
        mix_row(6u, values);
        mix_row(7u, values);
        mix_row(8u, values);
        mix_row(9u, values);
        mix_row(10u, values);
        mix_row(11u, values);
        mix_row(12u, values);
        mix_row(13u, values);
        mix_row(14u, values);
        mix_row(15u, values);
    }
}

/// Writes the lane's eight columns of a query.
fn write_row(i: u32, query: u32, column: u32, owned: bool) {
    let total = band_sum(totals[i]);
    if query + i < params.queries && owned {
        let value = Eight(mixed[i].lo / total, mixed[i].hi / total);
        let element = (query + i + params.y_skip) * params.pitch + column;
        if Y_HALF {
            y[element / 8u] = pack_eight(value);
        } else {
            y[element / 4u] = bitcast<vec4u>(value.lo);
            y[element / 4u + 1u] = bitcast<vec4u>(value.hi);
        }
    }
}

/// `write_row` of all.
fn write(query: u32, column: u32, owned: bool) {
    write_row(0u, query, column, owned);
    write_row(1u, query, column, owned);
    write_row(2u, query, column, owned);
    write_row(3u, query, column, owned);
    write_row(4u, query, column, owned);
    write_row(5u, query, column, owned);
    write_row(6u, query, column, owned);
    write_row(7u, query, column, owned);
    write_row(8u, query, column, owned);
    write_row(9u, query, column, owned);
    write_row(10u, query, column, owned);
    write_row(11u, query, column, owned);
    write_row(12u, query, column, owned);
    write_row(13u, query, column, owned);
    write_row(14u, query, column, owned);
    write_row(15u, query, column, owned);
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
    var end = params.keys;
    if CAUSAL {
        end = min(end, params.first_query + query + BAND_ROWS);
    }
    tops[0] = NEVER;
    tops[1] = NEVER;
    tops[2] = NEVER;
    tops[3] = NEVER;
    tops[4] = NEVER;
    tops[5] = NEVER;
    tops[6] = NEVER;
    tops[7] = NEVER;
    tops[8] = NEVER;
    tops[9] = NEVER;
    tops[10] = NEVER;
    tops[11] = NEVER;
    tops[12] = NEVER;
    tops[13] = NEVER;
    tops[14] = NEVER;
    tops[15] = NEVER;
    for (var key = 0u; key < end; key += KEYS) {
        score(lane, query, key + lane * 4u, first);
        weigh(query, key + lane * 4u);
        mix(key, column);
    }
    write(query, column, own < params.head_dim);
}
