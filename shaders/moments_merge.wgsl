// Partial statistics of channels to the mean and variance of each group of channels of each image.
//
//   partials  [images · chunks, pitch]   (mean, Σ(x − mean)²) of moments_stats.wgsl
//   moments   [images · groups, 8]       mean, 0, variance, 0, and zeros as padding
//
// The zeros beside mean and variance stand where a backend with wider numbers keeps what those lost
// in rounding. One workgroup for each group of each image. Partials are merged pairwise as Chan,
// Golub and LeVeque do: nothing large is ever subtracted from something large.
//
// CPU twin: cpu::moments.

struct Params {
    groups: u32,
    /// Channels of a group.
    group_channels: u32,
    pitch: u32,
    pixels: u32,
    chunk_rows: u32,
    chunks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> moments: array<vec4f>;

const LANES: u32 = 256u;

/// Of some numbers: how many, their mean, and the sum of their squared deviations from it.
struct Spread {
    count: f32,
    mean: f32,
    squares: f32,
}

var<workgroup> lanes: array<Spread, LANES>;

fn merge(a: Spread, b: Spread) -> Spread {
    if b.count == 0.0 {
        return a;
    }
    let count = a.count + b.count;
    let share = b.count / count;
    let gap = b.mean - a.mean;
    return Spread(count, a.mean + gap * share, a.squares + b.squares + gap * gap * a.count * share);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
    let group = workgroup.x;
    let image = workgroup.y;
    let first = group * params.group_channels;

    var own = Spread(0.0, 0.0, 0.0);
    for (var i = lane; i < params.chunks * params.group_channels; i += LANES) {
        let chunk = i / params.group_channels;
        let channel = first + i % params.group_channels;
        let partial = partials[(image * params.chunks + chunk) * params.pitch + channel];
        let rows = min(params.chunk_rows, params.pixels - chunk * params.chunk_rows);
        own = merge(own, Spread(f32(rows), partial.x, partial.y));
    }
    lanes[lane] = own;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane < width {
            lanes[lane] = merge(lanes[lane], lanes[lane + width]);
        }
    }
    if lane == 0u {
        let place = 2u * (image * params.groups + group);
        moments[place] = vec4f(lanes[0].mean, 0.0, lanes[0].squares / lanes[0].count, 0.0);
        moments[place + 1u] = vec4f();
    }
}
