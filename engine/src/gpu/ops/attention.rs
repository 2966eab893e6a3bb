//! Placeholder until the kernels of `attention` are there.

use crate::gpu::lowering::Lowering;
use crate::graph::NodeId;
use crate::{Error, Result};

/// Lowers [`crate::graph::Op`] `attention`.
pub(super) fn lower_attention(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    Err(Error::Device(format!("no kernel for {}", lowering.node(id).op.name())))
}
