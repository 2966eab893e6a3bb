// Tiles and stage of a product by matrix units, in vectors of four numbers: 8 and 16 bytes at once.

/// Elements of an array that hold four numbers.
const PER_FOUR: u32 = 1u;

var<workgroup> tiles: array<vec4<f16>, TILE_FOURS>;
var<workgroup> stage: array<vec4f, STAGE_FOURS>;

fn put_four(place: u32, four: vec4<f16>) {
    tiles[place] = four;
}

fn staged(place: u32) -> vec4f {
    return stage[place];
}
