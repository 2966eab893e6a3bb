//! Halves in a graph that is otherwise of f32.
//!
//! A VAE's values may exceed halves, which end at 65,504. What a group norm makes of them does not: of n numbers with mean 0
//! and deviation 1 none is beyond √(n − 1) (Samuelson's inequality), and scale and shift are known. Nearly all products of a
//! VAE read such values, and matrix units multiply halves. What is added up from layer to layer stays f32.

use half::f16;

use super::{Element, Graph, NodeId, Op};
use crate::weights::Weight;

/// Stores in halves what is normalised, where nothing but products reads it and no picture makes it too large.
pub(super) fn store_normalised(graph: &mut Graph) {
    for id in 0..graph.nodes.len() {
        let fits = largest(graph, id).is_some_and(|largest| largest <= f16::MAX.to_f64());
        let Some(borders) = borders(graph, id).filter(|_| fits) else { continue };
        for id in [vec![id], borders].concat() {
            graph.nodes[id].element = Element::F16;
        }
    }
}

/// The largest number that a normalisation can make; `None` of other nodes.
fn largest(graph: &Graph, id: NodeId) -> Option<f64> {
    let node = &graph.nodes[id];
    let Op::Normalise { affine, .. } = &node.op else { return None };
    let groups = graph.nodes[node.inputs[1]].shape.width;
    let of_group = node.shape.pixels() * (node.shape.channels / groups);
    let largest =
        |weight: &Weight| weight.to_f32().into_iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
    // SiLU makes nothing larger.
    Some((of_group as f64).sqrt() * largest(&affine.scale) + largest(&affine.shift))
}

/// The borders through which products see a value; `None` where anything else reads it.
fn borders(graph: &Graph, id: NodeId) -> Option<Vec<NodeId>> {
    let mut borders = vec![];
    for (reader, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.inputs.contains(&id)) {
        let is_left = node.inputs[0] == id && !node.inputs[1..].contains(&id);
        match node.op {
            Op::Linear { .. } | Op::Conv3x3 { .. } if is_left => {}
            Op::Pad { .. } => borders.extend([vec![reader], self::borders(graph, reader)?].concat()),
            _ => return None,
        }
    }
    (!graph.outputs.contains(&id)).then_some(borders)
}
