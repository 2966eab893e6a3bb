//! What a node works on, in short: how results of benchmarks call it, and how much it must move.

use super::{Activation, Element, Graph, Node, Op, Window};

impl Graph {
    /// The extents that a node's speed depends on: `4096×640 → 5120`. Nodes of one operation with the same are the same
    /// work.
    pub(crate) fn extents(&self, node: &Node) -> String {
        let input = |place: usize| self.nodes[node.inputs[place]].shape;
        let shape = node.shape;
        let images = if shape.images == 1 { String::new() } else { format!("{} of ", shape.images) };
        match &node.op {
            Op::Linear { weight, epilogue } => {
                let after = if epilogue.activation == Activation::Geglu { " geglu" } else { "" };
                format!("{}×{} → {}{after}", shape.rows(), input(0).channels, weight.outputs())
            }
            Op::Conv3x3 { window: Window { stride, doubled, .. }, .. } => {
                let (from, to) = (input(0).channels, shape.channels);
                let stride = if *stride == 1 { String::new() } else { format!(" stride {stride}") };
                let doubled = if *doubled { " doubled" } else { "" };
                format!("{images}{from} → {to} at {}×{}{stride}{doubled}", shape.width, shape.height)
            }
            Op::Attention { heads, causal } => {
                let (queries, keys) = (shape.pixels(), self.nodes[node.keys()].shape.pixels());
                let causal = if *causal { " causal" } else { "" };
                format!("{images}{queries} over {keys}, {heads} × {}{causal}", shape.channels / heads)
            }
            Op::Moments => input(0).to_string(),
            _ => shape.to_string(),
        }
    }

    /// Bytes that a node must at least read and write: its inputs, its weights and its value once each, where `size` tells
    /// the bytes of a number.
    pub(crate) fn traffic(&self, node: &Node, size: impl Fn(Element) -> usize) -> u64 {
        let bytes = |node: &Node| node.shape.len() * size(node.element);
        let inputs: usize = node.inputs.iter().map(|&input| bytes(&self.nodes[input])).sum();
        let weights: usize = match &node.op {
            Op::Linear { weight, .. } | Op::Conv3x3 { weight, .. } => {
                weight.len() * if weight.has_halves() { size_of::<u16>() } else { size_of::<f32>() }
            }
            _ => 0,
        };
        (inputs + weights + bytes(node)) as u64
    }
}
