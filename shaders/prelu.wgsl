// y = x, and below 0 x · slope, a slope for each channel.
//
//   x, y    [rows, pitch]
//   slopes  [pitch]
//
// One thread for eight channels. Padding stays zero.
//
// CPU twin: cpu::prelu.  Agreement: exact in f32, NMSE < 1e-6 in halves.

struct Params {
    /// Eighths to be computed.
    count: u32,
    /// Eighths in a row.
    eighths: u32,
    /// Eighths that are bound before the first one.
    x_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read> slopes: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4u>;

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
    let value = load_x(place + params.x_skip);
    // Windows of rows begin with a whole row.
    let quarter = 2u * (place % params.eighths);
    let lo = select(value.lo, value.lo * slopes[quarter], value.lo < vec4f());
    let hi = select(value.hi, value.hi * slopes[quarter + 1u], value.hi < vec4f());
    store_y(place + params.y_skip, Eight(lo, hi));
}
