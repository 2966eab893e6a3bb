// What both cores of a product are given.

override X_HALF: bool = false;

struct Params {
    /// Rows of this window.
    rows: u32,
    /// The window's first row in the whole value.
    first_row: u32,
    /// Rows of one image.
    pixels: u32,
    /// Columns of the packed weight, a multiple of 8.
    columns: u32,
    /// Numbers in a row of x.
    depth: u32,
    /// Rows that are bound before the window's first.
    x_skip: u32,
    y_skip: u32,
    residual_skip: u32,
    /// What constants say otherwise: the bits of `shared/epilogue.wgsl`.
    flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

/// There is one weight.
fn which_weight() -> u32 {
    return 0u;
}

/// The output that is the `row`-th.
fn output_of(row: u32) -> u32 {
    return row;
}
