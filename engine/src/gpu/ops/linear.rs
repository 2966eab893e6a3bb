//! Placeholder until the kernels of `linear` are there.

use crate::gpu::lowering::Lowering;
use crate::graph::NodeId;
use crate::{Error, Result};

/// Lowers [`crate::graph::Op`] `linear`.
pub(super) fn lower_linear(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    Err(Error::Device(format!("no kernel for {}", lowering.node(id).op.name())))
}
