//! Every kernel as the SPIR-V that drivers are given, in files, for a validator.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use fulmen_engine::gpu::{KernelVariant, cooperative_sources, shader_sources};

use crate::layouts;
use crate::spirv::{self, Environment};
use crate::variants::{self, Matrices};

/// Lanes of a subgroup: those of software adapters, which hold one band; NVIDIA's and Intel's; Radeons'.
const LANES: [u32; 3] = [8, 32, 64];

/// Writes each distinct module to `folder/ENVIRONMENT/KERNEL-NUMBER.spv`; how many there are.
///
/// # Errors
/// Where a kernel cannot be said in SPIR-V, or a file cannot be written.
pub(crate) fn write(folder: &Path) -> Result<usize, String> {
    let kernels = kernels()?;
    let mut count = 0;
    for environment in Environment::ALL {
        let folder = folder.join(environment.name());
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut known = HashSet::new();
        for kernel in &kernels {
            let words = layouts::without_needless(&spirv::of(kernel, environment)?);
            let file = folder.join(format!("{}-{}.spv", kernel.name, known.len()));
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            if known.insert(words) {
                fs::write(&file, bytes).map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
        count += known.len();
    }
    Ok(count)
}

/// All variants that operations need, and as they stand those kernels that no operation runs.
fn kernels() -> Result<Vec<KernelVariant>, String> {
    let mut kernels: Vec<KernelVariant> = vec![];
    for lanes in LANES {
        let variants = variants::all(lanes, Matrices::OfAll)?.into_iter().map(|variant| variant.kernel);
        kernels.extend(variants);
    }
    for (name, source) in shader_sources().into_iter().chain(cooperative_sources(16, 32)) {
        if !kernels.iter().any(|kernel| kernel.name == name) {
            kernels.push(KernelVariant { name, sizes: String::new(), source, constants: vec![] });
        }
    }
    Ok(kernels)
}
