// A weight (shared/weight.wgsl) as the right side of shared/band.wgsl, and where a band works.

/// Adds the products of eight steps of depth from row k of the weight on.
fn add_eight(upper: Eight, lower: Eight, k: u32, column: u32) {
    let a = load_weight(k, column);
    add_products(upper.lo.x, lower.lo.x, a.even);
    add_products(upper.lo.y, lower.lo.y, a.odd);
    let b = load_weight(k + 2u, column);
    add_products(upper.lo.z, lower.lo.z, b.even);
    add_products(upper.lo.w, lower.lo.w, b.odd);
    let c = load_weight(k + 4u, column);
    add_products(upper.hi.x, lower.hi.x, c.even);
    add_products(upper.hi.y, lower.hi.y, c.odd);
    let d = load_weight(k + 6u, column);
    add_products(upper.hi.z, lower.hi.z, d.even);
    add_products(upper.hi.w, lower.hi.w, d.odd);
}

/// Rows and columns of the sums that a workgroup makes.
const TILE: u32 = 64u;

/// The first row and the lane's first column of a band: 4 × 2 bands are a workgroup's 64 × 64 sums.
fn band_place(number: u32, band: u32, lane: u32) -> vec2u {
    let across = (params.columns + TILE - 1u) / TILE;
    let row = number / across * TILE + band % 4u * BAND_ROWS;
    let column = number % across * TILE + band / 4u * BAND_COLUMNS + lane * 4u;
    return vec2u(row, column);
}

/// Finishes all sums of the lane.
fn finish_band(place: vec2u) {
    for (var i = 0u; i < BAND_ROWS; i++) {
        finish(output_of(place.x + i), place.y, sums[0]);
        shift_sums();
    }
}
