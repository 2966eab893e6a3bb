// Nearest neighbour to any size: source = place · from / to, rounded down. See shared/planes.wgsl.
//
// CPU twin: cpu::upsample.  Agreement: exact.

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
    let line = pixel.line * params.x_height / params.y_height;
    let column = pixel.column * params.x_width / params.y_width;
    store_y(place + params.y_skip * params.eighths, channels_of(Pixel(pixel.image, line, column), place));
}
