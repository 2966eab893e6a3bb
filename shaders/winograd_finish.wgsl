// The end of a 3×3 convolution by Winograd's F(4, 3) along lines: the six products of a unit become
// the sums of four pixels, then the epilogue.
//
//   products  [6, units of some lines, 4 · quads]   f32: the columns from `first_column` on
//   y         [rows, columns]
//
// One thread for four columns of a unit. Weights lack the fractions of the textbook
// (winograd_weight.wgsl), so that the sums here are of 24 times the result: of whole numbers they are
// whole, and the result is right to the bit.
//
// CPU twin: cpu::restore.  Agreement: NMSE < 1e-9 in f32, 1e-6 in halves.

struct Params {
    /// Pixels of these lines.
    rows: u32,
    /// The first of them in the whole value.
    first_row: u32,
    /// Pixels of one image.
    pixels: u32,
    /// All columns.
    columns: u32,
    /// Rows that are bound before the first.
    y_skip: u32,
    residual_skip: u32,
    /// What constants say otherwise: the bits of `shared/epilogue.wgsl`.
    flags: u32,
    /// Pixels and units of a line.
    width: u32,
    units: u32,
    first_column: u32,
    quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> products: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = flat_thread(workgroup, grid, lane);
    let part = params.rows / params.width * params.units * params.quads;
    if place >= part {
        return;
    }
    let near = products[place + part] + products[place + 2u * part];
    let near_odd = products[place + part] - products[place + 2u * part];
    let far = products[place + 3u * part] + products[place + 4u * part];
    let far_odd = products[place + 3u * part] - products[place + 4u * part];
    let unit = place / params.quads;
    let column = params.first_column + place % params.quads * 4u;
    let x = unit % params.units * 4u;
    let row = unit / params.units * params.width + x;
    var sums = array<vec4f, 4>(
        6.0 * products[place] - 4.0 * near + far,
        2.0 * far_odd - 4.0 * near_odd,
        4.0 * far - 4.0 * near,
        8.0 * far_odd - 4.0 * near_odd + 24.0 * products[place + 5u * part],
    );
    if GENERAL {
        // A loop that compilers do not write out: four copies of all epilogues take a software driver's two seconds.
        for (var at = x; at < x + 4u; at++) {
            finish_pixel(at, row + at - x, column, sums[0]);
            sums[0] = sums[1];
            sums[1] = sums[2];
            sums[2] = sums[3];
        }
        return;
    }
    finish_pixel(x, row, column, sums[0]);
    finish_pixel(x + 1u, row + 1u, column, sums[1]);
    finish_pixel(x + 2u, row + 2u, column, sums[2]);
    finish_pixel(x + 3u, row + 3u, column, sums[3]);
}

/// A pixel of the last unit may be beyond the line.
fn finish_pixel(x: u32, row: u32, column: u32, sums: vec4f) {
    if x < params.width {
        finish(row, column, sums * (1.0 / 24.0));
    }
}
