// y = a + b, of one shape.
//
//   a, b, y  [rows, pitch]   halves or f32, each as its override says
//
// One thread for eight channels. Padding stays zero: 0 + 0.
//
// CPU twin: cpu::add.  Agreement: exact in f32, NMSE < 1e-6 in halves.

struct Params {
    /// Eighths of rows to be computed.
    count: u32,
    /// Eighths that are bound before the first one, of each buffer.
    a_skip: u32,
    b_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4u>;
@group(0) @binding(2) var<storage, read> b: array<vec4u>;
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
    let left = load_a(place + params.a_skip);
    let right = load_b(place + params.b_skip);
    store_y(place + params.y_skip, Eight(left.lo + right.lo, left.hi + right.hi));
}
