//! The kernels that a graph needs, without a device: for tools that compile them elsewhere.

use super::cores::Core;
use super::device::Facts;
use super::lowering::Lowering;
use crate::Result;
use crate::graph::Graph;

/// A kernel as a driver is given it.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelVariant {
    /// The file in `shaders/`, without `.wgsl`.
    pub name: &'static str,
    /// WGSL, complete.
    pub source: String,
    /// Values of its overrides, as its lowering chose them.
    pub constants: Vec<(&'static str, f64)>,
}

/// The kernels that `graph` runs on `core`, each variant once, on a device without limits of its own whose subgroups
/// have `subgroup` lanes.
///
/// # Errors
/// What lowering fails with.
pub fn kernel_variants(graph: &Graph, core: Core, subgroup: Option<u32>) -> Result<Vec<KernelVariant>> {
    let facts = Facts::unlimited(core, subgroup);
    let mut variants: Vec<KernelVariant> = Vec::new();
    for dispatch in Lowering::run(graph, &facts)?.dispatches {
        let kernel = dispatch.kernel;
        let source = kernel.source();
        let known = |variant: &KernelVariant| {
            variant.name == kernel.shader.name
                && variant.constants == kernel.constants
                && variant.source == source
        };
        if !variants.iter().any(known) {
            variants.push(KernelVariant { name: kernel.shader.name, source, constants: kernel.constants });
        }
    }
    Ok(variants)
}
