//! How large the numbers of a value can be, whatever a graph is given.
//!
//! A VAE's values may exceed what halves hold. What a group norm makes of them does not: of n numbers with mean 0 and
//! deviation 1 none is beyond √(n − 1) (Samuelson's inequality), and scale and shift are known.

use super::{Element, Graph, Node, Op};
use crate::weights::Weight;

/// What rounding may add to a number, and more.
const ROUNDING: f64 = 1.01;

/// Notes the bounds of all values in f32.
pub(super) fn find(graph: &mut Graph) {
    for id in 0..graph.nodes.len() {
        if graph.nodes[id].element == Element::F32 {
            graph.nodes[id].bound = bound(graph, &graph.nodes[id]);
        }
    }
}

fn bound(graph: &Graph, node: &Node) -> Option<f32> {
    let input = |place: usize| &graph.nodes[node.inputs[place]];
    match &node.op {
        // SiLU makes nothing larger.
        Op::Normalise { affine, .. } => {
            let groups = input(1).shape.width;
            let of_group = node.shape.pixels() * (node.shape.channels / groups);
            let most = (of_group as f64).sqrt() * largest(&affine.scale)? + largest(&affine.shift)?;
            Some((ROUNDING * most) as f32)
        }
        Op::Pad { .. } | Op::Upsample | Op::Rows(_) => input(0).bound,
        _ => None,
    }
}

/// Of a weight's numbers, where they are known.
fn largest(weight: &Weight) -> Option<f64> {
    let numbers = weight.has_numbers().then(|| weight.to_f32())?;
    Some(numbers.into_iter().map(|number| f64::from(number.abs())).fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::{Affine, ConvWindow, Recorder, Shape, Tiling};

    fn weight(shape: &[usize], number: f32) -> Arc<Weight> {
        Arc::new(Weight::from_f32("w", shape.to_vec(), &vec![number; shape.iter().product()]))
    }

    /// The bounds of a norm, a border around it and the convolution that reads both.
    fn bounds(element: Element) -> Vec<Option<f32>> {
        let mut g = Recorder::new(element).tiled(Tiling { x: true, y: true });
        let x = g.input("x", Shape::image(2, 8, 8, 32));
        let affine = Affine { scale: weight(&[32], -3.0), shift: weight(&[32], 0.5), epsilon: 1e-5 };
        let h = g.group_norm(x, 8, &affine);
        let h = g.silu(h);
        let h = g.conv3x3(h, &weight(&[32, 32, 3, 3], 0.5), None, ConvWindow::SAME);
        let y = g.add(x, h);
        let graph = g.finish(&[y]).expect("shapes fit");
        let of = |name| graph.nodes().iter().find(|node| node.op.name() == name).expect("one").bound;
        ["normalise", "pad", "conv3x3"].map(of).to_vec()
    }

    /// Of a group of 4 channels and 64 pixels nothing is beyond 16 deviations.
    #[test]
    fn what_is_normalised_has_a_bound_and_so_has_its_border() {
        let most = Some(1.01 * (16.0 * 3.0 + 0.5));
        assert_eq!(bounds(Element::F32), [most, most, None]);
        assert_eq!(bounds(Element::F16), [None; 3]);
    }
}
