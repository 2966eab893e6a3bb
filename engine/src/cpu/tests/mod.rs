//! The fast operations against the definition of right, and against themselves on other threads.

mod places;

use std::sync::Arc;

use super::{CpuBackend, reference};
use crate::backend::{Backend, CancelToken, HostTensor, Values};
use crate::graph::{Activation, Affine, Element, Graph, Op, Recorder, Shape, Steps, Tensor};
use crate::weights::Weight;
use crate::{Error, Result};

/// A small generator of its own: tests must draw the same numbers for ever.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }

    fn affine(&mut self, channels: usize) -> Affine {
        Affine { scale: self.weight(&[channels]), shift: self.weight(&[channels]), epsilon: 1e-5 }
    }

    fn weight(&mut self, shape: &[usize]) -> Arc<Weight> {
        let numbers = self.numbers(shape.iter().product());
        Arc::new(Weight::from_f32("layer.weight", shape.to_vec(), &numbers))
    }

    /// As checkpoints have them.
    fn half_weight(&mut self, shape: &[usize]) -> Arc<Weight> {
        let numbers = self.numbers(shape.iter().product());
        let halves: Vec<_> = numbers.into_iter().map(half::f16::from_f32).collect();
        Arc::new(Weight::from_f16("layer.weight", shape.to_vec(), &halves))
    }
}

/// A graph with an input of each shape, and numbers for them.
struct Case {
    graph: Arc<Graph>,
    inputs: Vec<(String, HostTensor)>,
}

impl Case {
    fn new(shapes: &[Shape], record: impl FnOnce(&mut Recorder, &mut Dice, &[Tensor]) -> Tensor) -> Self {
        let (mut recorder, mut dice) = (Recorder::new(Element::F32), Dice(7));
        let named = |i: usize| format!("input {i}");
        let tensors: Vec<Tensor> =
            shapes.iter().enumerate().map(|(i, shape)| recorder.input(&named(i), *shape)).collect();
        let inputs = shapes.iter().enumerate();
        let inputs = inputs.map(|(i, shape)| (named(i), HostTensor::f32(*shape, dice.numbers(shape.len()))));
        let inputs = inputs.collect();
        let output = record(&mut recorder, &mut dice, &tensors);
        Self { graph: Arc::new(recorder.finish(&[output]).expect("shapes fit")), inputs }
    }

    fn given(&self) -> Vec<(&str, &HostTensor)> {
        self.inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect()
    }

    fn run(&self) -> HostTensor {
        let mut program = CpuBackend::new().compile(self.graph.clone()).expect("compiles");
        program.run(&self.given(), &CancelToken::default()).expect("runs").remove(0)
    }

    /// Σ(a − b)² / Σb², the worst of all nodes, each computed by the reference from what the fast
    /// code gave to it.
    fn worst_error(&self) -> f64 {
        let mut program = CpuBackend::new().compile(self.graph.clone()).expect("compiles");
        let (mut values, mut worst) = (Vec::<HostTensor>::new(), 0.0f64);
        let visited = program.trace(&self.given(), &mut |node, value| {
            if !matches!(node.op, Op::Input { .. }) {
                let inputs: Vec<&HostTensor> = node.inputs.iter().map(|&input| &values[input]).collect();
                worst = worst.max(nmse(value, &reference::evaluate(node, &inputs)));
            }
            values.push(value.clone());
            Ok(())
        });
        visited.expect("runs");
        assert_eq!(values.len(), self.graph.nodes().len(), "nodes visited");
        worst
    }
}

fn nmse(found: &HostTensor, right: &HostTensor) -> f64 {
    assert_eq!(found.shape, right.shape);
    let (found, right) = match (&found.values, &right.values) {
        (Values::F32(found), Values::F32(right)) => (found, right),
        (found, right) => return if found == right { 0.0 } else { 1.0 },
    };
    let square = |x: f64| x * x;
    let error: f64 = found.iter().zip(right).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let norm: f64 = right.iter().map(|b| square(f64::from(*b))).sum();
    if error == 0.0 { 0.0 } else { error / norm }
}

fn on_threads(threads: usize, work: impl FnOnce() -> HostTensor + Send) -> HostTensor {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}

/// (rows, in, out): one, primes, a tile and one more or less, panels that are not full.
const LINEARS: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (2, 1031, 50),
    (8, 320, 96),
    (9, 3, 5),
    (77, 77, 47),
    (63, 513, 48),
    (65, 512, 49),
    (129, 640, 33),
    (257, 64, 320),
    (511, 10, 97),
    (513, 31, 16),
    (1025, 8, 3),
];

#[test]
fn a_linear_layer_agrees_at_awkward_sizes() {
    for (rows, depth, outputs) in LINEARS {
        let case = Case::new(&[Shape::tokens(1, rows, depth)], |g, dice, x| {
            let (weight, bias) = (dice.half_weight(&[outputs, depth]), dice.weight(&[outputs]));
            g.linear(x[0], &weight, Some(&bias))
        });
        let error = case.worst_error();
        assert!(error < 1e-12, "{rows}×{depth}→{outputs}: {error:e}");
    }
}

#[test]
fn every_epilogue_agrees() {
    let activations = [
        Activation::None,
        Activation::Silu,
        Activation::Gelu,
        Activation::QuickGelu,
        Activation::Relu,
        Activation::SoftClamp,
    ];
    for (activation, rows) in activations.into_iter().flat_map(|a| [(a, 2), (a, 70)]) {
        let (shape, out) = (Shape::tokens(2, rows, 40), Shape::tokens(2, rows, 59));
        let case = Case::new(&[shape, Shape::vector(2, 59), out], |g, dice, x| {
            let (weight, bias) = (dice.weight(&[59, 40]), dice.weight(&[59]));
            let y = g.linear(x[0], &weight, Some(&bias));
            let y = g.add_per_image(y, x[1]);
            let y = if activation == Activation::None { y } else { g.activate(y, activation) };
            g.add(x[2], y)
        });
        assert_eq!(case.graph.nodes().len(), 4, "all of it is one node");
        let error = case.worst_error();
        assert!(error < 1e-12, "{activation:?} of {rows} rows: {error:e}");
    }
}

#[test]
fn geglu_pairs_every_value_with_its_gate() {
    for (rows, inner) in [(1, 7), (5, 48), (33, 24), (70, 25), (130, 100)] {
        let shapes = [Shape::tokens(1, rows, 36), Shape::tokens(1, rows, inner)];
        let case = Case::new(&shapes, |g, dice, x| {
            let (weight, bias) = (dice.half_weight(&[2 * inner, 36]), dice.weight(&[2 * inner]));
            let y = g.linear_geglu(x[0], &weight, &bias);
            g.add(x[1], y)
        });
        let error = case.worst_error();
        assert!(error < 1e-12, "{rows} rows, {inner}: {error:e}");
    }
}

/// (height, width, in, out, stride).
const CONVOLUTIONS: [(usize, usize, usize, usize, usize); 11] = [
    (1, 1, 1, 1, 1),
    (1, 7, 3, 10, 1),
    (5, 3, 10, 3, 2),
    (8, 8, 4, 320, 1),
    (7, 11, 31, 5, 1),
    (6, 9, 32, 48, 2),
    (13, 5, 33, 49, 1),
    (16, 17, 65, 3, 1),
    (9, 9, 320, 7, 2),
    (23, 23, 40, 60, 1),
    (1, 130, 5, 16, 2),
];

#[test]
fn a_convolution_agrees_at_awkward_sizes() {
    for (height, width, channels, outputs, stride) in CONVOLUTIONS {
        let to = Shape::image(2, (height - 1) / stride + 1, (width - 1) / stride + 1, outputs);
        let case = Case::new(&[Shape::image(2, height, width, channels), to], |g, dice, x| {
            let (weight, bias) = (dice.half_weight(&[outputs, channels, 3, 3]), dice.weight(&[outputs]));
            let y = g.conv3x3(x[0], &weight, Some(&bias), Steps { stride, ..Steps::SAME });
            g.add(y, x[1])
        });
        let error = case.worst_error();
        assert!(error < 1e-12, "{height}×{width}×{channels}→{outputs}, stride {stride}: {error:e}");
    }
}

/// (queries, keys, heads, head_dim, causal).
const ATTENTIONS: [(usize, usize, usize, usize, bool); 10] = [
    (1, 1, 1, 1, false),
    (77, 77, 3, 16, true),
    (64, 64, 32, 1, false),
    (193, 77, 5, 64, false),
    (31, 257, 2, 10, false),
    (300, 300, 1, 5, true),
    (16, 1, 2, 64, false),
    (50, 600, 1, 512, false),
    (385, 13, 2, 2, false),
    (260, 513, 1, 40, true),
];

#[test]
fn attention_agrees_at_awkward_sizes() {
    for (queries, keys, heads, head_dim, causal) in ATTENTIONS {
        let [q, k] = [queries, keys].map(|tokens| Shape::tokens(2, tokens, heads * head_dim));
        let case = Case::new(&[q, k, k], |g, _, x| g.attention(x[0], x[1], x[2], heads, causal));
        let error = case.worst_error();
        assert!(error < 1e-11, "{queries}×{keys}, {heads}×{head_dim}, causal {causal}: {error:e}");
    }
}

#[test]
fn attention_follows_scores_that_grow_from_block_to_block() {
    let shape = Shape::tokens(1, 700, 8);
    let mut case = Case::new(&[shape; 3], |g, _, x| g.attention(x[0], x[1], x[2], 1, false));
    let growing = (0..shape.len()).map(|i| (i / 8) as f32 * 0.1).collect();
    case.inputs[1].1 = HostTensor::f32(shape, growing);
    let error = case.worst_error();
    assert!(error < 1e-11, "{error:e}");
}

#[test]
fn norms_agree_far_from_zero() {
    for (height, width, channels, groups) in
        [(1, 1, 32, 32), (7, 11, 10, 5), (64, 33, 64, 32), (40, 41, 3, 1)]
    {
        let shape = Shape::image(2, height, width, channels);
        let mut case = Case::new(&[shape], |g, dice, x| {
            let affine = dice.affine(channels);
            let h = g.group_norm(x[0], groups, &affine);
            let h = g.silu(h);
            g.layer_norm(h, &affine)
        });
        let far = case.inputs[0].1.as_f32().iter().map(|x| x + 100.0).collect();
        case.inputs[0].1 = HostTensor::f32(shape, far);
        let error = case.worst_error();
        // A number near 100 has itself no more than 2⁻¹⁸ of resolution.
        assert!(error < 1e-10, "{shape} in {groups}: {error:e}");
    }
}

#[test]
fn what_moves_numbers_about_agrees() {
    let shape = Shape::image(2, 7, 5, 3);
    let case = Case::new(&[shape, shape, Shape::vector(2, 6)], |g, _, x| {
        let y = g.concat(x[0], x[1]);
        let y = g.add_per_image(y, x[2]);
        let y = g.upsample(y, 15, 9);
        let y = g.pad(y, [true, false], [2, 1]);
        let y = g.rows(y, 1..16);
        let y = g.add(y, y);
        g.activate(y, Activation::Gelu)
    });
    let error = case.worst_error();
    assert!(error < 1e-13, "{error:e}");
}

#[test]
fn pixels_agree_bit_for_bit_and_mark_what_is_not_finite() {
    let mut case = Case::new(&[Shape::image(1, 50, 100, 3)], |g, _, x| g.picture(x[0]));
    let mut numbers: Vec<f32> = case.inputs[0].1.as_f32().iter().map(|x| x * 1.1).collect();
    // Exactly between two grey levels, and not a number.
    (numbers[0], numbers[1], numbers[5]) = (0.0, 1.0 / 255.0, f32::NAN);
    case.inputs[0].1 = HostTensor::f32(Shape::image(1, 50, 100, 3), numbers);
    assert_eq!(case.worst_error(), 0.0);
    let pixels = case.run();
    assert_eq!(
        (pixels.as_u32()[0] & 0xff, pixels.as_u32()[0] >> 24, pixels.as_u32()[1] >> 24),
        (128, 255, 0)
    );
}

#[test]
fn tokens_become_rows_and_one_is_taken() {
    let (mut g, mut dice) = (Recorder::new(Element::F32), Dice(3));
    let ids = g.ids("ids", Shape::tokens(2, 5, 1));
    let index = g.ids("end", Shape::vector(2, 1));
    let (table, positions) = (dice.half_weight(&[11, 6]), dice.half_weight(&[7, 6]));
    let embedded = g.embed(ids, &table, &positions);
    let taken = g.take_token(embedded, index);
    let graph = Arc::new(g.finish(&[taken]).expect("shapes fit"));
    let ids = HostTensor::u32(Shape::tokens(2, 5, 1), vec![0, 10, 3, 3, 9, 1, 2, 4, 8, 5]);
    let end = HostTensor::u32(Shape::vector(2, 1), vec![4, 1]);
    let inputs = vec![("ids".to_owned(), ids), ("end".to_owned(), end)];
    let case = Case { graph, inputs };
    assert_eq!(case.worst_error(), 0.0);
    let expected = table.to_f32()[2 * 6] + positions.to_f32()[6];
    assert_eq!(case.run().as_f32()[6], expected, "token 1 of image 1 is word 2");
}

/// Products, convolution, attention and norms in one graph, large enough for several tasks.
fn a_block() -> Case {
    let shape = Shape::image(1, 29, 23, 64);
    Case::new(&[shape], |g, dice, x| {
        let affine = dice.affine(64);
        let shift = &affine.shift;
        let h = g.group_norm(x[0], 32, &affine);
        let h = g.silu(h);
        let h = g.conv3x3(h, &dice.half_weight(&[64, 64, 3, 3]), Some(shift), Steps::SAME);
        let h = g.add(x[0], h);
        let [q, k, v] = [(); 3].map(|()| g.linear(h, &dice.half_weight(&[64, 64]), None));
        let a = g.attention(q, k, v, 2, false);
        let h = g.add(h, a);
        let h = g.layer_norm(h, &affine);
        let wide = (dice.half_weight(&[600, 64]), dice.weight(&[600]));
        let h = g.linear_geglu(h, &wide.0, &wide.1);
        g.linear(h, &dice.half_weight(&[64, 300]), Some(shift))
    })
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let case = a_block();
    let alone = on_threads(1, || case.run());
    assert!(alone.as_f32().iter().all(|x| x.is_finite()));
    for threads in [1, 2, 3, 16] {
        assert!(on_threads(threads, || case.run()) == alone, "on {threads} threads");
    }
}

#[test]
fn halves_are_rounded_after_every_node_but_the_outputs() {
    let mut g = Recorder::new(Element::F16);
    let x = g.input("x", Shape::tokens(1, 1, 2));
    let y = g.add(x, x);
    let z = g.add(y, y);
    let graph = Arc::new(g.finish(&[z]).expect("shapes fit"));
    let given = HostTensor::f32(Shape::tokens(1, 1, 2), vec![1.0 + 1.0 / 4096.0, 0.25]);
    let mut program = CpuBackend::new().compile(graph).expect("compiles");
    let found = program.run(&[("x", &given)], &CancelToken::default()).expect("runs").remove(0);
    assert_eq!(found.as_f32(), [4.0, 1.0]);
}

#[test]
fn inputs_that_are_missing_or_of_another_shape_are_named() {
    let case = a_block();
    let run = |inputs: &[(&str, &HostTensor)], cancel: &CancelToken| -> Result<Vec<HostTensor>> {
        CpuBackend::new().compile(case.graph.clone())?.run(inputs, cancel)
    };
    let wrong = HostTensor::f32(Shape::tokens(1, 1, 1), vec![0.0]);
    let missing = run(&[("y", &wrong)], &CancelToken::default()).expect_err("no input").to_string();
    let shape = run(&[("input 0", &wrong)], &CancelToken::default()).expect_err("a shape").to_string();
    assert!(missing.contains("input 0") && shape.contains("1×29×23×64"), "{missing}; {shape}");
    let cancel = CancelToken::default();
    cancel.cancel();
    assert!(matches!(run(&case.given(), &cancel), Err(Error::Cancelled)));
}
