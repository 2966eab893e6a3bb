// As many multiply-adds as a device can do: what shares of its peak are counted from.
//
//   y  [threads]   a sum of each, so that none is left out
//
// Every thread has twelve chains, which are independent of each other, in registers: enough for the depth of any pipeline,
// and few enough for the sixteen vector registers of processors that play GPU. No memory is read.
//
// CPU twin: cpu::multiply_adds.  Agreement: both are run for their time, and end at summand / (1 - factor).

struct Params {
    /// Times that each chain goes on by STEPS.
    rounds: u32,
    factor: f32,
    summand: f32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

/// Multiply-adds of a chain in one round of the loop.
const STEPS: u32 = 8u;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let factor = vec4f(params.factor);
    let summand = vec4f(params.summand);
    var a = vec4f(f32(lane));
    var b = a + 1.0;
    var c = a + 2.0;
    for (var round = 0u; round < params.rounds; round += 1u) {
        // Written out, so that no driver counts the steps too.
        a = fma(a, factor, summand); b = fma(b, factor, summand); c = fma(c, factor, summand);
        a = fma(a, factor, summand); b = fma(b, factor, summand); c = fma(c, factor, summand);
        a = fma(a, factor, summand); b = fma(b, factor, summand); c = fma(c, factor, summand);
        a = fma(a, factor, summand); b = fma(b, factor, summand); c = fma(c, factor, summand);
        a = fma(a, factor, summand); b = fma(b, factor, summand); c = fma(c, factor, summand);
        a = fma(a, factor, summand); b = fma(b, factor, summand); c = fma(c, factor, summand);
        a = fma(a, factor, summand); b = fma(b, factor, summand); c = fma(c, factor, summand);
        a = fma(a, factor, summand); b = fma(b, factor, summand); c = fma(c, factor, summand);
    }
    let sum = a + b + c;
    y[flat_thread(workgroup, grid, lane)] = sum.x + sum.y + sum.z + sum.w;
}
