// The right side of a product by matrix units: a weight in four bits.
//
//   weight  [columns, K'] integers of four bits; then [columns, K' / 32] scales and shifts in halves
//
// The halves of a word hold neighbouring integers in the same places: two are made halves at once. With the bits of 1024
// above it an integer is a half, 1024 more than it.

@group(0) @binding(2) var<storage, read> weight: array<u32>;

/// Eight numbers of a column as they are read. What is made of them waits until they are there.
struct Fetched {
    integers: u32,
    scale_and_shift: u32,
}

/// The `place`-th eight numbers of the weight.
fn fetch_right(place: u32) -> Fetched {
    return Fetched(weight[place], weight[params.columns * depth_pieces() + place / 4u]);
}

/// Two integers in the lowest bits of the halves of a word.
fn two(word: u32) -> vec2f {
    return unpack2x16float((word & 0x000f000fu) | 0x64006400u) - 1024.0;
}

fn four(word: u32, by: vec2f) -> vec4<f16> {
    return vec4<f16>(vec4f(two(word), two(word >> 4u)) * by.x + by.y);
}

fn right_piece(fetched: Fetched) -> Piece {
    let by = unpack2x16float(fetched.scale_and_shift);
    return Piece(four(fetched.integers, by), four(fetched.integers >> 8u, by));
}
