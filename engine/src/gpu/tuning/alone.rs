//! A node as a graph of its own.

use crate::gpu::kernel_table::MANY_ROWS;
use crate::graph::{Element, Graph, Node, NodeId, Op, Shape};

/// The node `id` with inputs in place of what it reads, and with as many rows as tell how fast it is.
///
/// A weight is stored in halves where anything of its graph is: an input that nobody reads says so here.
pub(super) fn alone(graph: &Graph, id: NodeId) -> Graph {
    let node = graph.node(id);
    let cut = Cut::of(node);
    let input = |name: String, shape, element, bound| Node {
        op: Op::Input { name, lasts: false },
        inputs: vec![],
        shape,
        element,
        bound,
        label: node.label.clone(),
    };
    let read = node.inputs.iter().map(|read| graph.node(*read)).enumerate();
    let mut nodes: Vec<Node> = read
        .map(|(place, read)| input(place.to_string(), cut.apply(read.shape), read.element, read.bound))
        .collect();
    let inputs = (0..nodes.len()).collect();
    if graph.nodes().iter().any(|node| node.element == Element::F16) {
        nodes.push(input("halves".into(), Shape::vector(1, 8), Element::F16, None));
    }
    let own = Node { inputs, shape: cut.apply(node.shape), ..node.clone() };
    nodes.push(own);
    let output = nodes.len() - 1;
    Graph::of(nodes, vec![output])
}

/// How much of a node's rows is kept: some of the height of one image.
struct Cut {
    height: usize,
    of: usize,
}

impl Cut {
    /// All of it, where it is not far more than [`MANY_ROWS`].
    fn of(node: &Node) -> Self {
        let Shape { height, width, .. } = node.shape;
        let kept = MANY_ROWS.div_ceil(width).min(height);
        // Of attention that would take keys away, too.
        let is_long = height > 1 && node.shape.rows() > MANY_ROWS && !matches!(node.op, Op::Attention { .. });
        Self { height: if is_long { kept } else { height }, of: height }
    }

    fn apply(&self, shape: Shape) -> Shape {
        if self.height == self.of {
            return shape;
        }
        Shape { images: 1, height: (shape.height * self.height).div_ceil(self.of), ..shape }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::{ConvWindow, Recorder};
    use crate::weights::Weight;

    #[test]
    fn a_node_alone_has_its_inputs_and_not_more_rows_than_tell() {
        let mut g = Recorder::new(Element::F16);
        let x = g.input("x", Shape::image(2, 1024, 512, 8));
        let weight = Arc::new(Weight::from_f32("w", vec![8, 8, 3, 3], &[0.5; 8 * 8 * 9]));
        let inner = g.conv3x3(x, &weight, None, ConvWindow::SAME);
        let y = g.conv3x3(inner, &weight, None, ConvWindow::SAME);
        let graph = g.finish(&[y]).unwrap();
        let alone = alone(&graph, graph.outputs()[0]);
        let nodes: Vec<_> = alone.nodes().iter().map(|node| (node.shape, node.element)).collect();
        let kept = Shape::image(1, MANY_ROWS / 512, 512, 8);
        let halves = (Shape::vector(1, 8), Element::F16);
        assert_eq!(nodes, [(kept, Element::F16), halves, (kept, Element::F32)]);
        assert_eq!(alone.outputs(), [2]);
    }

    #[test]
    fn attention_keeps_all_its_keys() {
        let mut g = Recorder::new(Element::F32);
        let q = g.input("q", Shape::tokens(1, 4096, 64));
        let k = g.input("k", Shape::tokens(1, 77, 64));
        let y = g.attention(q, k, k, 2, false);
        let graph = g.finish(&[y]).unwrap();
        let alone = alone(&graph, graph.outputs()[0]);
        let rows: Vec<usize> = alone.nodes().iter().map(|node| node.shape.rows()).collect();
        assert_eq!(rows, [4096, 77, 77, 4096]);
    }
}
