// The input of a 3×3 convolution: what both cores are given, and where an output pixel looks.

override X_HALF: bool = false;
/// Whether the picture that is seen is twice as high and wide as x, each pixel of which it shows four times.
override DOUBLED: bool = false;

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
    /// Rows and columns of zeros before the picture that is seen; -1 where it is seen from its second row on.
    top: i32,
    left: i32,
    /// What constants say otherwise: the bits of `shared/epilogue.wgsl`.
    flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

/// Where an output pixel looks.
struct Place {
    /// Row and column under the first tap, from -1, 0 or 1 on.
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
    return Place(vec2i(corner) - vec2i(params.top, params.left), image);
}

/// Whether the picture that is seen has a pixel there.
fn is_seen(at: vec2i, doubled: bool) -> bool {
    let size = vec2u(params.in_height, params.in_width) << vec2u(u32(doubled));
    return all(bitcast<vec2u>(at) < size);
}

/// The pixel of x that it shows there.
fn shown(image: u32, at: vec2i, doubled: bool) -> u32 {
    let source = bitcast<vec2u>(at) >> vec2u(u32(doubled));
    return image + source.x * params.in_width + source.y;
}
