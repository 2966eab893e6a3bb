// Reading a packed weight.
//
//   weight  [K' / 2, columns] pairs (k, k + 1) of halves, or [K', columns] f32, or for each 32 rows
//           [columns / 2] pairs of scales, in halves, and [8, columns] words of bytes, four rows each, or
//           [columns] scales and shifts, in halves, and [4, columns] words of four bits, eight rows each
//
// A value may take a weight's place, its rows as they lie: then rows are columns of the matrix, [columns, depth] in f32
// (3) or halves (4), or rows of it, [depth, columns] in f32 (0) or halves (5).
//
// The kernel's `Params` has columns.

/// How its numbers are stored, as `Stored` in gpu/stored.rs has it: f32, pairs of halves, bytes with scales, or (6) four bits.
override W_STORED: u32 = 0u;

@group(0) @binding(2) var<storage, read> weight: array<vec4u>;

/// Rows k and k + 1 (k even) of four columns.
struct WeightPair {
    even: vec4f,
    odd: vec4f,
}

/// The same of bytes. An integer times a scale is a number that f32 holds exactly.
fn load_bytes(k: u32, column: u32) -> WeightPair {
    let eighths = params.columns / 8u;
    let block = k / 32u * (17u * eighths);
    let four = weight[block + column / 8u];
    let pairs = select(four.xy, four.zw, (column & 4u) != 0u);
    let scale = vec4f(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
    let words = bitcast<vec4i>(weight[block + eighths + k % 32u / 4u * (2u * eighths) + column / 4u]);
    let first = k % 4u * 8u;
    let even = vec4f(extractBits(words, first, 8u)) * scale;
    return WeightPair(even, vec4f(extractBits(words, first + 8u, 8u)) * scale);
}

/// The same of four bits. An integer times a scale is exact here, too, and the sum is rounded once.
fn load_nibbles(k: u32, column: u32) -> WeightPair {
    let quads = params.columns / 4u;
    let block = k / 32u * (5u * quads) + column / 4u;
    let pairs = weight[block];
    let x = unpack2x16float(pairs.x);
    let y = unpack2x16float(pairs.y);
    let z = unpack2x16float(pairs.z);
    let w = unpack2x16float(pairs.w);
    let scale = vec4f(x.x, y.x, z.x, w.x);
    let shift = vec4f(x.y, y.y, z.y, w.y);
    let words = weight[block + (1u + k % 32u / 8u) * quads];
    let first = k % 8u * 2u;
    let even = vec4f(extractBits(words, first, 4u)) * scale + shift;
    return WeightPair(even, vec4f(extractBits(words, first + 16u, 4u)) * scale + shift);
}

/// Rows k and k + 1 of one column, where columns are rows of a value.
fn load_two(k: u32, column: u32) -> vec2f {
    let place = column * params.depth + k;
    if W_STORED == 3u {
        let four = weight[place / 4u];
        return bitcast<vec2f>(select(four.xy, four.zw, (place & 2u) != 0u));
    }
    return unpack2x16float(weight[place / 8u][place / 2u % 4u]);
}

/// Row k of four columns, where rows are rows of a value in halves.
fn load_four(k: u32, column: u32) -> vec4f {
    let eight = weight[(k * params.columns + column) / 8u];
    let pairs = select(eight.xy, eight.zw, (column & 4u) != 0u);
    return vec4f(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
}

fn load_weight(k: u32, column: u32) -> WeightPair {
    if W_STORED == 2u {
        return load_bytes(k, column);
    }
    if W_STORED == 6u {
        return load_nibbles(k, column);
    }
    if W_STORED == 3u || W_STORED == 4u {
        let x = load_two(k, column);
        let y = load_two(k, column + 1u);
        let z = load_two(k, column + 2u);
        let w = load_two(k, column + 3u);
        return WeightPair(vec4f(x.x, y.x, z.x, w.x), vec4f(x.y, y.y, z.y, w.y));
    }
    if W_STORED == 5u {
        return WeightPair(load_four(k, column), load_four(k + 1u, column));
    }
    let quads = params.columns / 4u;
    if W_STORED == 1u {
        let words = weight[k / 2u * quads + column / 4u];
        let x = unpack2x16float(words.x);
        let y = unpack2x16float(words.y);
        let z = unpack2x16float(words.z);
        let w = unpack2x16float(words.w);
        return WeightPair(vec4f(x.x, y.x, z.x, w.x), vec4f(x.y, y.y, z.y, w.y));
    }
    let place = k * quads + column / 4u;
    return WeightPair(bitcast<vec4f>(weight[place]), bitcast<vec4f>(weight[place + quads]));
}
