// 3×3 convolution, with zeros beyond the picture, then the epilogue.
//
//   x       [images, in_height, in_width, depth]   halves or f32; depth is a multiple of 8
//   weight  [9 taps · depth, columns]              packed as shared/weight.wgsl says
//   y       [images, height, width, columns]
//
// A product whose left side is gathered: a row is an output pixel, its depth the nine pixels around
// it. Nothing is unfolded in memory. One workgroup for 64 pixels × 64 channels (shared/tile.wgsl),
// the next tile on its way while one is multiplied.
//
// Pixels are counted over the whole batch and may begin anywhere, so a window of rows is only a
// matter of `first_row` and `x_first`. Outside a picture there is no pixel of the row above: the
// place is tested in both directions.
//
// CPU twin: cpu::conv3x3.  Agreement: NMSE < 1e-7 in f32, 1e-6 in halves.

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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec2u>;

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

/// Four neighbouring channels of the pixel under a tap; zeros beyond the depth and the picture.
fn load_x(place: Place, tap: u32, channel: u32) -> vec4f {
    let at = place.corner + vec2i(vec2u(tap / 3u, tap % 3u));
    let size = vec2i(vec2u(params.in_height, params.in_width));
    if any(at < vec2i(0)) || any(at >= size) || channel >= params.depth {
        return vec4f();
    }
    let element = (place.image + u32(at.x * size.y + at.y)) * params.depth + channel;
    if X_HALF {
        let words = x[element / 4u];
        return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
    }
    return vec4f(bitcast<vec2f>(x[element / 2u]), bitcast<vec2f>(x[element / 2u + 1u]));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (params.columns + TILE - 1u) / TILE;
    let number = flat_workgroup(workgroup, grid);
    let first_row = number / across * TILE;
    let first_column = number % across * TILE;
    if first_row >= params.rows {
        return;
    }
    let quad = lane % 16u;
    let step = lane / 16u * 4u;
    let a = place_of(first_row + quad * 4u);
    let b = place_of(first_row + quad * 4u + 1u);
    let c = place_of(first_row + quad * 4u + 2u);
    let d = place_of(first_row + quad * 4u + 3u);

    // Taps and blocks of channels are one sequence, so that the fetching ahead never pauses; its
    // first turn only fetches.
    let blocks = (params.depth + DEPTH - 1u) / DEPTH;
    var sums: Sums;
    var rows: mat4x4f;
    var columns: WeightBlock;
    for (var turns = 0u; turns <= 9u * blocks; turns++) {
        put_left(quad, step, rows);
        put_weight(lane, columns);
        workgroupBarrier();
        if turns < 9u * blocks {
            let tap = turns / blocks;
            let first = turns % blocks * DEPTH;
            let channel = first + step;
            rows = mat4x4f(
                load_x(a, tap, channel),
                load_x(b, tap, channel),
                load_x(c, tap, channel),
                load_x(d, tap, channel),
            );
            columns = fetch_weight(lane, tap * params.depth + first, params.depth - first, first_column);
        }
        multiply_tiles(lane, &sums);
        workgroupBarrier();
    }
    for (var i = 0u; i < 16u; i++) {
        finish(first_row + tile_row(lane, i / 2u), first_column + tile_column(lane, i % 2u), sums[0]);
        turn(&sums);
    }
}
