// The left side of a product by matrix units in halves.
//
//   x  [rows, depth] halves

@group(0) @binding(1) var<storage, read> x: array<Halves>;

/// Eight numbers of a row as they are read.
alias FetchedLeft = Halves;

/// The `place`-th eight numbers of what is bound.
fn fetch_x(place: u32) -> FetchedLeft {
    return x[place];
}

/// These, or zeros.
fn left_if(condition: bool, fetched: FetchedLeft) -> FetchedLeft {
    return halves_if(condition, fetched);
}

/// There is one part.
fn left_piece(fetched: FetchedLeft, part: u32) -> Piece {
    return piece_of(fetched);
}
