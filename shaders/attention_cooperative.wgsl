// Attention over all heads by matrix units: y = softmax(q · kᵀ / √head_dim) · v, head by head.
//
//   q  [queries, pitch]   k, v  [keys, pitch]   y  [queries, y_pitch]     halves, heads side by side in a row
//
// A workgroup takes QUERIES queries of a head, each of its subgroups 16, and goes over the keys in blocks of
// KEYS. Scores and the product with v are made by matrix units; both pass through workgroup memory, where
// rows belong to lanes: the running maxima, sums and outputs of a row stay in plain registers, ROW_LANES
// lanes to a row (or LANE_ROWS rows to a lane where subgroups are smaller). `Heads` in
// gpu/cores/cooperative.rs writes the sizes in front, with shared/attention_vectors.wgsl or attention_scalars.wgsl.
//
// No subgroup operation is used: some drivers fail to compile them beside cooperative matrices.
//
// CPU twin: cpu::attention.  Agreement: NMSE < 1e-6 in halves.

alias Piece = mat2x4<f16>;

override CAUSAL: bool = false;

@group(0) @binding(1) var<storage, read> q: array<Piece>;
@group(0) @binding(2) var<storage, read> k: array<Piece>;
@group(0) @binding(3) var<storage, read> v: array<Piece>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4u>;

/// Pieces of eight numbers in a row of a head; a piece of padding after them puts rows into different banks.
const PIECES: u32 = HEAD_DIM / 8u;
const STRIDE: u32 = PIECES + 1u;
/// The same of a row of shares, or of a query.
const SHARE_STRIDE: u32 = max(KEYS, HEAD_DIM) / 8u + 1u;
/// Vectors in a row of scores, with padding.
const SCORE_STRIDE: u32 = KEYS / 4u + 1u;
/// Vectors of four keys that a lane has of a row.
const LANE_KEYS: u32 = KEYS / 4u / ROW_LANES;

/// Vectors of the keys of a block, and of its values.
const KEY_FOURS: u32 = 2u * KEYS * STRIDE;
/// Those of the shares.
const SHARE_FOURS: u32 = 2u * QUERIES * SHARE_STRIDE;
/// Those of the scores.
const SCORE_FOURS: u32 = QUERIES * SCORE_STRIDE;

/// Which keys of a block a query sees: those that are there and, where attention is causal, not after it.
fn visible(first: u32, query: u32) -> u32 {
    var end = params.keys;
    if CAUSAL {
        end = min(end, query + 1u);
    }
    return max(end, first) - first;
}

/// Scores of four keys from the `key`-th of the block on; those that are not seen become `hidden`.
fn masked(value: vec4f, key: u32, seen: u32, hidden: f32) -> vec4f {
    if seen >= KEYS {
        return value;
    }
    return select(vec4f(hidden), value, vec4u(key, key + 1u, key + 2u, key + 3u) < vec4u(seen));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let down = (params.queries + QUERIES - 1u) / QUERIES;
    let number = flat_workgroup(workgroup, grid);
    if number / down < params.heads {
        attend(number / down, number % down * QUERIES, lane);
    }
}

/// The outputs of a head for the window's queries from `first_query` on.
fn attend(head: u32, first_query: u32, lane: u32) {
    let pitch = params.pitch / 8u;
    let k_column = params.k_column / 8u;
    let v_column = params.v_column / 8u;
    let column = head * PIECES;
    let subgroup = lane / SUBGROUP_LANES;
    let own = subgroup * ROWS;
    let row = own + lane % SUBGROUP_LANES / ROW_LANES;
    let share = lane % ROW_LANES;

    for (var i = lane; i < QUERIES * PIECES; i += LANES) {
        let query = min(first_query + i / PIECES, params.queries - 1u) + params.q_skip;
        let piece = q[query * pitch + column + i % PIECES];
        let place = 2u * (i / PIECES * SHARE_STRIDE + i % PIECES);
        put_share(place, piece[0]);
        put_share(place + 1u, piece[1]);
    }
    workgroupBarrier();
    var queries: array<Left, ROW_FRAGMENTS * DIM_FRAGMENTS>; // in registers
    for (var r = 0u; r < ROW_FRAGMENTS; r++) { // unrolled
        for (var d = 0u; d < DIM_FRAGMENTS; d++) { // unrolled
            let place = 2u * ((own + r * FRAGMENT) * SHARE_STRIDE + d * FRAGMENT / 8u);
            queries[r * DIM_FRAGMENTS + d] =
                coopLoadT<Left>(&shares[PER_FOUR * place], PER_FOUR * 2u * SHARE_STRIDE);
        }
    }

    var maxima: array<f32, LANE_ROWS>; // in registers
    var totals: array<f32, LANE_ROWS>; // in registers
    var outputs: array<vec4f, LANE_ROWS * LANE_OUTPUTS>; // in registers
    for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
        maxima[r] = NEVER;
    }
    var end = params.keys;
    if CAUSAL {
        end = min(end, params.first_query + first_query + QUERIES);
    }
    for (var first = 0u; first < end; first += KEYS) {
        workgroupBarrier();
        for (var i = lane; i < KEYS * PIECES; i += LANES) {
            let key = min(first + i / PIECES, params.keys - 1u);
            let place = 2u * (i / PIECES * STRIDE + i % PIECES);
            let of_key = k[(key + params.k_skip) * pitch + k_column + column + i % PIECES];
            let of_value = v[(key + params.v_skip) * pitch + v_column + column + i % PIECES];
            put_key(place, of_key[0]);
            put_key(place + 1u, of_key[1]);
            put_value(place, of_value[0]);
            put_value(place + 1u, of_value[1]);
        }
        workgroupBarrier();

        var sums: array<Sums, ROW_FRAGMENTS * KEY_FRAGMENTS>; // in registers
        for (var j = 0u; j < KEY_FRAGMENTS; j++) { // unrolled
            for (var d = 0u; d < DIM_FRAGMENTS; d++) { // unrolled
                let place = 2u * (j * FRAGMENT * STRIDE + d * FRAGMENT / 8u);
                let keys = coopLoad<Right>(&key_tile[PER_FOUR * place], PER_FOUR * 2u * STRIDE);
                for (var r = 0u; r < ROW_FRAGMENTS; r++) { // unrolled
                    sums[r * KEY_FRAGMENTS + j] =
                        coopMultiplyAdd(queries[r * DIM_FRAGMENTS + d], keys, sums[r * KEY_FRAGMENTS + j]);
                }
            }
        }
        for (var r = 0u; r < ROW_FRAGMENTS; r++) { // unrolled
            for (var j = 0u; j < KEY_FRAGMENTS; j++) { // unrolled
                let place = (own + r * FRAGMENT) * SCORE_STRIDE + j * FRAGMENT / 4u;
                coopStoreT(sums[r * KEY_FRAGMENTS + j], &scores[PER_FOUR * place], PER_FOUR * SCORE_STRIDE);
            }
        }
        workgroupBarrier();

        for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
            let line = row + r * SUBGROUP_LANES;
            let place = line * SCORE_STRIDE;
            let seen = visible(first, params.first_query + first_query + line);
            var top = vec4f(NEVER);
            for (var i = 0u; i < KEYS / 4u; i++) {
                top = max(top, masked(score(place + i), 4u * i, seen, NEVER));
            }
            let best = max(maxima[r], params.scale * max(max(top.x, top.y), max(top.z, top.w)));
            let fade = exp2(maxima[r] - best);
            maxima[r] = best;
            var total = vec4f();
            for (var i = 0u; i < LANE_KEYS; i++) {
                let quad = share * LANE_KEYS + i;
                let value = exp2(params.scale * score(place + quad) - best);
                let part = masked(value, 4u * quad, seen, 0.0);
                total += part;
                put_share(2u * line * SHARE_STRIDE + quad, vec4<f16>(part));
            }
            totals[r] = totals[r] * fade + total.x + total.y + total.z + total.w;
            for (var i = 0u; i < LANE_OUTPUTS; i++) { // unrolled
                outputs[r * LANE_OUTPUTS + i] *= fade;
            }
        }
        workgroupBarrier();

        var shared_out: array<Left, ROW_FRAGMENTS * KEY_FRAGMENTS>; // in registers
        for (var r = 0u; r < ROW_FRAGMENTS; r++) { // unrolled
            for (var j = 0u; j < KEY_FRAGMENTS; j++) { // unrolled
                let place = 2u * ((own + r * FRAGMENT) * SHARE_STRIDE + j * FRAGMENT / 8u);
                shared_out[r * KEY_FRAGMENTS + j] =
                    coopLoadT<Left>(&shares[PER_FOUR * place], PER_FOUR * 2u * SHARE_STRIDE);
            }
        }
        for (var p = 0u; p < PARTS; p++) { // unrolled
            for (var d = 0u; d < PART_FRAGMENTS; d++) { // unrolled
                var products: array<Sums, ROW_FRAGMENTS>; // in registers
                for (var j = 0u; j < KEY_FRAGMENTS; j++) { // unrolled
                    let place = 2u * (j * FRAGMENT * STRIDE + (p * PART_FRAGMENTS + d) * FRAGMENT / 8u);
                    let values = coopLoadT<Right>(&value_tile[PER_FOUR * place], PER_FOUR * 2u * STRIDE);
                    for (var r = 0u; r < ROW_FRAGMENTS; r++) { // unrolled
                        products[r] = coopMultiplyAdd(shared_out[r * KEY_FRAGMENTS + j], values, products[r]);
                    }
                }
                for (var r = 0u; r < ROW_FRAGMENTS; r++) { // unrolled
                    let place = (own + r * FRAGMENT) * SCORE_STRIDE + d * FRAGMENT / 4u;
                    coopStoreT(products[r], &scores[PER_FOUR * place], PER_FOUR * SCORE_STRIDE);
                }
            }
            workgroupBarrier();
            for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
                let place = (row + r * SUBGROUP_LANES) * SCORE_STRIDE + share * LANE_PART;
                for (var i = 0u; i < LANE_PART; i++) { // unrolled
                    outputs[r * LANE_OUTPUTS + p * LANE_PART + i] += score(place + i);
                }
            }
            if p + 1u < PARTS {
                workgroupBarrier();
            }
        }
    }

    // The lanes of a row add what each has of its total.
    workgroupBarrier();
    for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
        put_total((row + r * SUBGROUP_LANES) * SCORE_STRIDE + share, totals[r]);
    }
    workgroupBarrier();
    for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
        let line = row + r * SUBGROUP_LANES;
        var total = 0.0;
        for (var i = 0u; i < ROW_LANES; i++) {
            total += total_of(line * SCORE_STRIDE + i);
        }
        if first_query + line < params.queries {
            let y_row = (first_query + line + params.y_skip) * (params.y_pitch / 8u);
            let place = y_row + column + share * LANE_PART / 2u;
            for (var p = 0u; p < PARTS; p++) { // unrolled
                for (var i = 0u; i < LANE_PAIRS; i++) { // unrolled
                    let lo = outputs[r * LANE_OUTPUTS + p * LANE_PART + 2u * i];
                    let hi = outputs[r * LANE_OUTPUTS + p * LANE_PART + 2u * i + 1u];
                    y[place + p * (HEAD_DIM / PARTS / 8u) + i] = pack_eight(Eight(lo / total, hi / total));
                }
            }
        }
    }
}
