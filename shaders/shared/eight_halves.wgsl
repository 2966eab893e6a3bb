// Eight halves of a row as they are read: as what they are. AMD's compiler reads them at once, and computes conversions from
// words.

alias Piece = mat2x4<f16>;
alias Halves = Piece;

fn piece_of(halves: Halves) -> Piece {
    return halves;
}

/// These, or zeros.
fn halves_if(condition: bool, halves: Halves) -> Halves {
    return Halves(select(vec4<f16>(), halves[0], condition), select(vec4<f16>(), halves[1], condition));
}
