// Nearest neighbour to any size: source = place · from / to, rounded down.
//
//   x  [images · x_height · x_width, pitch]   y  [images · y_height · y_width, pitch]
//
// One thread for eight channels of y.
//
// CPU twin: cpu::upsample.  Agreement: exact.

override X_HALF: bool = false;
override Y_HALF: bool = false;

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

fn load_x(place: u32) -> Eight {
    if X_HALF {
        return unpack_eight(x[place]);
    }
    return eight_from_bits(x[2u * place], x[2u * place + 1u]);
}

fn store_y(place: u32, value: Eight) {
    if Y_HALF {
        y[place] = pack_eight(value);
    } else {
        y[2u * place] = bitcast<vec4u>(value.lo);
        y[2u * place + 1u] = bitcast<vec4u>(value.hi);
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = flat_workgroup(workgroup, grid) * 256u + lane;
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
