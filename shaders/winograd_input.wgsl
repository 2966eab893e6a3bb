// What a 3×3 convolution of stride 1 sees, transformed for Winograd's F(4, 3) along each line: six
// numbers for the six columns that four neighbouring pixels of the result, a unit, see.
//
//   x    [images, in_height, in_width, depth]   halves or f32; depth is a multiple of 8
//   out  [6, lines, units, depth]               f32
//
// Lines of `out` are those of x with the zeros above and below, `padded` of them an image, from the
// `first`-th on: what some lines of the result see. One thread for eight channels of a unit.
//
// The numbers grow up to tenfold and are differences of each other: halves would not hold them.
//
// CPU twin: cpu::transform.  Agreement: that of the convolution.

struct Params {
    /// Eighths of a part of `out`.
    count: u32,
    eighths: u32,
    units: u32,
    /// Lines of an image with the zeros around.
    padded: u32,
    first: u32,
    in_height: u32,
    in_width: u32,
    /// Lines and columns of zeros before the picture that is seen.
    top: i32,
    left: i32,
    /// The pixel of x, counted over the whole batch, with which its binding starts.
    x_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

/// A thread's channels of a pixel; zeros beyond the picture.
fn pixel(image: u32, line: i32, column: i32, eighth: u32) -> Eight {
    let size = vec2u(params.in_height, params.in_width);
    let source = vec2u(vec2i(line, column));
    // Before the first there are zeros: what is below 0 is no place.
    if any(source >= size) {
        return Eight(vec4f(), vec4f());
    }
    let row = (image * size.x + source.x) * size.y + source.y - params.x_first;
    return load_x(row * params.eighths + eighth);
}

/// Six columns to six numbers, four channels at a time.
fn transform(d0: vec4f, d1: vec4f, d2: vec4f, d3: vec4f, d4: vec4f, d5: vec4f) -> array<vec4f, 6> {
    let even = d4 - 4.0 * d2;
    let odd = d3 - 4.0 * d1;
    let near = d4 - d2;
    let far = 2.0 * (d3 - d1);
    return array<vec4f, 6>(
        4.0 * d0 - 5.0 * d2 + d4,
        even + odd,
        even - odd,
        near + far,
        near - far,
        4.0 * d1 - 5.0 * d3 + d5,
    );
}

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
    let eighth = place % params.eighths;
    let unit = place / params.eighths % params.units;
    let number = params.first + place / (params.eighths * params.units);
    let image = number / params.padded;
    let line = i32(number % params.padded) - params.top;
    let column = i32(unit * 4u) - params.left;
    let a = pixel(image, line, column, eighth);
    let b = pixel(image, line, column + 1, eighth);
    let c = pixel(image, line, column + 2, eighth);
    let d = pixel(image, line, column + 3, eighth);
    let e = pixel(image, line, column + 4, eighth);
    let f = pixel(image, line, column + 5, eighth);
    let lo = transform(a.lo, b.lo, c.lo, d.lo, e.lo, f.lo);
    let hi = transform(a.hi, b.hi, c.hi, d.hi, e.hi, f.hi);
    put(0u, place, lo[0], hi[0]);
    put(1u, place, lo[1], hi[1]);
    put(2u, place, lo[2], hi[2]);
    put(3u, place, lo[3], hi[3]);
    put(4u, place, lo[4], hi[4]);
    put(5u, place, lo[5], hi[5]);
}

fn put(part: u32, place: u32, lo: vec4f, hi: vec4f) {
    let at = 2u * (part * params.count + place);
    out[at] = lo;
    out[at + 1u] = hi;
}
