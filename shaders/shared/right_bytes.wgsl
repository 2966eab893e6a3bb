// The right side of a product by matrix units: a weight in eight bits.
//
//   weight  [columns, K'] bytes, each 128 more than the integer; then [columns, K' / 32] scales in halves
//
// Of four bytes the first and the third are neighbours, and so are the others: two are made halves at once. With the bits
// of 1024 above it a byte is a half, 1024 more than it.

@group(0) @binding(2) var<storage, read> weight: array<vec2u>;

/// Eight numbers of a column as they are read. What is made of them waits until they are there.
struct Fetched {
    integers: vec2u,
    /// A pair of scales, of which one is theirs.
    scales: u32,
    /// Where it begins, in bits.
    shift: u32,
}

/// The `place`-th eight numbers of the weight.
fn fetch_right(place: u32) -> Fetched {
    let scales = weight[params.columns * depth_pieces() + place / 16u];
    return Fetched(weight[place], select(scales.x, scales.y, (place & 8u) != 0u), (place & 4u) * 4u);
}

/// Two integers in the lower bytes of the halves of a word.
fn two(word: u32) -> vec2f {
    return unpack2x16float((word & 0x00ff00ffu) | 0x64006400u) - 1152.0;
}

fn four(word: u32, scale: f32) -> vec4<f16> {
    return vec4<f16>(vec4f(two(word), two(word >> 8u)) * scale);
}

fn right_piece(fetched: Fetched) -> Piece {
    let scale = unpack2x16float(fetched.scales >> fetched.shift).x;
    return Piece(four(fetched.integers.x, scale), four(fetched.integers.y, scale));
}
