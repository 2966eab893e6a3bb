// Softmax(q · kᵀ · scale) · v for each head, without the matrix of scores.
//
//   q  [queries, pitch]   k, v  [keys, pitch]   y  [queries, y_pitch]   halves or f32, heads side by side in a row
//
// One workgroup for 64 queries and 64 numbers of one head (shared/tile.wgsl). It goes through the
// keys in blocks of 64: scores as a product of tiles, a running maximum and sum for every query
// (the sums so far are scaled when the maximum grows), weights times values as a second product.
// A head wider than 64 is several workgroups, each of which computes the scores again.
//
// A head starts at `head · head_dim`. Where that is a multiple of four (`ALIGNED`), four numbers lie
// together; other widths are read one by one, which is slower. Where it is odd, two heads share a
// word of halves: then (`SHARED_WORDS`) one workgroup computes all heads in turn, and writes even
// places before odd ones.
//
// CPU twin: cpu::attention.  Agreement: NMSE < 1e-7 in f32, 1e-6 in halves.

override ALIGNED: bool = true;
override SHARED_WORDS: bool = false;
/// Rows and columns of the tile, where nothing else is said.
const TILE: u32 = 64u;

@group(0) @binding(1) var<storage, read> q: array<vec2u>;
@group(0) @binding(2) var<storage, read> k: array<vec2u>;
@group(0) @binding(3) var<storage, read> v: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> y: array<u32>;

/// For each row, what each of the eight lanes that share it has found.
var<workgroup> found: array<f32, 512>;

/// A pair of words as four halves or two f32.
fn four_of(words: vec2u) -> vec4f {
    return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}

/// One number of a vector that holds four halves or two f32.
fn one_of(words: vec2u, element: u32, half: bool) -> f32 {
    if half {
        return unpack2x16float(words[element / 2u % 2u])[element % 2u];
    }
    return bitcast<f32>(words[element % 2u]);
}

fn load_q(row: u32, first: u32, column: u32) -> vec4f {
    var four: vec4f;
    let element = (min(row, params.queries - 1u) + params.q_skip) * params.pitch + first + column;
    if ALIGNED {
        if column < params.head_dim {
            if Q_HALF {
                return four_of(q[element / 4u]);
            }
            return vec4f(bitcast<vec2f>(q[element / 2u]), bitcast<vec2f>(q[element / 2u + 1u]));
        }
        return four;
    }
    for (var i = 0u; i < 4u && column + i < params.head_dim; i++) {
        four[i] = one_of(q[(element + i) / select(2u, 4u, Q_HALF)], element + i, Q_HALF);
    }
    return four;
}

fn load_k(row: u32, first: u32, column: u32) -> vec4f {
    var four: vec4f;
    let element = (min(row, params.keys - 1u) + params.k_skip) * params.pitch + params.k_column + first + column;
    if ALIGNED {
        if column < params.head_dim {
            if K_HALF {
                return four_of(k[element / 4u]);
            }
            return vec4f(bitcast<vec2f>(k[element / 2u]), bitcast<vec2f>(k[element / 2u + 1u]));
        }
        return four;
    }
    for (var i = 0u; i < 4u && column + i < params.head_dim; i++) {
        four[i] = one_of(k[(element + i) / select(2u, 4u, K_HALF)], element + i, K_HALF);
    }
    return four;
}

fn load_v(row: u32, first: u32, column: u32) -> vec4f {
    var four: vec4f;
    let element = (min(row, params.keys - 1u) + params.v_skip) * params.pitch + params.v_column + first + column;
    if ALIGNED {
        if column < params.head_dim {
            if V_HALF {
                return four_of(v[element / 4u]);
            }
            return vec4f(bitcast<vec2f>(v[element / 2u]), bitcast<vec2f>(v[element / 2u + 1u]));
        }
        return four;
    }
    for (var i = 0u; i < 4u && column + i < params.head_dim; i++) {
        four[i] = one_of(v[(element + i) / select(2u, 4u, V_HALF)], element + i, V_HALF);
    }
    return four;
}

/// Scores of 64 queries and 64 keys of the head that starts at `first`.
fn score(lane: u32, query: u32, key: u32, first: u32, scores: ptr<function, Sums>) {
    let quad = lane % 16u;
    let step = lane / 16u * 4u;
    let row = query + quad * 4u;
    let column = key + quad * 4u;
    for (var depth = 0u; depth < params.head_dim; depth += DEPTH) {
        let d = depth + step;
        let queries = mat4x4f(
            load_q(row, first, d),
            load_q(row + 1u, first, d),
            load_q(row + 2u, first, d),
            load_q(row + 3u, first, d),
        );
        let keys = mat4x4f(
            load_k(column, first, d),
            load_k(column + 1u, first, d),
            load_k(column + 2u, first, d),
            load_k(column + 3u, first, d),
        );
        workgroupBarrier();
        put_left(quad, step, queries);
        put_right(quad, step, keys);
        workgroupBarrier();
        multiply_tiles(lane, scores);
    }
}

/// What a lane keeps of its eight rows over all keys: upper four and lower four.
struct Running {
    /// The largest score, the same in all lanes that share the row.
    top: array<f32, 8>,
    /// The sum of the weights in the lane's own columns.
    total: array<f32, 8>,
}

/// Scales a row's scores, hides the keys that its query does not see, and tells the other lanes the
/// largest.
fn announce_row(lane: u32, i: u32, query: u32, key: u32, scores: ptr<function, Sums>) {
    let limit = min(params.keys, params.first_query + query + tile_row(lane, i) + 1u);
    let near = vec4u(key + tile_column(lane, 0u)) + vec4u(0u, 1u, 2u, 3u);
    let a = select(vec4f(NEVER), (*scores)[2u * i] * params.scale, near < vec4u(limit));
    let b = select(vec4f(NEVER), (*scores)[2u * i + 1u] * params.scale, near + 32u < vec4u(limit));
    (*scores)[2u * i] = a;
    (*scores)[2u * i + 1u] = b;
    let most = max(a, b);
    found[tile_row(lane, i) * 8u + lane % 8u] = max(max(most.x, most.y), max(most.z, most.w));
}

/// `announce_row` of all eight; the rows are constants, as `shared/tile.wgsl` asks.
fn announce(lane: u32, query: u32, key: u32, scores: ptr<function, Sums>) {
    announce_row(lane, 0u, query, key, scores);
    announce_row(lane, 1u, query, key, scores);
    announce_row(lane, 2u, query, key, scores);
    announce_row(lane, 3u, query, key, scores);
    announce_row(lane, 4u, query, key, scores);
    announce_row(lane, 5u, query, key, scores);
    announce_row(lane, 6u, query, key, scores);
    announce_row(lane, 7u, query, key, scores);
}

/// Turns a row's scores into weights, and what was summed before to the new maximum.
fn weigh_row(lane: u32, i: u32, running: ptr<function, Running>, scores: ptr<function, Sums>, sums: ptr<function, Sums>) {
    let before = (*running).top[i];
    var top = before;
    for (var other = 0u; other < 8u; other++) {
        top = max(top, found[tile_row(lane, i) * 8u + other]);
    }
    let a = exp2((*scores)[2u * i] - top);
    let b = exp2((*scores)[2u * i + 1u] - top);
    (*scores)[2u * i] = a;
    (*scores)[2u * i + 1u] = b;
    let decay = exp2(before - top);
    (*running).top[i] = top;
    (*running).total[i] = (*running).total[i] * decay + dot(a + b, vec4f(1.0));
    (*sums)[2u * i] *= decay;
    (*sums)[2u * i + 1u] *= decay;
}

/// `weigh_row` of all eight.
fn weigh(lane: u32, running: ptr<function, Running>, scores: ptr<function, Sums>, sums: ptr<function, Sums>) {
    weigh_row(lane, 0u, running, scores, sums);
    weigh_row(lane, 1u, running, scores, sums);
    weigh_row(lane, 2u, running, scores, sums);
    weigh_row(lane, 3u, running, scores, sums);
    weigh_row(lane, 4u, running, scores, sums);
    weigh_row(lane, 5u, running, scores, sums);
    weigh_row(lane, 6u, running, scores, sums);
    weigh_row(lane, 7u, running, scores, sums);
}

/// Adds the weighted values of 64 keys.
fn mix(lane: u32, key: u32, first: u32, chunk: u32, scores: ptr<function, Sums>, sums: ptr<function, Sums>) {
    let quad = lane % 16u;
    let step = lane / 16u;
    for (var slice = 0u; slice < 4u; slice++) {
        workgroupBarrier();
        // The weights of 16 keys lie in the lanes of four columns, in one half of the tile.
        if lane % 8u / 4u == slice % 2u {
            let depth = lane % 4u * 4u;
            if slice < 2u {
                put_left(lane / 8u, depth, mat4x4f((*scores)[0], (*scores)[2], (*scores)[4], (*scores)[6]));
                put_left(8u + lane / 8u, depth, mat4x4f((*scores)[8], (*scores)[10], (*scores)[12], (*scores)[14]));
            } else {
                put_left(lane / 8u, depth, mat4x4f((*scores)[1], (*scores)[3], (*scores)[5], (*scores)[7]));
                put_left(8u + lane / 8u, depth, mat4x4f((*scores)[9], (*scores)[11], (*scores)[13], (*scores)[15]));
            }
        }
        for (var i = step; i < DEPTH; i += 4u) {
            right_tile[i * 16u + quad] = load_v(key + slice * DEPTH + i, first, chunk + quad * 4u);
        }
        workgroupBarrier();
        multiply_tiles(lane, sums);
    }
}

/// The sum of all weights of a row.
fn total_of(row: u32) -> f32 {
    var total = 0.0;
    for (var other = 0u; other < 8u; other++) {
        total += found[row * 8u + other];
    }
    return total;
}

/// Tells the other lanes the sums of the weights in this lane's columns.
fn announce_totals(lane: u32, running: ptr<function, Running>) {
    found[tile_row(lane, 0u) * 8u + lane % 8u] = (*running).total[0];
    found[tile_row(lane, 1u) * 8u + lane % 8u] = (*running).total[1];
    found[tile_row(lane, 2u) * 8u + lane % 8u] = (*running).total[2];
    found[tile_row(lane, 3u) * 8u + lane % 8u] = (*running).total[3];
    found[tile_row(lane, 4u) * 8u + lane % 8u] = (*running).total[4];
    found[tile_row(lane, 5u) * 8u + lane % 8u] = (*running).total[5];
    found[tile_row(lane, 6u) * 8u + lane % 8u] = (*running).total[6];
    found[tile_row(lane, 7u) * 8u + lane % 8u] = (*running).total[7];
}

/// Writes one number; a half leaves the other half of its word alone if it is the upper one, and
/// clears it if it is the lower one.
fn write_one(element: u32, value: f32) {
    if !Y_HALF {
        y[element] = bitcast<u32>(value);
    } else if element % 2u == 0u {
        y[element / 2u] = pack2x16float(vec2f(value, 0.0));
    } else {
        y[element / 2u] |= pack2x16float(vec2f(0.0, value));
    }
}

/// Writes those of four numbers that are within the head, and of `parity` where words are shared.
fn write_four(element: u32, count: u32, parity: u32, value: vec4f) {
    if Y_HALF && !SHARED_WORDS {
        y[element / 2u] = pack2x16float(value.xy);
        if count > 2u {
            y[element / 2u + 1u] = pack2x16float(value.zw);
        }
        return;
    }
    for (var i = 0u; i < min(count, 4u); i++) {
        if !SHARED_WORDS || (element + i) % 2u == parity {
            write_one(element + i, value[i]);
        }
    }
}

/// Writes a tile of one head from column `chunk` on.
fn write_tile(lane: u32, query: u32, first: u32, chunk: u32, parity: u32, sums: ptr<function, Sums>) {
    for (var i = 0u; i < 16u; i++) {
        let place = tile_row(lane, i / 2u);
        let row = query + place;
        let column = chunk + tile_column(lane, i % 2u);
        if row < params.queries && column < params.head_dim {
            let element = (row + params.y_skip) * params.y_pitch + first + column;
            write_four(element, params.head_dim - column, parity, (*sums)[0] / total_of(place));
        }
        turn(sums);
    }
}

/// Fills the end of a row, which no head owns, with zeros.
fn write_padding(row: u32) {
    if row >= params.queries {
        return;
    }
    let start = (row + params.y_skip) * params.y_pitch;
    let used = params.heads * params.head_dim;
    if Y_HALF {
        for (var word = (used + 1u) / 2u; word < params.y_pitch / 2u; word++) {
            y[start / 2u + word] = 0u;
        }
    } else {
        for (var element = used; element < params.y_pitch; element++) {
            y[start + element] = 0u;
        }
    }
}

/// All keys for 64 queries and 64 columns of one head.
fn attend(lane: u32, query: u32, first: u32, chunk: u32) {
    var sums: Sums;
    var running: Running;
    running.top = array<f32, 8>(NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER);
    let end = min(params.keys, params.first_query + query + TILE);
    for (var key = 0u; key < end; key += TILE) {
        var scores: Sums;
        score(lane, query, key, first, &scores);
        announce(lane, query, key, &scores);
        workgroupBarrier();
        weigh(lane, &running, &scores, &sums);
        mix(lane, key, first, chunk, &scores, &sums);
    }
    announce_totals(lane, &running);
    workgroupBarrier();
    write_tile(lane, query, first, chunk, 0u, &sums);
    if SHARED_WORDS {
        storageBarrier();
        write_tile(lane, query, first, chunk, 1u, &sums);
        storageBarrier();
    }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.queries + TILE - 1u) / TILE;
    let chunks = (params.head_dim + TILE - 1u) / TILE;
    let number = flat_workgroup(workgroup, grid);
    let query = number % tiles * TILE;
    var unit = number / tiles;
    var end = unit + 1u;
    if SHARED_WORDS {
        end = params.heads * chunks * select(0u, 1u, unit == 0u);
    }
    end = min(end, params.heads * chunks);
    for (; unit < end; unit++) {
        attend(lane, query, unit / chunks * params.head_dim, unit % chunks * TILE);
        if unit + 1u == params.heads * chunks {
            write_padding(query + lane);
        }
    }
}
