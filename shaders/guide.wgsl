// Normalised attention guidance (Chen et al. 2025, arXiv 2505.21179): what queries found in the keys
// of a prompt, led away from what they found in those of a negative prompt.
//
//   a, b, y   [images · pixels, pitch]   of the prompt, of the negative prompt
//   guidance  [images, 8]                scale s, tau τ, alpha α, and zeros as padding
//
//   g = s · a − (s − 1) · b, times τ · ‖a‖ / ‖g‖ where its norm ‖g‖ exceeds τ · ‖a‖
//   y = α · g + (1 − α) · a
//
// Norms are sums of absolute values over the channels of a pixel. One workgroup of 64 for a row, two
// passes over it; the second reads from the cache. Padding stays zero, and adds nothing to a norm.
//
// CPU twin: cpu::guide.  Agreement: NMSE < 1e-7 in f32, < 1e-6 in halves.

struct Params {
    /// Rows to be computed.
    rows: u32,
    /// Eighths in a row.
    eighths: u32,
    /// Rows in an image.
    pixels: u32,
    /// The first row to be computed.
    row: u32,
    /// Rows that are bound before the first one.
    a_skip: u32,
    b_skip: u32,
    y_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4u>;
@group(0) @binding(2) var<storage, read> b: array<vec4u>;
@group(0) @binding(3) var<storage, read> guidance: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4u>;

const LANES: u32 = 64u;
var<workgroup> scratch: array<vec2f, LANES>;

/// Sum of `value` over the workgroup, the same on every lane.
fn sum_lanes(lane: u32, value: vec2f) -> vec2f {
    scratch[lane] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane < width {
            scratch[lane] += scratch[lane + width];
        }
    }
    workgroupBarrier();
    return scratch[0];
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = flat_workgroup(workgroup, grid);
    if row >= params.rows {
        return;
    }
    let a_place = (row + params.a_skip) * params.eighths;
    let b_place = (row + params.b_skip) * params.eighths;
    let y_place = (row + params.y_skip) * params.eighths;
    let given = guidance[2u * ((params.row + row) / params.pixels)];
    let scale = given.x;
    let tau = given.y;
    let alpha = given.z;

    var norm_a = vec4f();
    var norm_g = vec4f();
    for (var eighth = lane; eighth < params.eighths; eighth += LANES) {
        let with_prompt = load_a(a_place + eighth);
        let with_negative = load_b(b_place + eighth);
        norm_a += abs(with_prompt.lo) + abs(with_prompt.hi);
        norm_g += abs(scale * with_prompt.lo - (scale - 1.0) * with_negative.lo)
            + abs(scale * with_prompt.hi - (scale - 1.0) * with_negative.hi);
    }
    let norms = sum_lanes(lane, vec2f(dot(norm_a, vec4f(1.0)), dot(norm_g, vec4f(1.0))));
    var share = alpha;
    if norms.y > tau * norms.x {
        share *= tau * norms.x / norms.y;
    }
    for (var eighth = lane; eighth < params.eighths; eighth += LANES) {
        let with_prompt = load_a(a_place + eighth);
        let with_negative = load_b(b_place + eighth);
        let lo = scale * with_prompt.lo - (scale - 1.0) * with_negative.lo;
        let hi = scale * with_prompt.hi - (scale - 1.0) * with_negative.hi;
        let kept = 1.0 - alpha;
        store_y(y_place + eighth, Eight(share * lo + kept * with_prompt.lo, share * hi + kept * with_prompt.hi));
    }
}
