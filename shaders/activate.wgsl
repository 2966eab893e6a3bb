// y = f(x): SiLU, GELU or QuickGELU of every number.
//
//   x, y  [rows, pitch]
//
// One thread for eight channels. Padding stays zero: f(0) = 0.
//
// CPU twin: cpu::activate.  Agreement: NMSE < 1e-12 in f32, < 1e-6 in halves.

/// A number of shared/activation.wgsl.
override ACTIVATION: u32 = 0u;

struct Params {
    /// Eighths to be computed.
    count: u32,
    /// Eighths that are bound before the first one.
    x_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4u>;

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
    store_y(place + params.y_skip, Eight(activate(ACTIVATION, value.lo), activate(ACTIVATION, value.hi)));
}
