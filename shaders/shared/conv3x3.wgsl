// The input of a 3×3 convolution: what both cores are given, and where an output pixel looks.

override X_HALF: bool = false;

struct Params {
    /// Output pixels of this window.
    rows: u32,
    /// The window's first pixel in the whole value.
    first_row: u32,
    /// Output pixels of one image.
    pixels: u32,
    /// Columns of the packed weight, a multiple of 8.
    columns: u32,
    /// Numbers in a pixel of x.
    depth: u32,
    /// The pixel of x, counted over the whole batch, with which its binding starts.
    x_first: u32,
    /// Rows that are bound before the window's first.
    y_skip: u32,
    residual_skip: u32,
    /// Output pixels in a row of pixels.
    width: u32,
    in_width: u32,
    in_height: u32,
    stride: u32,
    /// Rows and columns of zeros before the picture.
    top: u32,
    left: u32,
    /// What constants say otherwise: the bits of `shared/epilogue.wgsl`.
    flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

/// Where an output pixel looks.
struct Place {
    /// Row and column of the input pixel under the first tap, from -1 or 0 on.
    corner: vec2i,
    /// The first pixel of the image, as bound.
    image: u32,
}

/// Where the `row`-th pixel of the window looks; beyond the window, nowhere.
fn place_of(row: u32) -> Place {
    if row >= params.rows {
        return Place(vec2i(-9), 0u);
    }
    let pixel = params.first_row + row;
    let within = pixel % params.pixels;
    let corner = vec2u(within / params.width, within % params.width) * params.stride;
    let image = pixel / params.pixels * params.in_height * params.in_width - params.x_first;
    return Place(vec2i(corner) - vec2i(vec2u(params.top, params.left)), image);
}
