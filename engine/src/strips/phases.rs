//! A graph in phases: what can be made strip by strip once the moments of the phases before are known.

use super::reach::{Reach, reach};
use crate::graph::{Graph, NodeId, Op};
use crate::{Error, Result};

/// Convolutions in a row after which a value is kept, so that strips need few rows beside their own.
const DEEP: usize = 3;

/// In which phase each node is made, and which values outlive theirs.
#[derive(Debug)]
pub(super) struct Phases {
    pub(super) of: Vec<usize>,
    pub(super) count: usize,
    /// Values that a later phase reads, moments not among them.
    pub(super) kept: Vec<bool>,
    /// How each node's rows come of others; of inputs that they are given.
    pub(super) reaches: Vec<Reach>,
}

impl Phases {
    /// # Errors
    /// [`Error::Graph`], the first node that cannot be made in strips.
    pub(super) fn of(graph: &Graph) -> Result<Self> {
        let reaches = reaches(graph)?;
        let readers = readers(graph);
        let mut of = earliest(graph, &readers);
        wait_for_readers(graph, &readers, &mut of);
        let outlives = |id: NodeId| {
            let is_value = !matches!(graph.node(id).op, Op::Input { .. } | Op::Moments);
            is_value && readers[id].iter().any(|&reader| of[reader] > of[id])
        };
        let kept = (0..of.len()).map(outlives).collect();
        Ok(Self { count: of.iter().max().map_or(0, |last| last + 1), of, kept, reaches })
    }

    /// The nodes of a phase, in their order.
    pub(super) fn nodes(&self, graph: &Graph, phase: usize) -> Vec<NodeId> {
        let is_made = |id: &NodeId| self.of[*id] == phase && !matches!(graph.node(*id).op, Op::Input { .. });
        (0..self.of.len()).filter(is_made).collect()
    }

    /// What a phase is run for: values that are kept, moments, and outputs of the graph.
    pub(super) fn made(&self, graph: &Graph, phase: usize) -> Vec<NodeId> {
        let is_made = |id: &NodeId| {
            self.kept[*id] || matches!(graph.node(*id).op, Op::Moments) || graph.outputs().contains(id)
        };
        self.nodes(graph, phase).into_iter().filter(is_made).collect()
    }
}

fn reaches(graph: &Graph) -> Result<Vec<Reach>> {
    let of = |(id, node): (NodeId, &crate::graph::Node)| {
        let is_input = matches!(node.op, Op::Input { .. }) && node.shape.images == 1;
        let found = if is_input { Some(Reach::Same) } else { reach(graph, id) };
        let what = || format!("{} of {} is not made in strips", node.op.name(), node.shape);
        found.ok_or_else(|| Error::Graph { node: node.label.clone(), what: what() })
    };
    graph.nodes().iter().enumerate().map(of).collect()
}

fn readers(graph: &Graph) -> Vec<Vec<NodeId>> {
    let mut readers = vec![vec![]; graph.nodes().len()];
    for (id, node) in graph.nodes().iter().enumerate() {
        node.inputs.iter().for_each(|&input| readers[input].push(id));
    }
    readers
}

/// The first phase in which each node can be made. A new one begins after moments, and after convolutions in a row where
/// one value alone goes on.
fn earliest(graph: &Graph, readers: &[Vec<NodeId>]) -> Vec<usize> {
    let (mut of, mut ends) = (vec![0; readers.len()], vec![false; readers.len()]);
    let mut depth = vec![0; readers.len()];
    // The last node that reads any of those before.
    let mut read_until = 0;
    for (id, node) in graph.nodes().iter().enumerate() {
        of[id] = node.inputs.iter().map(|&input| of[input] + usize::from(ends[input])).max().unwrap_or(0);
        let near = node.inputs.iter().filter(|&&input| of[input] == of[id] && !ends[input]);
        let convolutions = usize::from(matches!(node.op, Op::Conv3x3 { .. }));
        depth[id] = near.map(|&input| depth[input]).max().unwrap_or(0) + convolutions;
        let is_narrow = read_until <= id && depth[id] >= DEEP;
        let goes_on = readers[id].iter().all(|&reader| !matches!(graph.node(reader).op, Op::Moments));
        let is_large = matches!(node.op, Op::Upsample | Op::Pad { .. });
        ends[id] = matches!(node.op, Op::Moments) || is_narrow && goes_on && !is_large;
        read_until = readers[id].iter().copied().max().unwrap_or(id).max(read_until);
    }
    of
}

/// A product that nothing in its own phase reads waits until its input is read for the last time: the shortcut around a
/// block, which need not be there beside its input.
fn wait_for_readers(graph: &Graph, readers: &[Vec<NodeId>], of: &mut [usize]) {
    for (id, node) in graph.nodes().iter().enumerate().rev() {
        let first = readers[id].iter().map(|&reader| of[reader]).min();
        let (Op::Linear { .. }, Some(first)) = (&node.op, first) else { continue };
        let others = readers[node.inputs[0]].iter().filter(|&&reader| reader != id);
        let last = others.map(|&reader| of[reader]).max().unwrap_or(0);
        of[id] = last.clamp(of[id], first.max(of[id]));
    }
}
