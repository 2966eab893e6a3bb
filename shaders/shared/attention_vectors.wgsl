// Attention's tiles by matrix units, in vectors of four numbers: 8 and 16 bytes at once.

/// Elements of an array that hold four numbers.
const PER_FOUR: u32 = 1u;

var<workgroup> key_tile: array<vec4<f16>, KEY_FOURS>;
var<workgroup> value_tile: array<vec4<f16>, KEY_FOURS>;
/// A part of the queries at first, then each key's share of a row.
var<workgroup> shares: array<vec4<f16>, SHARE_FOURS>;
var<workgroup> scores: array<vec4f, SCORE_FOURS>;

fn put_key(place: u32, four: vec4<f16>) {
    key_tile[place] = four;
}

fn put_value(place: u32, four: vec4<f16>) {
    value_tile[place] = four;
}

fn put_share(place: u32, four: vec4<f16>) {
    shares[place] = four;
}

fn score(place: u32) -> vec4f {
    return scores[place];
}

fn put_score(place: u32, four: vec4f) {
    scores[place] = four;
}

/// A lane's total, where scores are no longer wanted.
fn put_total(place: u32, total: f32) {
    scores[place].x = total;
}

fn total_of(place: u32) -> f32 {
    return scores[place].x;
}
