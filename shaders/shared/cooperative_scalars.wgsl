// Tiles and stage of a product by matrix units, number by number: Metal loads and stores matrices through pointers
// to single numbers.

/// Elements of an array that hold four numbers.
const PER_FOUR: u32 = 4u;

var<workgroup> tiles: array<f16, PER_FOUR * TILE_FOURS>;
var<workgroup> stage: array<f32, PER_FOUR * STAGE_FOURS>;

fn put_four(place: u32, four: vec4<f16>) {
    let first = PER_FOUR * place;
    tiles[first] = four.x;
    tiles[first + 1u] = four.y;
    tiles[first + 2u] = four.z;
    tiles[first + 3u] = four.w;
}

fn staged(place: u32) -> vec4f {
    let first = PER_FOUR * place;
    return vec4f(stage[first], stage[first + 1u], stage[first + 2u], stage[first + 3u]);
}
