//! The tiled core: tiles in workgroup memory. It needs nothing, and does everything on any device.

use super::{AttentionKernel, ProductKernel};
use crate::gpu::options::Core;
use crate::gpu::packing::Order;
use crate::gpu::shaders;
use crate::gpu::work::{Operation, Task};

/// Rows and columns of the sums of a workgroup. A further size of tiles is a further kernel in [`products`], with a name of
/// its own.
pub(in crate::gpu) const TILE: usize = 64;

/// Queries of a workgroup of attention, and columns of a head.
pub(in crate::gpu) const QUERIES: usize = 64;

/// The kernels for a product or convolution, the one that suits it best first.
pub(super) fn products(task: &Task) -> Vec<ProductKernel> {
    let shader = match task.operation {
        Operation::Conv3x3 => &shaders::CONV3X3_TILED,
        Operation::Winograd => &shaders::WINOGRAD_TILED,
        _ => &shaders::LINEAR_TILED,
    };
    let tile = [TILE; 2];
    vec![ProductKernel { shader, core: Core::Tiled, sizes: None, tile, order: Order::Depth }]
}

/// The kernels for attention.
pub(super) fn attentions() -> Vec<AttentionKernel> {
    vec![AttentionKernel {
        shader: &shaders::ATTENTION_TILED,
        core: Core::Tiled,
        sizes: None,
        queries: QUERIES,
    }]
}
