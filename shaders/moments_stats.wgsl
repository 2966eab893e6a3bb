// Mean and squared deviations of every channel over a chunk of an image's pixels.
//
//   x         [images · pixels, pitch]
//   partials  [images · chunks, pitch]   (mean, Σ(x − mean)²)
//
// One thread for eight channels of one chunk: neighbours read neighbouring channels, and channels
// per group may be any number, since groups are made only when partials are merged.
//
// The single-pass Σx² − (Σx)²/n cancels once activations are far from zero, and a wrong deviation
// paints a picture black. Here deviations are from the chunk's own first pixel: that pixel is part
// of the sum, so what is subtracted is at most n times what remains, with n at most 256.
//
// See moments_merge.wgsl for what follows.  CPU twin: cpu::moments.

struct Params {
    /// Eighths of chunks to be computed.
    count: u32,
    /// Eighths in a row.
    eighths: u32,
    /// Rows in an image.
    pixels: u32,
    /// Rows in a chunk; the last chunk of an image may have fewer.
    chunk_rows: u32,
    /// Chunks of an image.
    chunks: u32,
    /// The first chunk to be computed, over all images.
    chunk: u32,
    /// The row with which the binding of x starts.
    x_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4f>;

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
    let chunk = params.chunk + place / params.eighths;
    let eighth = place % params.eighths;
    let begin = chunk % params.chunks * params.chunk_rows;
    let rows = min(params.chunk_rows, params.pixels - begin);
    let row = chunk / params.chunks * params.pixels + begin - params.x_first;

    let origin = load_x(row * params.eighths + eighth);
    var sum = Eight(vec4f(), vec4f());
    var squares = Eight(vec4f(), vec4f());
    for (var i = 1u; i < rows; i++) {
        let value = load_x((row + i) * params.eighths + eighth);
        let lo = value.lo - origin.lo;
        let hi = value.hi - origin.hi;
        sum.lo += lo;
        sum.hi += hi;
        squares.lo += lo * lo;
        squares.hi += hi * hi;
    }
    let count = f32(rows);
    let mean = Eight(origin.lo + sum.lo / count, origin.hi + sum.hi / count);
    let spread = Eight(
        max(squares.lo - sum.lo * sum.lo / count, vec4f()),
        max(squares.hi - sum.hi * sum.hi / count, vec4f()),
    );
    let out = (chunk * params.eighths + eighth) * 4u;
    partials[out] = vec4f(mean.lo.x, spread.lo.x, mean.lo.y, spread.lo.y);
    partials[out + 1u] = vec4f(mean.lo.z, spread.lo.z, mean.lo.w, spread.lo.w);
    partials[out + 2u] = vec4f(mean.hi.x, spread.hi.x, mean.hi.y, spread.hi.y);
    partials[out + 3u] = vec4f(mean.hi.z, spread.hi.z, mean.hi.w, spread.hi.w);
}
