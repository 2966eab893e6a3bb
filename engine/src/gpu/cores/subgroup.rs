//! The subgroup core: bands of eight lanes of a subgroup own a tile each, and broadcast.

use super::{AttentionKernel, ProductKernel};
use crate::gpu::options::Core;
use crate::gpu::packing::Order;
use crate::gpu::shaders;
use crate::gpu::work::{Operation, Task};

/// Rows and columns of the sums of a workgroup.
pub(in crate::gpu) const TILE: usize = 64;

/// Queries of a workgroup of attention.
pub(in crate::gpu) const QUERIES: usize = 128;

/// The kernels for a product or convolution, the one that suits it best first.
pub(super) fn products(task: &Task) -> Vec<ProductKernel> {
    let shader = match task.operation {
        Operation::Conv3x3 | Operation::Doubled => &shaders::CONV3X3_SUBGROUP,
        Operation::Winograd => &shaders::WINOGRAD_SUBGROUP,
        _ => &shaders::LINEAR_SUBGROUP,
    };
    vec![ProductKernel {
        shader,
        core: Core::Subgroup,
        sizes: None,
        tile: [TILE; 2],
        order: Order::Depth,
        direct: false,
    }]
}

/// The kernels for attention: none for heads that do not start at a vector of eight.
pub(super) fn attentions(task: &Task) -> Vec<AttentionKernel> {
    let kernel = AttentionKernel {
        shader: &shaders::ATTENTION_SUBGROUP,
        core: Core::Subgroup,
        sizes: None,
        queries: QUERIES,
    };
    if task.depth.is_multiple_of(8) { vec![kernel] } else { vec![] }
}
