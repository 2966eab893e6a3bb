// Counting workgroups in a grid that may be folded.
//
// A grid has at most 65,535 workgroups in a dimension, so longer ones are folded to two dimensions
// (`Lowering::fold`). The last workgroups may then lie beyond the count: check against it.

/// The place of a workgroup in its folded grid.
fn flat_workgroup(workgroup: vec3u, grid: vec3u) -> u32 {
    return workgroup.y * grid.x + workgroup.x;
}
