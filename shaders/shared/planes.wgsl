// Kernels that fill every pixel of y from one pixel of x, with shared/read_x.wgsl and shared/write_y.wgsl.
//
//   x  [images · x_height · x_width, pitch]   y  [images · y_height · y_width, pitch]
//
// One thread for eight channels of y.

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
    /// Row and column of the picture at the first pixel of y, where y is a frame on its plane: below 0 in a
    /// border of zeros, never where an axis wraps, for GL leaves open what the remainder of such a number is.
    first_row: i32,
    first_column: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4u>;

struct Pixel {
    image: u32,
    line: u32,
    column: u32,
}

/// The pixel of y of which a thread has eight channels.
fn pixel_of(place: u32) -> Pixel {
    let row = params.row + place / params.eighths;
    let line = row / params.y_width;
    return Pixel(line / params.y_height, line % params.y_height, row % params.y_width);
}

/// A thread's channels of a pixel of x.
fn channels_of(pixel: Pixel, place: u32) -> Eight {
    let row = (pixel.image * params.x_height + pixel.line) * params.x_width + pixel.column;
    return load_x((row - params.x_first) * params.eighths + place % params.eighths);
}
