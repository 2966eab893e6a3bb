// y = x + vector, one vector for each image: the time embedding.
//
//   x, y    [images · pixels, pitch]
//   vector  [images, pitch]
//
// One thread for eight channels. Padding stays zero: 0 + 0.
//
// CPU twin: cpu::add_per_image.  Agreement: exact in f32, NMSE < 1e-6 in halves.

override VECTOR_HALF: bool = false;

struct Params {
    /// Eighths to be computed.
    count: u32,
    /// Eighths in a row.
    eighths: u32,
    /// Rows in an image.
    pixels: u32,
    /// The first row to be computed.
    row: u32,
    /// Eighths that are bound before the first one.
    x_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read> vector: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4u>;

fn load_vector(place: u32) -> Eight {
    if VECTOR_HALF {
        return unpack_eight(vector[place]);
    }
    return eight_from_bits(vector[2u * place], vector[2u * place + 1u]);
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
    let image = (params.row + place / params.eighths) / params.pixels;
    let value = load_x(place + params.x_skip);
    let added = load_vector(image * params.eighths + place % params.eighths);
    store_y(place + params.y_skip, Eight(value.lo + added.lo, value.hi + added.hi));
}
