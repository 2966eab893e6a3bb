// Reading a packed weight.
//
//   weight  [K' / 2, columns] pairs (k, k + 1) of halves, or [K', columns] f32
//
// The kernel's `Params` has columns.

/// How its numbers are stored, as `Stored` in gpu/packing.rs has it: f32, or pairs of halves.
override W_STORED: u32 = 0u;

@group(0) @binding(2) var<storage, read> weight: array<vec4u>;

/// Rows k and k + 1 (k even) of four columns.
struct WeightPair {
    even: vec4f,
    odd: vec4f,
}

fn load_weight(k: u32, column: u32) -> WeightPair {
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
