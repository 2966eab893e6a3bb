// (x − mean) / √(variance + ε) · scale + shift, by the moments of each group of channels of each
// image, then SiLU if asked for.
//
//   x, y          [images · pixels, pitch]
//   moments       [images · groups, 8]   mean, what it lost in rounding, variance, the same, zeros
//   scale, shift  [pitch]
//
// One thread for eight channels: x · factor + offset. Padding stays zero: its scale and shift are.
//
// CPU twin: cpu::normalise.  Agreement: NMSE < 1e-7 in f32, < 1e-6 in halves.

override APPLY_SILU: bool = false;

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
    groups: u32,
    /// Channels of a group.
    group_channels: u32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read> moments: array<vec4f>;
@group(0) @binding(3) var<storage, read> scale: array<vec4f>;
@group(0) @binding(4) var<storage, read> shift: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4u>;

/// Mean and variance of a channel's group; those of the last group for the channels of the padding.
fn moments_of(image: u32, channel: u32) -> vec2f {
    let group = min(channel / params.group_channels, params.groups - 1u);
    return moments[2u * (image * params.groups + group)].xz;
}

/// Four neighbouring channels, from a multiple of four on.
fn normalised(value: vec4f, image: u32, channel: u32) -> vec4f {
    let a = moments_of(image, channel);
    let b = moments_of(image, channel + 1u);
    let c = moments_of(image, channel + 2u);
    let d = moments_of(image, channel + 3u);
    let factor = scale[channel / 4u] * inverseSqrt(vec4f(a.y, b.y, c.y, d.y) + params.epsilon);
    let offset = shift[channel / 4u] - vec4f(a.x, b.x, c.x, d.x) * factor;
    let y = value * factor + offset;
    if APPLY_SILU {
        return activate(SILU, y);
    }
    return y;
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
    let channel = place % params.eighths * 8u;
    let value = load_x(place + params.x_skip);
    let lo = normalised(value.lo, image, channel);
    let hi = normalised(value.hi, image, channel + 4u);
    store_y(place + params.y_skip, Eight(lo, hi));
}
