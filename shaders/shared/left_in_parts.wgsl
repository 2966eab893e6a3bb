// The left side of a product by matrix units in f32, none of whose numbers exceeds what halves hold: each is the sum of two
// halves, up to 2⁻²² of it or 2⁻²⁴, whichever is more.
//
//   x  [rows, depth] f32

@group(0) @binding(1) var<storage, read> x: array<vec4f>;

/// Eight numbers of a row as they are read.
struct FetchedLeft {
    lo: vec4f,
    hi: vec4f,
}

/// The `place`-th eight numbers of what is bound.
fn fetch_x(place: u32) -> FetchedLeft {
    return FetchedLeft(x[2u * place], x[2u * place + 1u]);
}

/// These, or zeros.
fn left_if(condition: bool, fetched: FetchedLeft) -> FetchedLeft {
    return FetchedLeft(select(vec4f(), fetched.lo, condition), select(vec4f(), fetched.hi, condition));
}

/// The digits that a half has, cut off. By its bits: compilers take the half of a number, made f32 again, for the number.
fn upper(four: vec4f) -> vec4f {
    return bitcast<vec4f>(bitcast<vec4u>(four) & vec4u(0xffffe000u));
}

/// The first part of each number, or what it leaves.
fn part_of(four: vec4f, part: u32) -> vec4<f16> {
    let first = upper(four);
    return vec4<f16>(select(four - first, first, part == 0u));
}

fn left_piece(fetched: FetchedLeft, part: u32) -> Piece {
    return Piece(part_of(fetched.lo, part), part_of(fetched.hi, part));
}
