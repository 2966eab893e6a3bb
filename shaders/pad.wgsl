// A frame on the plane on which a picture lies: a border around the picture, or some rows of it.
//
//   x  [images · x_height · x_width, pitch]   y  [images · y_height · y_width, pitch]
//
// Beyond the picture there are zeros, or its opposite side where an axis wraps. One thread for eight
// channels of y.
//
// CPU twin: cpu::pad.  Agreement: exact.

override WRAP_ROWS: bool = false;
override WRAP_COLUMNS: bool = false;

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
    /// Row and column of the picture at the frame's first pixel; below 0 in a border of zeros, never
    /// where an axis wraps, for GL leaves open what the remainder of such a number is.
    first_row: i32,
    first_column: i32,
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
    var x_line = i32(line % params.y_height) + params.first_row;
    var x_column = i32(row % params.y_width) + params.first_column;
    if WRAP_ROWS {
        x_line = x_line % i32(params.x_height);
    }
    if WRAP_COLUMNS {
        x_column = x_column % i32(params.x_width);
    }
    let at = vec2i(x_line, x_column);
    var value = Eight(vec4f(), vec4f());
    if all(at >= vec2i(0)) && all(at < vec2i(vec2u(params.x_height, params.x_width))) {
        let x_row = (image * params.x_height + u32(x_line)) * params.x_width + u32(x_column);
        value = load_x((x_row - params.x_first) * params.eighths + eighth);
    }
    store_y(place + params.y_skip * params.eighths, value);
}
