// A weight (shared/weight.wgsl) as the right side of shared/tile.wgsl.

/// A lane's share of the right tile: two steps, and the two 8 further on, of four columns.
struct WeightBlock {
    upper: WeightPair,
    lower: WeightPair,
}

/// A lane among those that fetch columns.
fn weight_lane(lane: u32) -> u32 {
    return lane - (LANES - TILE_COLUMNS);
}

/// Fetches from row `first` on, of which `depth` rows are there; zeros beyond.
fn fetch_weight(lane: u32, first: u32, depth: u32, tile_column: u32) -> WeightBlock {
    let step = weight_lane(lane) / COLUMN_FOURS * 2u;
    let column = tile_column + weight_lane(lane) % COLUMN_FOURS * 4u;
    var block: WeightBlock;
    if fetches_right(lane) && column < params.columns {
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
    if !fetches_right(lane) {
        return;
    }
    let place = weight_lane(lane) / COLUMN_FOURS * (2u * COLUMN_FOURS) + weight_lane(lane) % COLUMN_FOURS;
    right_tile[place] = block.upper.even;
    right_tile[place + COLUMN_FOURS] = block.upper.odd;
    right_tile[place + 8u * COLUMN_FOURS] = block.lower.even;
    right_tile[place + 9u * COLUMN_FOURS] = block.lower.odd;
}
