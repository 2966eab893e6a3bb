// Attention over all heads by matrix units: y = softmax(q · kᵀ / √head_dim) · v, head by head.
//
//   q  [queries, pitch]   k, v  [keys, pitch]   y  [queries, y_pitch]     halves, heads side by side in a row
//
// A workgroup takes QUERIES queries of a head, each of its subgroups ROWS, and goes over the keys in blocks of KEYS.
// Scores and the product with v are made by matrix units; the outputs stay in their registers. Scores pass through
// workgroup memory, where rows belong to lanes: ROW_LANES lanes to a row, or LANE_ROWS rows to a lane where subgroups are
// smaller, which have the row's maximum and total in registers. What an exponential is taken of is compared with an earlier
// maximum as long as none is LEEWAY greater: only then must outputs be made smaller, which takes them through workgroup
// memory. `Heads` in gpu/cores/cooperative.rs writes the sizes in front, with shared/attention_vectors.wgsl or
// attention_scalars.wgsl, and eight_words.wgsl.
//
// No subgroup operation is used: some drivers fail to compile them beside cooperative matrices.
//
// CPU twin: cpu::attention.  Agreement: NMSE < 1e-6 in halves.

override CAUSAL: bool = false;

@group(0) @binding(1) var<storage, read> q: array<Halves>;
@group(0) @binding(2) var<storage, read> k: array<Halves>;
@group(0) @binding(3) var<storage, read> v: array<Halves>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4u>;

/// Pieces of eight numbers in a row of a head; a piece of padding after them puts rows into different banks.
const PIECES: u32 = HEAD_DIM / 8u;
const STRIDE: u32 = PIECES + 1u;
/// Pieces in a row of a part of a head, which is as wide as a block has keys.
const PART_PIECES: u32 = KEYS / 8u;
/// The same of a row of shares, or of a part of a query, with padding.
const SHARE_STRIDE: u32 = PART_PIECES + 1u;
/// Vectors in a row of scores, or of a part of the outputs, with padding.
const SCORE_STRIDE: u32 = KEYS / 4u + 1u;

/// Vectors of the keys of a block, and of its values.
const KEY_FOURS: u32 = 2u * KEYS * STRIDE;
/// Those of the shares.
const SHARE_FOURS: u32 = 2u * QUERIES * SHARE_STRIDE;
/// Those of the scores.
const SCORE_FOURS: u32 = QUERIES * SCORE_STRIDE;

/// By how much a score, in powers of two, may be above its row's maximum: a share is then 256 at the most, as exact in
/// halves as 1.
const LEEWAY: f32 = 8.0;

/// Whether the scores of a row have risen by more.
var<workgroup> risen: atomic<u32>;

/// Which keys of a block a query sees: those that are there and, where attention is causal, not after it.
fn visible(first: u32, query: u32) -> u32 {
    var end = params.keys;
    if CAUSAL {
        end = min(end, query + 1u);
    }
    return max(end, first) - first;
}

/// Whether four keys from the `key`-th of the block on are seen.
fn are_seen(key: u32, seen: u32) -> vec4<bool> {
    return vec4u(key, key + 1u, key + 2u, key + 3u) < vec4u(seen);
}

/// The greatest score of a row.
fn greatest(line: u32, seen: u32) -> f32 {
    let place = line * SCORE_STRIDE;
    var top = vec4f(NEVER);
    if seen >= KEYS {
        for (var i = 0u; i < KEYS / 4u; i++) {
            top = max(top, score(place + i));
        }
    } else {
        for (var i = 0u; i < KEYS / 4u; i++) {
            top = max(top, select(vec4f(NEVER), score(place + i), are_seen(4u * i, seen)));
        }
    }
    return params.scale * max(max(top.x, top.y), max(top.z, top.w));
}

/// Makes a lane's scores of a row the keys' shares, and answers their sum.
fn share_out(line: u32, share: u32, seen: u32, maximum: f32) -> f32 {
    var total = vec4f();
    for (var i = 0u; i < LANE_QUADS; i++) {
        let quad = share * LANE_QUADS + i;
        var part = exp2(params.scale * score(line * SCORE_STRIDE + quad) - maximum);
        if seen < KEYS {
            part = select(vec4f(), part, are_seen(4u * quad, seen));
        }
        total += part;
        put_share(2u * line * SHARE_STRIDE + quad, vec4<f16>(part));
    }
    return total.x + total.y + total.z + total.w;
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
    let column = head * PIECES;
    let k_column = params.k_column / 8u + column + lane % PIECES;
    let v_column = params.v_column / 8u + column + lane % PIECES;
    let subgroup = lane / SUBGROUP_LANES;
    let own = subgroup * ROWS;
    let row = own + lane % SUBGROUP_LANES / ROW_LANES;
    let share = lane % ROW_LANES;

    var queries: array<Left, ROW_FRAGMENTS * DIM_FRAGMENTS>; // in registers
    for (var p = 0u; p < PARTS; p++) { // unrolled
        for (var i = lane; i < QUERIES * PART_PIECES; i += LANES) {
            let query = min(first_query + i / PART_PIECES, params.queries - 1u) + params.q_skip;
            let words = q[query * pitch + column + p * PART_PIECES + i % PART_PIECES];
            let place = 2u * (i / PART_PIECES * SHARE_STRIDE + i % PART_PIECES);
            put_share(place, four_of(words.xy));
            put_share(place + 1u, four_of(words.zw));
        }
        workgroupBarrier();
        for (var r = 0u; r < ROW_FRAGMENTS; r++) { // unrolled
            for (var d = 0u; d < PART_FRAGMENTS; d++) { // unrolled
                let place = 2u * ((own + r * FRAGMENT) * SHARE_STRIDE + d * FRAGMENT / 8u);
                queries[r * DIM_FRAGMENTS + p * PART_FRAGMENTS + d] =
                    coopLoadT<Left>(&shares[PER_FOUR * place], PER_FOUR * 2u * SHARE_STRIDE);
            }
        }
        workgroupBarrier();
    }

    var maxima: array<f32, LANE_ROWS>; // in registers
    var totals: array<f32, LANE_ROWS>; // in registers
    var outputs: array<Sums, ROW_FRAGMENTS * DIM_FRAGMENTS>; // in registers
    if lane == 0u {
        atomicStore(&risen, 0u);
    }
    var end = params.keys;
    if CAUSAL {
        end = min(end, params.first_query + first_query + QUERIES);
    }

    // Keys and values of the next block are asked for before those of this one are multiplied.
    var keys: array<Halves, FETCHED>; // in registers
    var values: array<Halves, FETCHED>; // in registers
    for (var i = 0u; i < FETCHED; i++) { // unrolled
        let key = min((lane + i * LANES) / PIECES, params.keys - 1u);
        keys[i] = k[(key + params.k_skip) * pitch + k_column];
        values[i] = v[(key + params.v_skip) * pitch + v_column];
    }
    for (var first = 0u; first < end; first += KEYS) {
        workgroupBarrier();
        for (var i = 0u; i < FETCHED; i++) { // unrolled
            let place = 2u * ((lane + i * LANES) / PIECES * STRIDE + lane % PIECES);
            put_key(place, four_of(keys[i].xy));
            put_key(place + 1u, four_of(keys[i].zw));
            put_value(place, four_of(values[i].xy));
            put_value(place + 1u, four_of(values[i].zw));
        }
        workgroupBarrier();
        for (var i = 0u; i < FETCHED; i++) { // unrolled
            let key = min(first + KEYS + (lane + i * LANES) / PIECES, params.keys - 1u);
            keys[i] = k[(key + params.k_skip) * pitch + k_column];
            values[i] = v[(key + params.v_skip) * pitch + v_column];
        }

        var sums: array<Sums, ROW_FRAGMENTS * KEY_FRAGMENTS>; // in registers
        for (var j = 0u; j < KEY_FRAGMENTS; j++) { // unrolled
            for (var d = 0u; d < DIM_FRAGMENTS; d++) { // unrolled
                let place = 2u * (j * FRAGMENT * STRIDE + d * FRAGMENT / 8u);
                let of_keys = coopLoad<Right>(&key_tile[PER_FOUR * place], PER_FOUR * 2u * STRIDE);
                for (var r = 0u; r < ROW_FRAGMENTS; r++) { // unrolled
                    sums[r * KEY_FRAGMENTS + j] =
                        coopMultiplyAdd(queries[r * DIM_FRAGMENTS + d], of_keys, sums[r * KEY_FRAGMENTS + j]);
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

        var greater: array<f32, LANE_ROWS>; // in registers
        var added: array<f32, LANE_ROWS>; // in registers
        for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
            let line = row + r * SUBGROUP_LANES;
            let seen = visible(first, params.first_query + first_query + line);
            let best = greatest(line, seen);
            if first == 0u {
                maxima[r] = best;
            }
            greater[r] = max(maxima[r], best);
            if best > maxima[r] + LEEWAY {
                atomicStore(&risen, 1u);
            }
            added[r] = share_out(line, share, seen, maxima[r]);
        }
        if workgroupUniformLoad(&risen) != 0u {
            var fading: array<f32, LANE_ROWS>; // in registers
            for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
                let line = row + r * SUBGROUP_LANES;
                let seen = visible(first, params.first_query + first_query + line);
                fading[r] = exp2(maxima[r] - greater[r]);
                maxima[r] = greater[r];
                totals[r] *= fading[r];
                added[r] = share_out(line, share, seen, maxima[r]);
            }
            workgroupBarrier();
            for (var p = 0u; p < PARTS; p++) { // unrolled
                for (var f = 0u; f < ROW_FRAGMENTS; f++) { // unrolled
                    for (var d = 0u; d < PART_FRAGMENTS; d++) { // unrolled
                        let place = (own + f * FRAGMENT) * SCORE_STRIDE + d * FRAGMENT / 4u;
                        coopStoreT(
                            outputs[f * DIM_FRAGMENTS + p * PART_FRAGMENTS + d],
                            &scores[PER_FOUR * place],
                            PER_FOUR * SCORE_STRIDE,
                        );
                    }
                }
                workgroupBarrier();
                for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
                    let place = (row + r * SUBGROUP_LANES) * SCORE_STRIDE + share * LANE_QUADS;
                    for (var i = 0u; i < LANE_QUADS; i++) {
                        put_score(place + i, score(place + i) * fading[r]);
                    }
                }
                workgroupBarrier();
                for (var f = 0u; f < ROW_FRAGMENTS; f++) { // unrolled
                    for (var d = 0u; d < PART_FRAGMENTS; d++) { // unrolled
                        let place = (own + f * FRAGMENT) * SCORE_STRIDE + d * FRAGMENT / 4u;
                        outputs[f * DIM_FRAGMENTS + p * PART_FRAGMENTS + d] =
                            coopLoadT<Sums>(&scores[PER_FOUR * place], PER_FOUR * SCORE_STRIDE);
                    }
                }
                workgroupBarrier();
            }
            if lane == 0u {
                atomicStore(&risen, 0u);
            }
            workgroupBarrier();
        }

        for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
            totals[r] += added[r];
        }
        for (var j = 0u; j < KEY_FRAGMENTS; j++) { // unrolled on GPUs
            var shared_out: array<Left, ROW_FRAGMENTS>; // in registers
            for (var f = 0u; f < ROW_FRAGMENTS; f++) { // unrolled
                let place = 2u * ((own + f * FRAGMENT) * SHARE_STRIDE + j * FRAGMENT / 8u);
                shared_out[f] = coopLoadT<Left>(&shares[PER_FOUR * place], PER_FOUR * 2u * SHARE_STRIDE);
            }
            for (var d = 0u; d < DIM_FRAGMENTS; d++) { // unrolled
                let place = 2u * (j * FRAGMENT * STRIDE + d * FRAGMENT / 8u);
                let of_values = coopLoadT<Right>(&value_tile[PER_FOUR * place], PER_FOUR * 2u * STRIDE);
                for (var f = 0u; f < ROW_FRAGMENTS; f++) { // unrolled
                    outputs[f * DIM_FRAGMENTS + d] =
                        coopMultiplyAdd(shared_out[f], of_values, outputs[f * DIM_FRAGMENTS + d]);
                }
            }
        }
    }

    // The lanes of a row add what each has of its total.
    for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
        put_total((row + r * SUBGROUP_LANES) * SCORE_STRIDE + share, totals[r]);
    }
    workgroupBarrier();
    for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
        totals[r] = 0.0;
        for (var i = 0u; i < ROW_LANES; i++) {
            totals[r] += total_of((row + r * SUBGROUP_LANES) * SCORE_STRIDE + i);
        }
    }
    for (var p = 0u; p < PARTS; p++) { // unrolled
        workgroupBarrier();
        for (var f = 0u; f < ROW_FRAGMENTS; f++) { // unrolled
            for (var d = 0u; d < PART_FRAGMENTS; d++) { // unrolled
                let place = (own + f * FRAGMENT) * SCORE_STRIDE + d * FRAGMENT / 4u;
                coopStoreT(
                    outputs[f * DIM_FRAGMENTS + p * PART_FRAGMENTS + d],
                    &scores[PER_FOUR * place],
                    PER_FOUR * SCORE_STRIDE,
                );
            }
        }
        workgroupBarrier();
        for (var r = 0u; r < LANE_ROWS; r++) { // unrolled
            let line = row + r * SUBGROUP_LANES;
            if first_query + line < params.queries {
                let y_row = (first_query + line + params.y_skip) * (params.y_pitch / 8u);
                for (var i = 0u; i < LANE_QUADS / 2u; i++) {
                    let eight = share * LANE_QUADS / 2u + i;
                    let place = line * SCORE_STRIDE + 2u * eight;
                    y[y_row + column + p * PART_PIECES + eight] =
                        pack_eight(Eight(score(place) / totals[r], score(place + 1u) / totals[r]));
                }
            }
        }
    }
}
