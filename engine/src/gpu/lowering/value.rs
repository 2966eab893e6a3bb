//! How a value lies in its buffer.

use super::Binding;
use crate::graph::{Element, Node, NodeId, Shape};

/// A value `[images, height, width, channels]` as rows: one for each pixel or token, of `pitch`
/// numbers, of which the last ones beyond `channels` are always zero.
///
/// The pitch is the channels rounded up to a multiple of 8, so that a kernel may read a row in
/// eighths: eight numbers are one `vec4<u32>` of pairs of halves (lower channel in the low half), or
/// two of f32. Ids and packed pixels ([`Element::U32`]) are one word a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gpu) struct Value {
    /// The node that makes it.
    pub id: NodeId,
    /// Its extents.
    pub shape: Shape,
    /// How its numbers are stored.
    pub element: Element,
    /// Numbers from one row to the next.
    pub pitch: usize,
}

impl Value {
    pub(in crate::gpu) fn new(id: NodeId, node: &Node) -> Self {
        let pitch = match node.element {
            Element::U32 => node.shape.channels,
            Element::F16 | Element::F32 => node.shape.channels.next_multiple_of(8),
        };
        Self { id, shape: node.shape, element: node.element, pitch }
    }

    /// Pixels or tokens of the whole batch.
    pub(in crate::gpu) fn rows(&self) -> usize {
        self.shape.rows()
    }

    /// Groups of eight numbers in a row.
    pub(in crate::gpu) fn eighths(&self) -> usize {
        self.pitch / 8
    }

    /// Whether its numbers are pairs of halves: the `…_HALF` override of kernels.
    pub(in crate::gpu) fn half(&self) -> bool {
        self.element == Element::F16
    }

    /// Bytes from one row to the next.
    pub(in crate::gpu) fn row_bytes(&self) -> u64 {
        let number = if self.half() { 2 } else { 4 };
        (self.pitch * number) as u64
    }

    /// Bytes of the whole value.
    pub(in crate::gpu) fn bytes(&self) -> u64 {
        self.rows() as u64 * self.row_bytes()
    }
}

/// Some rows of a value, bound.
///
/// Bindings start at multiples of the device's alignment, so a few rows before the wanted ones may
/// be bound with them. A kernel either counts rows of the whole value and subtracts `first`, or
/// counts from the first wanted row and adds `skip`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gpu) struct Rows {
    /// The range of bytes.
    pub binding: Binding,
    /// The row of the value with which the binding starts.
    pub first: u32,
    /// Rows bound before the first wanted one.
    pub skip: u32,
}
