// A 3×3 convolution's weight, transformed for Winograd's F(4, 3) along each line of the kernel: three
// taps to six numbers.
//
//   weight  [9 taps · depth, all_columns]   packed as shared/weight.wgsl says
//   out     [6, 3 lines · depth, columns]   f32: the columns from `first_column` on
//
// The fractions of the textbook, 1/4, 1/6 and 1/24, are left to winograd_finish.wgsl: so whole numbers
// stay whole. One thread for two rows of four columns.
//
// Made in every run: it takes less time than one product in thirty does, and keeping it four times the
// memory of the weight.
//
// CPU twin: cpu::transform_taps.  Agreement: that of the convolution.

struct Params {
    /// Columns of the weight, a multiple of 8.
    columns: u32,
    depth: u32,
    first_column: u32,
    /// Fours of columns of `out`.
    quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = flat_thread(workgroup, grid, lane);
    let quad = place % params.quads;
    let row = place / params.quads * 2u;
    if row >= 3u * params.depth {
        return;
    }
    let k = row / params.depth * 3u * params.depth + row % params.depth;
    let column = params.first_column + quad * 4u;
    let a = load_weight(k, column);
    let b = load_weight(k + params.depth, column);
    let c = load_weight(k + 2u * params.depth, column);
    put(row, quad, a.even, b.even, c.even);
    put(row + 1u, quad, a.odd, b.odd, c.odd);
}

fn put(row: u32, quad: u32, g0: vec4f, g1: vec4f, g2: vec4f) {
    let ends = g0 + g2;
    let far = g0 + 4.0 * g2;
    let part = 3u * params.depth * params.quads;
    let at = row * params.quads + quad;
    out[at] = g0;
    out[at + part] = ends + g1;
    out[at + 2u * part] = ends - g1;
    out[at + 3u * part] = far + 2.0 * g1;
    out[at + 4u * part] = far - 2.0 * g1;
    out[at + 5u * part] = g2;
}
