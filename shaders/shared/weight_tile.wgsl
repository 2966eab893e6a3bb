// A weight (shared/weight.wgsl) as the right side of shared/tile.wgsl.

/// A lane's share of the right tile: steps `2 · (lane / 16)` and the next, and the two 8 further on,
/// of four columns.
struct WeightBlock {
    upper: WeightPair,
    lower: WeightPair,
}

/// Fetches from row `first` on, of which `depth` rows are there; zeros beyond.
fn fetch_weight(lane: u32, first: u32, depth: u32, tile_column: u32) -> WeightBlock {
    let step = lane / 16u * 2u;
    let column = tile_column + lane % 16u * 4u;
    var block: WeightBlock;
    if column < params.columns {
        if step < depth {
            block.upper = load_weight(first + step, column);
        }
        if step + 8u < depth {
            block.lower = load_weight(first + step + 8u, column);
        }
    }
    return block;
}

/// Puts it into the right tile.
fn put_weight(lane: u32, block: WeightBlock) {
    let place = lane / 16u * 32u + lane % 16u;
    right_tile[place] = block.upper.even;
    right_tile[place + 16u] = block.upper.odd;
    right_tile[place + 128u] = block.lower.even;
    right_tile[place + 144u] = block.lower.odd;
}
