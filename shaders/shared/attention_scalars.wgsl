// Attention's tiles by matrix units, number by number: Metal loads and stores matrices through pointers to single
// numbers.

/// Elements of an array that hold four numbers.
const PER_FOUR: u32 = 4u;

var<workgroup> key_tile: array<f16, PER_FOUR * KEY_FOURS>;
var<workgroup> value_tile: array<f16, PER_FOUR * KEY_FOURS>;
/// A part of the queries at first, then each key's share of a row.
var<workgroup> shares: array<f16, PER_FOUR * SHARE_FOURS>;
var<workgroup> scores: array<f32, PER_FOUR * SCORE_FOURS>;

fn put_key(place: u32, four: vec4<f16>) {
    let first = PER_FOUR * place;
    key_tile[first] = four.x;
    key_tile[first + 1u] = four.y;
    key_tile[first + 2u] = four.z;
    key_tile[first + 3u] = four.w;
}

fn put_value(place: u32, four: vec4<f16>) {
    let first = PER_FOUR * place;
    value_tile[first] = four.x;
    value_tile[first + 1u] = four.y;
    value_tile[first + 2u] = four.z;
    value_tile[first + 3u] = four.w;
}

fn put_share(place: u32, four: vec4<f16>) {
    let first = PER_FOUR * place;
    shares[first] = four.x;
    shares[first + 1u] = four.y;
    shares[first + 2u] = four.z;
    shares[first + 3u] = four.w;
}

fn score(place: u32) -> vec4f {
    let first = PER_FOUR * place;
    return vec4f(scores[first], scores[first + 1u], scores[first + 2u], scores[first + 3u]);
}

fn put_score(place: u32, four: vec4f) {
    let first = PER_FOUR * place;
    scores[first] = four.x;
    scores[first + 1u] = four.y;
    scores[first + 2u] = four.z;
    scores[first + 3u] = four.w;
}

/// A lane's total, where scores are no longer wanted.
fn put_total(place: u32, total: f32) {
    scores[PER_FOUR * place] = total;
}

fn total_of(place: u32) -> f32 {
    return scores[PER_FOUR * place];
}
