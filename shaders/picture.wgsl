// Three channels in [-1, 1] to packed RGBA8, red in the low byte.
//
//   x  [rows, 8]   three channels and padding
//   y  [rows]      words
//
// One thread for a pixel. Rounded half to even, as PyTorch rounds. Alpha is 255, or 0 where a channel
// was not finite; that is read off the bits, because compilers may assume that floats are finite. A
// channel that is not a number is written as 0.
//
// CPU twin: cpu::picture.  Agreement: exact.

struct Params {
    /// Rows to be computed.
    count: u32,
    /// Rows that are bound before the first one.
    x_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

const INFINITY: u32 = 0x7f800000u;

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
    let colour = load_x(place + params.x_skip).lo.xyz;
    let bits = bitcast<vec3u>(colour) & vec3u(0x7fffffffu);
    let level = vec3u(round(clamp(colour * 0.5 + 0.5, vec3f(0.0), vec3f(1.0)) * 255.0));
    let shown = select(level, vec3u(0u), bits > vec3u(INFINITY));
    let alpha = select(255u, 0u, any(bits >= vec3u(INFINITY)));
    y[place + params.y_skip] = shown.r | shown.g << 8u | shown.b << 16u | alpha << 24u;
}
