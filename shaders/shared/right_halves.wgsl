// The right side of a product by matrix units: a weight in halves.
//
//   weight  [columns, K'] halves

@group(0) @binding(2) var<storage, read> weight: array<Halves>;

/// Eight numbers of a column as they are read.
alias Fetched = Halves;

/// The `place`-th eight numbers of the weight.
fn fetch_right(place: u32) -> Fetched {
    return weight[place];
}

fn right_piece(fetched: Fetched) -> Piece {
    return piece_of(fetched);
}
