// Nearest neighbour to any size: source = place · from / to, rounded down.
//
//   x  [images · x_height · x_width, pitch]   y  [images · y_height · y_width, pitch]
//
// One thread for eight channels of y.
//
// CPU twin: cpu::upsample.  Agreement: exact.

struct Params {
    /// Eighths of y to be computed.
    count: u32,
    /// Eighths in a row.
    eighths: u32,
    x_height: u32,
    x_width: u32,
    y_height: u32,
    y_width: u32,
    /// The first row of y to be computed.
    row: u32,
    /// The row with which the binding of x starts.
    x_first: u32,
    /// Rows of y that are bound before the first one.
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4u>;

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
    let row = params.row + place / params.eighths;
    let eighth = place % params.eighths;
    let line = row / params.y_width;
    let image = line / params.y_height;
    let x_line = image * params.x_height + line % params.y_height * params.x_height / params.y_height;
    let x_column = row % params.y_width * params.x_width / params.y_width;
    let x_row = x_line * params.x_width + x_column - params.x_first;
    store_y(place + params.y_skip * params.eighths, load_x(x_row * params.eighths + eighth));
}
