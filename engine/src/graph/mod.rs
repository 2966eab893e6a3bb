//! A model as a graph: written once, run by any backend.
//!
//! A layer's `forward` records nodes into a [`Recorder`]; nothing is computed. Shapes are checked as
//! they are recorded. [`Recorder::finish`] drops what no output needs and moves element-wise work
//! into the epilogues of products (`fuse`); [`plan`] then knows every value's lifetime.

mod bounds;
mod extents;
mod fuse;
mod lasting;
mod op;
pub mod plan;
mod record;
mod shape;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use lasting::Lasting;
pub use op::{Activation, Affine, Epilogue, Op};
pub use record::{Recorder, Tensor};
pub use shape::{Element, Shape, Tiling};
pub use window::{ConvWindow, Padding, Window};

/// A node's place in its graph; also the name of the one value that it makes.
pub(crate) type NodeId = usize;

/// One operation with its inputs, and the value that it makes.
#[derive(Debug, Clone)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From which values: earlier nodes, in the order that the operation lists.
    pub inputs: Vec<NodeId>,
    /// The extents of the value.
    pub shape: Shape,
    /// How the value is stored.
    pub element: Element,
    /// What none of the value's numbers exceeds, whatever the graph is given; `None` where that is not known, and of halves.
    pub(crate) bound: Option<f32>,
    /// Where in the model it stands: `unet.down_blocks.0.resnets.0.conv1`.
    pub label: String,
}

impl Node {
    /// Of attention, the value that has its keys.
    pub(crate) fn keys(&self) -> NodeId {
        self.inputs[self.inputs.len().min(2) - 1]
    }
}

/// A finished graph: nodes in an order in which they can run.
#[derive(Debug, Clone)]
pub struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<NodeId>,
}

impl Graph {
    /// Of nodes that were recorded and fused as those of another graph.
    pub(crate) fn of(nodes: Vec<Node>, outputs: Vec<NodeId>) -> Self {
        Self { nodes, outputs }
    }

    /// All nodes; each comes after its inputs.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// The values that a run gives back, in this order.
    pub(crate) fn outputs(&self) -> &[NodeId] {
        &self.outputs
    }

    /// The input of this name.
    #[must_use]
    pub fn input(&self, wanted: &str) -> Option<NodeId> {
        self.nodes.iter().position(|n| matches!(&n.op, Op::Input { name, .. } if name == wanted))
    }

    /// Multiplications and additions of one run in which everything is computed, two for each product of two numbers: products,
    /// convolutions and attention. The rest is bound by memory, not by arithmetic.
    #[must_use]
    pub fn flops(&self) -> u64 {
        self.nodes.iter().map(|node| self.node_flops(node)).sum()
    }

    /// [`Graph::flops`] of a run whose lasting inputs are those of the run before.
    #[must_use]
    pub fn flops_again(&self) -> u64 {
        let lasting = self.lasting();
        let again = self.nodes.iter().enumerate().filter(|(id, _)| !lasting.is(*id));
        again.map(|(_, node)| self.node_flops(node)).sum()
    }

    /// [`Graph::flops`] of one node.
    pub(crate) fn node_flops(&self, node: &Node) -> u64 {
        let rows = node.shape.rows() as u64;
        match &node.op {
            Op::Linear { weight, .. } | Op::Conv3x3 { weight, .. } => 2 * rows * weight.len() as u64,
            Op::Attention { .. } => {
                let keys = self.nodes[node.keys()].shape.pixels() as u64;
                4 * rows * keys * node.shape.channels as u64
            }
            _ => 0,
        }
    }
}
