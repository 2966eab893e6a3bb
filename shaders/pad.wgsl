// A frame on the plane on which a picture lies: a border around the picture, or some rows of it.
//
// Beyond the picture there are zeros, or its opposite side where an axis wraps. See shared/planes.wgsl.
//
// CPU twin: cpu::pad.  Agreement: exact.

override WRAP_ROWS: bool = false;
override WRAP_COLUMNS: bool = false;

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
    let pixel = pixel_of(place);
    var at = vec2i(i32(pixel.line) + params.first_row, i32(pixel.column) + params.first_column);
    if WRAP_ROWS {
        at.x = at.x % i32(params.x_height);
    }
    if WRAP_COLUMNS {
        at.y = at.y % i32(params.x_width);
    }
    var value = Eight(vec4f(), vec4f());
    if all(at >= vec2i(0)) && all(at < vec2i(vec2u(params.x_height, params.x_width))) {
        value = channels_of(Pixel(pixel.image, u32(at.x), u32(at.y)), place);
    }
    store_y(place + params.y_skip * params.eighths, value);
}
