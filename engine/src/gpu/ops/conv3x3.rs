//! Placeholder until the kernels of `conv3x3` are there.

use crate::gpu::lowering::Lowering;
use crate::graph::NodeId;
use crate::{Error, Result};

/// Lowers [`crate::graph::Op`] `conv3x3`.
pub(super) fn lower_conv3x3(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    Err(Error::Device(format!("no kernel for {}", lowering.node(id).op.name())))
}
