//! The kernels that a graph needs, without a device: for tools that compile them elsewhere.

use super::cores::Sizes;
use super::cores::cooperative::{HEADS, TILES, TILES_IN_PARTS};
use super::cores::tiled;
use super::device::Facts;
use super::lowering::{Kernel, Lowering};
use super::matrix_units::MatrixUnits;
use super::options::Core;
use super::shaders;
use super::stored::Stored;
use crate::Result;
use crate::graph::Graph;

/// A kernel as a driver is given it.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelVariant {
    /// The file in `shaders/`, without `.wgsl`.
    pub name: &'static str,
    /// Its sizes, where it has several: `128×160×64, 64×80 a subgroup`.
    pub sizes: String,
    /// WGSL, complete.
    pub source: String,
    /// Values of its overrides, as its lowering chose them.
    pub constants: Vec<(&'static str, f64)>,
}

/// The kernels that `graph` runs on `core`, in all its sizes, each variant once, on a device without limits of its own
/// whose subgroups have `subgroup` lanes.
///
/// # Errors
/// What lowering fails with.
pub fn kernel_variants(graph: &Graph, core: Core, subgroup: Option<u32>) -> Result<Vec<KernelVariant>> {
    let tiles = match core {
        Core::Tiled => tiled::TILES.len(),
        Core::Subgroup => 1,
        Core::Cooperative => TILES.len(),
    };
    let mut variants: Vec<KernelVariant> = Vec::new();
    for (tile, prefers_parts) in (0..tiles).flat_map(|tile| [(tile, false), (tile, true)]) {
        let facts = Facts { tile: Some(tile), prefers_parts, ..Facts::unlimited(core, subgroup) };
        for dispatch in Lowering::run(graph, &facts)?.dispatches {
            let variant = variant(dispatch.kernel);
            if !variants.contains(&variant) {
                variants.push(variant);
            }
        }
    }
    Ok(variants)
}

fn variant(kernel: Kernel) -> KernelVariant {
    let constant = |name| kernel.constants.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let tile = || Some(format!("{}×{}", constant("TILE_ROWS")?, constant("TILE_COLUMNS")?));
    let sizes = kernel.sizes.as_ref().map(Sizes::label).or_else(tile).unwrap_or_default();
    KernelVariant { name: kernel.shader.name, sizes, source: kernel.source(), constants: kernel.constants }
}

/// The kernels of the cooperative core with all their sizes, for matrices of `fragment` and subgroups of `lanes`.
#[must_use]
pub fn cooperative_sources(fragment: u32, lanes: u32) -> Vec<(&'static str, String)> {
    let units = MatrixUnits::of(fragment, lanes);
    let (linear, conv3x3) = (&shaders::LINEAR_COOPERATIVE, &shaders::CONV3X3_COOPERATIVE);
    // Kernels of convolutions are never in four bits.
    let products = [
        (linear, Stored::F16),
        (linear, Stored::Q8),
        (linear, Stored::Q4),
        (conv3x3, Stored::F16),
        (conv3x3, Stored::Q8),
    ];
    let product = |tile| {
        products
            .map(|(shader, stored)| Kernel::new(shader).with_sizes(Some(Sizes::Product(tile, units, stored))))
    };
    let attention =
        Kernel::new(&shaders::ATTENTION_COOPERATIVE).with_sizes(Some(Sizes::Attention(HEADS, units)));
    let in_parts = |tile| {
        [linear, conv3x3]
            .map(|shader| Kernel::new(shader).with_sizes(Some(Sizes::Product(tile, units, Stored::F16))))
    };
    let tiles = TILES.into_iter().filter(|tile| tile.fits_lanes(units));
    let of_f32 = TILES_IN_PARTS.into_iter().filter(|tile| tile.fits_lanes(units)).flat_map(in_parts);
    let peak = Kernel::new(&shaders::MULTIPLY_ADD_COOPERATIVE).with_sizes(Some(Sizes::Peak(units)));
    let kernels = tiles.flat_map(product).chain(of_f32).chain([attention, peak]);
    kernels.map(|kernel| (kernel.shader.name, kernel.source())).collect()
}
