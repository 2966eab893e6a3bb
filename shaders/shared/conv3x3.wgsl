// The input of a 3×3 convolution: what both cores are given, and where an output pixel looks.

override X_HALF: bool = false;
/// Whether the picture that is seen is twice as high and wide as x, each pixel of which it shows four times. Then a window
/// shows 2×2 pixels of x, and outputs are computed apart by whether their line and column are even: a weight for each
/// parity (gpu/doubled.rs), in the third dimension of the grid.
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
    /// Rows and columns of zeros before x.
    top: i32,
    left: i32,
    /// What constants say otherwise: the bits of `shared/epilogue.wgsl`.
    flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

/// Of the workgroup's outputs: 1 where their line is odd, 1 where their column is. 0 where there is one weight for all.
var<private> parity: vec2u;

/// The place of the weight that the workgroup reads among all.
fn which_weight() -> u32 {
    return parity.x * 2u + parity.y;
}

/// Binary digits by which there are fewer lines, and columns, of a parity than of outputs.
fn halved() -> u32 {
    return u32(is_doubled());
}

/// Taps of a window's side.
fn side() -> u32 {
    return 3u - halved();
}

fn taps() -> u32 {
    return side() * side();
}

/// Output pixels of one parity in this window.
fn rows_of_parity() -> u32 {
    return params.rows >> (2u * halved());
}

/// The output that is the `row`-th of its parity.
fn output_of(row: u32) -> u32 {
    if !is_doubled() {
        return row;
    }
    let width = params.width / 2u;
    let at = vec2u(row / width, row % width) * 2u + parity;
    return at.x * params.width + at.y;
}

/// Where an output pixel looks.
struct Place {
    /// Row and column under the first tap, from -1, 0 or 1 on.
    corner: vec2i,
    /// The first pixel of the image, as bound.
    image: u32,
}

/// Where the `row`-th pixel of the window's parity looks; beyond the window, nowhere.
fn place_of(row: u32) -> Place {
    if row >= rows_of_parity() {
        return Place(vec2i(-9), 0u);
    }
    let pixel = (params.first_row >> (2u * halved())) + row;
    let pixels = params.pixels >> (2u * halved());
    let width = params.width >> halved();
    let within = pixel % pixels;
    let corner = vec2u(within / width, within % width) * params.stride + parity;
    let image = pixel / pixels * params.in_height * params.in_width - params.x_first;
    return Place(vec2i(corner) - vec2i(params.top, params.left), image);
}

/// What is under a tap: a place in the picture, or beside it.
fn under(place: Place, tap: u32) -> vec2i {
    return place.corner + vec2i(vec2u(tap / side(), tap % side()));
}

/// Whether x has a pixel there.
fn is_inside(at: vec2i) -> bool {
    return all(bitcast<vec2u>(at) < vec2u(params.in_height, params.in_width));
}

/// The pixel there, as bound.
fn pixel_at(image: u32, at: vec2i) -> u32 {
    return image + u32(at.x) * params.in_width + u32(at.y);
}
