// Eight halves of a row as they are read: in words, which are read at once. NVIDIA's compiler reads matrices of halves in two
// pieces, and sees that this conversion changes no number.

alias Piece = mat2x4<f16>;
alias Halves = vec4u;

fn four_of(words: vec2u) -> vec4<f16> {
    return vec4<f16>(vec2<f16>(unpack2x16float(words.x)), vec2<f16>(unpack2x16float(words.y)));
}

fn piece_of(halves: Halves) -> Piece {
    return Piece(four_of(halves.xy), four_of(halves.zw));
}

/// These, or zeros.
fn halves_if(condition: bool, halves: Halves) -> Halves {
    return select(vec4u(), halves, condition);
}
