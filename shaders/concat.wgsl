// Channels of a, then channels of b.
//
//   a  [rows, a_pitch]   b  [rows, b_pitch]   y  [rows, pitch of both together]
//
// One thread for eight channels of y. Where a has a multiple of eight channels, whole eighths move;
// otherwise each channel is picked by itself. Padding is written as zero.
//
// CPU twin: cpu::concat.  Agreement: exact where nothing is rounded.

/// Whether a has a multiple of eight channels.
override ALIGNED: bool = false;

struct Params {
    /// Eighths of y to be computed.
    count: u32,
    a_channels: u32,
    b_channels: u32,
    /// Eighths in a row.
    a_eighths: u32,
    b_eighths: u32,
    y_eighths: u32,
    /// Rows that are bound before the first one.
    a_skip: u32,
    b_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4u>;
@group(0) @binding(2) var<storage, read> b: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4u>;

fn channel_of_a(row: u32, channel: u32) -> f32 {
    let place = (row + params.a_skip) * params.a_eighths + channel / 8u;
    if A_HALF {
        return unpack2x16float(a[place][channel % 8u / 2u])[channel % 2u];
    }
    return bitcast<f32>(a[2u * place + channel % 8u / 4u][channel % 4u]);
}

fn channel_of_b(row: u32, channel: u32) -> f32 {
    let place = (row + params.b_skip) * params.b_eighths + channel / 8u;
    if B_HALF {
        return unpack2x16float(b[place][channel % 8u / 2u])[channel % 2u];
    }
    return bitcast<f32>(b[2u * place + channel % 8u / 4u][channel % 4u]);
}

fn channel_of_both(row: u32, channel: u32) -> f32 {
    if channel < params.a_channels {
        return channel_of_a(row, channel);
    }
    if channel < params.a_channels + params.b_channels {
        return channel_of_b(row, channel - params.a_channels);
    }
    return 0.0;
}

fn whole_eighth(row: u32, eighth: u32) -> Eight {
    if eighth < params.a_eighths {
        return load_a((row + params.a_skip) * params.a_eighths + eighth);
    }
    return load_b((row + params.b_skip) * params.b_eighths + eighth - params.a_eighths);
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
    let row = place / params.y_eighths;
    let eighth = place % params.y_eighths;
    var value: Eight;
    if ALIGNED {
        value = whole_eighth(row, eighth);
    } else {
        let first = 8u * eighth;
        for (var i = 0u; i < 4u; i++) {
            value.lo[i] = channel_of_both(row, first + i);
            value.hi[i] = channel_of_both(row, first + 4u + i);
        }
    }
    store_y(place + params.y_skip * params.y_eighths, value);
}
