//! Fusion: element-wise nodes move into the epilogue of the product that feeds them, and upsampling into the window of the
//! convolution that it feeds.
//!
//! Model code says `add(x, conv(norm(x)))`; the graph that runs has a convolution that adds `x` as
//! it writes. A node moves only if it is the sole reader of the product's value and the epilogue's
//! fixed order, `activation(sum + bias + per_image) + residual`, still allows it.

use super::{Activation, Graph, NodeId, Op, Window};

/// The graph with fused epilogues and windows, and without the nodes that no output needs.
pub(super) fn fuse(mut graph: Graph) -> Graph {
    for id in 0..graph.nodes.len() {
        fuse_into_input(&mut graph, id);
    }
    sweep(graph)
}

/// Merges node `id` into one of its inputs, if it may; the node then *is* the product, and the old
/// product is left without a reader.
fn fuse_into_input(graph: &mut Graph, id: NodeId) {
    let inputs = graph.nodes[id].inputs.clone();
    match graph.nodes[id].op {
        Op::Activate(activation) => try_fuse(graph, id, inputs[0], |op| activate(op, activation)),
        Op::AddPerImage => try_fuse(graph, id, inputs[0], |op| add_per_image(op, inputs[1])),
        Op::Add => {
            try_fuse(graph, id, inputs[1], |op| add_residual(op, inputs[0]))
                || try_fuse(graph, id, inputs[0], |op| add_residual(op, inputs[1]))
        }
        Op::Conv3x3 { .. } => see_doubled(graph, id),
        _ => false,
    };
}

/// What an operation reads besides its own inputs, once it has taken another node in; `None` where
/// it cannot take it.
type Absorbed = Option<Option<NodeId>>;

fn activate(op: &mut Op, activation: Activation) -> Absorbed {
    if let Op::Normalise { silu: silu @ false, .. } = op {
        *silu = activation == Activation::Silu;
        return silu.then_some(None);
    }
    let epilogue = op.epilogue_mut()?;
    let free = epilogue.activation == Activation::None && !epilogue.residual;
    free.then(|| epilogue.activation = activation)?;
    Some(None)
}

fn add_per_image(op: &mut Op, vector: NodeId) -> Absorbed {
    let epilogue = op.epilogue_mut()?;
    let free = epilogue.activation == Activation::None && !epilogue.residual && !epilogue.per_image;
    free.then(|| epilogue.per_image = true)?;
    Some(Some(vector))
}

fn add_residual(op: &mut Op, other: NodeId) -> Absorbed {
    let epilogue = op.epilogue_mut()?;
    (!epilogue.residual).then(|| epilogue.residual = true)?;
    Some(Some(other))
}

/// Replaces node `id` by its input `from`, changed by `absorb`.
fn try_fuse(graph: &mut Graph, id: NodeId, from: NodeId, absorb: impl FnOnce(&mut Op) -> Absorbed) -> bool {
    if readers(graph, from) != 1 || graph.outputs.contains(&from) {
        return false;
    }
    let mut op = graph.nodes[from].op.clone();
    let Some(extra) = absorb(&mut op) else { return false };
    let mut inputs = std::mem::take(&mut graph.nodes[from].inputs);
    inputs.extend(extra);
    let label = graph.nodes[from].label.clone();
    let node = &mut graph.nodes[id];
    (node.op, node.inputs, node.label) = (op, inputs, label);
    true
}

/// Lets convolution `id` see the picture before it was made twice as high and wide. Other sizes, and a picture that continues
/// on its opposite sides, stay values of their own.
fn see_doubled(graph: &mut Graph, id: NodeId) -> bool {
    let large = &graph.nodes[graph.nodes[id].inputs[0]];
    let &[small] = &large.inputs[..] else { return false };
    let (from, to) = (&graph.nodes[small], large.shape);
    let is_double = (to.height, to.width) == (2 * from.shape.height, 2 * from.shape.width);
    if !matches!(large.op, Op::Upsample) || !is_double || from.element != large.element {
        return false;
    }
    let node = &mut graph.nodes[id];
    let Op::Conv3x3 { window: window @ Window { stride: 1, origin: [1, 1], .. }, .. } = &mut node.op else {
        return false;
    };
    window.doubled = true;
    node.inputs[0] = small;
    true
}

fn readers(graph: &Graph, id: NodeId) -> usize {
    graph.nodes.iter().flat_map(|n| &n.inputs).filter(|&&input| input == id).count()
}

/// Drops every node from which no output can be reached, and renumbers the rest.
fn sweep(graph: Graph) -> Graph {
    let mut needed = vec![false; graph.nodes.len()];
    for &output in &graph.outputs {
        needed[output] = true;
    }
    for id in (0..graph.nodes.len()).rev() {
        if needed[id] {
            graph.nodes[id].inputs.iter().for_each(|&input| needed[input] = true);
        }
    }
    let mut renumbered = vec![usize::MAX; graph.nodes.len()];
    let mut nodes = Vec::new();
    for (id, mut node) in graph.nodes.into_iter().enumerate() {
        if needed[id] {
            node.inputs.iter_mut().for_each(|input| *input = renumbered[*input]);
            renumbered[id] = nodes.len();
            nodes.push(node);
        }
    }
    let outputs = graph.outputs.iter().map(|&output| renumbered[output]).collect();
    Graph { nodes, outputs }
}
