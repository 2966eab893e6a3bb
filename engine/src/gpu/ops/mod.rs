//! One `lower_…` for each operation: choose a kernel, bind, dispatch.

mod attention;
mod conv3x3;
mod epilogue;
mod linear;
mod pointwise;

use super::lowering::Lowering;
use crate::graph::{NodeId, Op};
use crate::{Error, Result};

/// Lowers one node.
pub(super) fn lower(lowering: &mut Lowering, id: NodeId) -> Result<()> {
    match &lowering.node(id).op {
        Op::Input { .. } => Ok(()),
        Op::Linear { .. } => linear::lower_linear(lowering, id),
        Op::Conv3x3 { .. } => conv3x3::lower_conv3x3(lowering, id),
        Op::Attention { .. } => attention::lower_attention(lowering, id),
        Op::Add => pointwise::lower_add(lowering, id),
        other => Err(Error::Device(format!("no kernel for {}", other.name()))),
    }
}
