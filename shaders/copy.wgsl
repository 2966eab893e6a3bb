// y = x, as they lie in memory: what shares of a device's bandwidth are counted from.
//
//   x, y  [count]   sixteen bytes each
//
// One thread for sixteen bytes, and nothing else.
//
// CPU twin: cpu::copy.  Agreement: exact.

struct Params {
    count: u32,
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
    if place < params.count {
        y[place] = x[place];
    }
}
