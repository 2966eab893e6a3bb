//! Whether this machine can have a GPU at all: where it is certain that it has none, no driver is loaded to ask. Loading
//! Mesa's takes longer than the demo model takes for a picture.

#[cfg(target_os = "linux")]
use std::{env, fs, path::Path};

/// How the kernel's drivers for GPUs call their nodes in `/dev`: DRM, NVIDIA's (and its boards'), WSL's, Adreno's, Mali's,
/// AMD's for computing, PowerVR's and Vivante's. A driver in user space draws through one of them.
#[cfg(target_os = "linux")]
const NODES: [&str; 9] = ["dri", "nvidia", "nvhost", "nvmap", "dxg", "kgsl", "mali", "kfd", "pvr"];

/// Whoever sets one of these means a driver that needs no node, perhaps: one that draws on another machine.
#[cfg(target_os = "linux")]
const NAMED: [&str; 3] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"];

/// `false` where no adapter can be hardware.
#[cfg(target_os = "linux")]
pub(super) fn can_have_gpu() -> bool {
    NAMED.iter().any(|name| env::var_os(name).is_some()) || has_node(Path::new("/dev"))
}

/// Elsewhere drivers tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn can_have_gpu() -> bool {
    true
}

#[cfg(target_os = "linux")]
fn has_node(folder: &Path) -> bool {
    let Ok(nodes) = fs::read_dir(folder) else { return true };
    let is_gpu = |name: &str| NODES.iter().any(|node| name.starts_with(node)) || name == "galcore";
    nodes.flatten().any(|node| node.file_name().to_str().is_some_and(is_gpu))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_node_of_any_driver_has_no_gpu() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["null", "zero", "ttyS0", "vda", "vga_arbiter", "kvm"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert!(!has_node(folder.path()));
        for name in ["dri", "nvidia0", "dxg", "kgsl-3d0", "mali0", "galcore"] {
            let node = folder.path().join(name);
            fs::write(&node, "").unwrap();
            assert!(has_node(folder.path()), "{name}");
            fs::remove_file(node).unwrap();
        }
        assert!(has_node(&folder.path().join("not there")), "where it cannot be seen, drivers are asked");
    }
}
