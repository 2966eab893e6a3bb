// A thread for eight neighbouring numbers of the output, or for one pixel.
//
// With shared/grid.wgsl. The last threads may lie beyond the count: check against it.

/// Threads of a workgroup.
const THREADS: u32 = 256u;

/// The place of a thread in a folded grid.
fn flat_thread(workgroup: vec3u, grid: vec3u, lane: u32) -> u32 {
    return flat_workgroup(workgroup, grid) * THREADS + lane;
}
