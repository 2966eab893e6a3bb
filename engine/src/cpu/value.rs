//! What an operation reads: a value's extents and its numbers, wherever they lie.

use super::arithmetic::Arithmetic;
use super::kept::Kept;
use crate::backend::{CancelToken, HostTensor, Values};
use crate::graph::Shape;

/// A value of the graph. Ids and pixels are kept as the bits of f32, so that every slot is alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) shape: Shape,
    pub(super) numbers: &'a [f32],
}

impl<'a> Value<'a> {
    /// A value that the caller gave.
    pub(super) fn of(tensor: &'a HostTensor) -> Self {
        let numbers = match &tensor.values {
            Values::F32(numbers) => numbers,
            Values::U32(ids) => bytemuck::cast_slice(ids),
        };
        Self { shape: tensor.shape, numbers }
    }

    /// The ids that the bits are.
    pub(super) fn ids(&self) -> &'a [u32] {
        bytemuck::cast_slice(self.numbers)
    }
}

/// One node's turn: what it reads, and whether anyone still wants it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) inputs: &'a [Value<'a>],
    pub(super) shape: Shape,
    pub(super) cancel: &'a CancelToken,
    /// How products are computed.
    pub(super) arithmetic: Arithmetic,
    /// Where the panels of its weight stay.
    pub(super) kept: Option<&'a Kept>,
}

impl Turn<'_> {
    /// The same for a value of as many pixels with other channels.
    pub(super) fn with_channels(self, channels: usize) -> Self {
        Self { shape: Shape { channels, ..self.shape }, ..self }
    }

    /// Whether the rest of the node may be left out, since nobody will look at it.
    pub(super) fn cancelled(&self) -> bool {
        self.cancel.check().is_err()
    }
}
