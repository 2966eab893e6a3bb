// The products of a 3×3 convolution by Winograd's F(4, 3) along lines: what both cores are given.
//
//   x         [6, lines, units, depth]        f32, from winograd_input.wgsl
//   weight    [6, 3 lines · depth, columns]   f32, from winograd_weight.wgsl
//   products  [6, rows, columns]              f32, for winograd_finish.wgsl
//
// A row is a unit of a line of the result, its depth that unit of the three lines that it sees, which
// lie `units` units apart. The six parts are products by themselves: the grid's z.

struct Params {
    /// Units of some lines.
    rows: u32,
    /// Columns, a multiple of 8.
    columns: u32,
    depth: u32,
    /// Units of a line.
    units: u32,
    /// The first line of the result, counted over the whole batch.
    first_line: u32,
    /// Lines of an image of the result. In x it has two more.
    height: u32,
    /// The line of x, counted over the whole batch, with which it starts.
    x_first: u32,
    /// Lines of x.
    lines: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> products: array<vec4f>;

/// The part of which a workgroup makes products.
var<private> part: u32;

/// Where the depth of a row begins in x, in fours; rows beyond the last one are like it.
fn start_of(row: u32) -> u32 {
    let within = min(row, params.rows - 1u);
    let line = params.first_line + within / params.units;
    let seen = line + line / params.height * 2u - params.x_first;
    return ((part * params.lines + seen) * params.units + within % params.units) * (params.depth / 4u);
}

/// Sums are written in their order.
fn output_of(row: u32) -> u32 {
    return row;
}

/// Writes four neighbouring sums of a row. Rows and columns beyond are ignored.
fn finish(row: u32, column: u32, sums: vec4f) {
    if row < params.rows && column < params.columns {
        products[((part * params.rows + row) * params.columns + column) / 4u] = sums;
    }
}
