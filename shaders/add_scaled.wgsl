// y = a + factor · b, of one shape, with a factor for each image: what a control net adds to a skip.
//
//   a, b, y  [images · pixels, pitch]   halves or f32, each as its override says
//   factors  [images, places]           the factor is the one at `place`
//
// One thread for eight channels. Padding stays zero: 0 + factor · 0.
//
// CPU twin: cpu::add_scaled.  Agreement: NMSE < 1e-12 in f32, < 1e-6 in halves.

struct Params {
    /// Eighths to be computed.
    count: u32,
    /// Eighths in a row.
    eighths: u32,
    /// Rows in an image.
    pixels: u32,
    /// The first row to be computed.
    row: u32,
    /// Factors from one image to the next.
    places: u32,
    /// Which of them.
    place: u32,
    /// Eighths that are bound before the first one, of each buffer.
    a_skip: u32,
    b_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4u>;
@group(0) @binding(2) var<storage, read> b: array<vec4u>;
@group(0) @binding(3) var<storage, read> factors: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4u>;

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
    let image = (params.row + place / params.eighths) / params.pixels;
    let factor = factors[image * params.places + params.place];
    let left = load_a(place + params.a_skip);
    let right = load_b(place + params.b_skip);
    store_y(place + params.y_skip, Eight(left.lo + factor * right.lo, left.hi + factor * right.hi));
}
