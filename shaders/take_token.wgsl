// One token of each image: y[image] = x[image, index[image]].
//
//   x  [images · tokens, pitch]   index  [images]   y  [images, pitch]
//
// One thread for eight channels. x may come in windows, one dispatch each: an image is written by
// the one that holds its token. An index beyond the tokens reads the last one.
//
// CPU twin: cpu::take_token.  Agreement: exact.

struct Params {
    /// Eighths of y to be computed.
    count: u32,
    /// Eighths in a row.
    eighths: u32,
    /// Tokens of an image.
    tokens: u32,
    /// The row with which the binding of x starts.
    x_first: u32,
    /// The first row that belongs to this window, and the first that no longer does.
    row: u32,
    row_end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4u>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = flat_thread(workgroup, grid, lane);
    if place >= params.count {
        return;
    }
    let image = place / params.eighths;
    let row = image * params.tokens + min(index[image], params.tokens - 1u);
    if row < params.row || row >= params.row_end {
        return;
    }
    let from_place = (row - params.x_first) * params.eighths + place % params.eighths;
    store_y(place, load_x(from_place));
}
