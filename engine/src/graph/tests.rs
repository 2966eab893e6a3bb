//! The graph's own promises: fusion keeps the order of an epilogue, plans never share a live slot.

use std::sync::Arc;

use super::{
    Activation, Affine, ConvWindow, Element, Graph, NodeId, Op, Padding, Recorder, Shape, Tiling,
    plan::{Keep, plan},
};
use crate::weights::Weight;

fn weight(name: &str, shape: &[usize]) -> Arc<Weight> {
    let count = shape.iter().product();
    Arc::new(Weight::from_f32(name, shape.to_vec(), &vec![0.5; count]))
}

/// A residual block: norm, SiLU, convolution, time, norm, SiLU, convolution, shortcut.
fn res_block() -> Graph {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", Shape::image(1, 8, 8, 32));
    let time = g.input("time", Shape::vector(1, 32));
    let affine =
        Affine { scale: weight("norm.weight", &[32]), shift: weight("norm.bias", &[32]), epsilon: 1e-5 };
    let h = g.group_norm(x, 8, &affine);
    let h = g.silu(h);
    let h = g.conv3x3(h, &weight("conv1.weight", &[32, 32, 3, 3]), None, ConvWindow::SAME);
    let h = g.add_per_image(h, time);
    let h = g.group_norm(h, 8, &affine);
    let h = g.silu(h);
    let h = g.conv3x3(h, &weight("conv2.weight", &[32, 32, 3, 3]), None, ConvWindow::SAME);
    let y = g.add(x, h);
    g.finish(&[y]).expect("shapes fit")
}

#[test]
fn a_residual_block_fuses_to_two_norms_and_two_convolutions() {
    let graph = res_block();
    let names: Vec<_> = graph.nodes().iter().map(|n| n.op.name()).collect();
    let half = ["moments", "normalise", "conv3x3"];
    assert_eq!(names, [["input", "input"].as_slice(), &half, &half].concat());
    let [first, second] = [4, 7].map(|id: NodeId| match &graph.nodes()[id].op {
        Op::Conv3x3 { epilogue, .. } => epilogue,
        other => panic!("{}", other.name()),
    });
    assert!(first.per_image && !first.residual && !second.per_image && second.residual);
    assert_eq!(graph.nodes()[4].inputs, [3, 1], "the time embedding is the second input");
}

#[test]
fn a_function_after_a_residual_is_not_moved_before_it() {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", Shape::tokens(1, 4, 8));
    let y = g.linear(x, &weight("w.weight", &[8, 8]), None);
    let y = g.add(y, x);
    let y = g.silu(y);
    let graph = g.finish(&[y]).expect("shapes fit");
    assert_eq!(graph.nodes().len(), 3);
    assert!(matches!(graph.nodes()[2].op, Op::Activate(Activation::Silu)));
}

#[test]
fn a_value_with_two_readers_is_not_fused_away() {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", Shape::tokens(1, 4, 8));
    let h = g.linear(x, &weight("w.weight", &[8, 8]), None);
    let a = g.silu(h);
    let y = g.add(a, h);
    let graph = g.finish(&[y]).expect("shapes fit");
    assert_eq!(graph.nodes().iter().filter(|n| n.op.name() == "linear").count(), 1);
    assert_eq!(graph.nodes().len(), 4);
}

/// What stands between a picture and the convolution of what it was made larger to.
fn between(to: (usize, usize), window: ConvWindow, element: Element, tiling: Tiling) -> Vec<&'static str> {
    let mut g = Recorder::new(element).tiled(tiling);
    let x = g.input("x", Shape::image(1, 4, 5, 8));
    let large = g.upsample(x, to.0, to.1);
    let y = g.conv3x3(large, &weight("w.weight", &[8, 8, 3, 3]), None, window);
    let graph = g.finish(&[y]).expect("shapes fit");
    graph.nodes()[1..].iter().map(|node| node.op.name()).collect()
}

#[test]
fn a_convolution_sees_a_picture_doubled_that_is_not_written_so() {
    let (same, none) = (ConvWindow::SAME, Tiling::default());
    assert_eq!(between((8, 10), same, Element::F32, none), ["conv3x3"]);
    let apart = ["upsample", "conv3x3"];
    assert_eq!(between((8, 9), same, Element::F32, none), apart);
    assert_eq!(between((12, 15), same, Element::F32, none), apart);
    assert_eq!(between((8, 10), same, Element::F16, none), apart, "the input is in f32");
    assert_eq!(between((8, 10), ConvWindow { stride: 2, ..same }, Element::F32, none), apart);
    let wrapped = between((8, 10), same, Element::F32, Tiling { x: true, y: false });
    assert_eq!(wrapped, ["upsample", "pad", "conv3x3"]);
}

#[test]
fn shapes_that_do_not_fit_are_reported_by_name() {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", Shape::tokens(1, 4, 8));
    let y = g.linear(x, &weight("mid.proj.weight", &[8, 9]), None);
    let error = g.finish(&[y]).expect_err("9 inputs for 8 channels");
    assert!(error.to_string().contains("mid.proj.weight"), "{error}");
}

#[test]
fn values_that_live_together_have_slots_of_their_own() {
    let graph = res_block();
    let plan = plan(&graph, |id| graph.node(id).shape.len() as u64 * 4, Keep::Nothing, |_| false);
    for a in 0..graph.nodes().len() {
        for b in a + 1..graph.nodes().len() {
            let together = plan.last_use[a] >= b;
            assert!(!together || plan.slot_of[a] != plan.slot_of[b], "values {a} and {b}");
        }
    }
    // x, two values in flight, and the time vector, whose slot the second norm's moments take over.
    let (value, vector) = (8 * 8 * 32 * 4, 32 * 4);
    assert_eq!(plan.peak(), 3 * value + vector, "{:?}", plan.bytes);
}

#[test]
fn a_value_is_written_over_the_first_that_it_is_made_of_where_that_is_read_no_more() {
    let graph = res_block();
    let bytes = |id: NodeId| graph.node(id).shape.len() as u64 * 4;
    let plan = plan(&graph, bytes, Keep::Nothing, |node| matches!(node.op, Op::Normalise { .. }));
    let is_over = |id: &NodeId| {
        graph.node(*id).inputs.first().is_some_and(|&first| plan.slot_of[first] == plan.slot_of[*id])
    };
    // The first norm reads `x`, which the block adds at its end.
    assert_eq!((0..graph.nodes().len()).filter(is_over).collect::<Vec<_>>(), [6]);
    assert_eq!(graph.node(6).op.name(), "normalise");
}

#[test]
fn a_window_steps_along_the_picture_and_its_zeros() {
    let steps = |padding: Padding, stride| [3, 4, 5, 8].map(|extent| padding.steps(extent, stride));
    assert_eq!(steps(Padding::AROUND, 1), [3, 4, 5, 8].map(Some));
    assert_eq!(steps(Padding::AROUND, 2), [2, 2, 3, 4].map(Some));
    assert_eq!(steps(Padding::NONE, 1), [1, 2, 3, 6].map(Some));
    assert_eq!(steps(Padding::AFTER, 2), [1, 2, 2, 4].map(Some));
    assert_eq!(Padding::NONE.steps(2, 1), None);
}

#[test]
fn what_depends_on_lasting_inputs_alone_is_kept_where_others_read_it() {
    let mut g = Recorder::new(Element::F32);
    let text = g.lasting_input("text", Shape::tokens(1, 4, 8));
    let x = g.input("x", Shape::tokens(1, 4, 8));
    let inner = g.linear(text, &weight("inner.weight", &[8, 8]), None);
    let key = g.linear(inner, &weight("key.weight", &[8, 8]), None);
    let h = g.linear(x, &weight("query.weight", &[8, 8]), None);
    let y = g.attention(h, key, key, 2, false);
    let also = g.silu(text);
    let graph = g.finish(&[y, also]).expect("shapes fit");
    let named = |label: &str| graph.nodes().iter().position(|node| node.label == label).expect("it is there");
    let lasting = graph.lasting();
    let of = |label: &str| (lasting.is(named(label)), lasting.is_kept(named(label)));
    assert_eq!(of("text"), (true, true), "an output reads it");
    assert_eq!(of("inner"), (true, false), "the key alone reads it");
    assert_eq!(of("key"), (true, true));
    assert_eq!([of("x"), of("query"), of("activate of text")], [(false, false); 3]);
    assert_eq!(graph.flops() - graph.flops_again(), 2 * 2 * 4 * 8 * 8);

    let plan = plan(&graph, |id| graph.node(id).shape.len() as u64 * 4, Keep::Lasting, |_| false);
    let value = 4 * 8 * 4;
    assert_eq!(plan.kept(), [value; 2]);
    let kept = [named("text"), named("key")].map(|id| plan.slot_of[id]);
    let others = (0..graph.nodes().len()).filter(|id| !lasting.is_kept(*id)).map(|id| plan.slot_of[id]);
    assert!(others.clone().all(|slot| slot < plan.turns && !kept.contains(&slot)));
    assert_eq!(kept, [plan.turns, plan.turns + 1]);
}
