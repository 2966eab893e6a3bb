//! The fast operations against the definition of right, and against themselves on other threads.

mod bf16;
mod changed;
mod places;
mod winograd;

use std::sync::Arc;

use super::CpuBackend;
use crate::backend::{Backend, CancelToken, HostTensor, Program};
use crate::cases::{self, Case};
use crate::graph::{Affine, ConvWindow, Element, Recorder, Shape, Tensor};
use crate::noise::TorchRng;
use crate::weights::Weight;
use crate::{Error, Result};

/// This backend's sums are in f32 only within a tile, so it is held to a hundredth of what the table allows
/// a device in f32.
#[test]
fn every_operation_agrees_with_plain_loops() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        let bound = if case.variant.starts_with("f32") { 0.01 * case.bound } else { case.bound };
        let is_product = ["linear", "conv3x3"].contains(&case.kernel);
        // What has no product is the same whichever way products are computed.
        for backend in CpuBackend::all().take(if is_product { usize::MAX } else { 1 }) {
            let mut program = backend.compile(case.graph.clone()).expect("it compiles");
            let (worst, _) = case.worst_node(program.as_mut()).expect("it runs");
            if worst.is_nan() || worst > bound {
                let how = backend.arithmetic;
                wrong
                    .push(format!("{} {} by {how:?}: NMSE {worst:e} > {bound:e}", case.kernel, case.variant));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Uniform numbers between −1 and 1.
struct Maker(TorchRng);

impl Maker {
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        self.0.uniforms(count).into_iter().map(|u| 2.0 * u - 1.0).collect()
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

    fn affine(&mut self, channels: usize) -> Affine {
        Affine { scale: self.weight(&[channels]), shift: self.weight(&[channels]), epsilon: 1e-5 }
    }
}

/// A case with an input of each shape, and numbers for them.
fn recorded(shapes: &[Shape], record: impl FnOnce(&mut Recorder, &mut Maker, &[Tensor]) -> Tensor) -> Case {
    let (mut recorder, mut maker) = (Recorder::new(Element::F32), Maker(TorchRng::seed(7)));
    let (mut tensors, mut inputs) = (Vec::new(), Vec::new());
    for (place, shape) in shapes.iter().enumerate() {
        let name = format!("input {place}");
        tensors.push(recorder.input(&name, *shape));
        inputs.push((name, HostTensor::f32(*shape, maker.numbers(shape.len()))));
    }
    let output = record(&mut recorder, &mut maker, &tensors);
    let graph = Arc::new(recorder.finish(&[output]).expect("shapes fit"));
    Case { kernel: "several", variant: "f32".into(), graph, inputs, bound: 0.0 }
}

/// What this backend makes of it.
fn run(case: &Case) -> HostTensor {
    let mut program = CpuBackend::new().compile(case.graph.clone()).expect("compiles");
    program.run(&case.given(), &CancelToken::default()).expect("runs").remove(0)
}

/// How far the worst node is from right.
fn worst(case: &Case) -> f64 {
    let mut program = CpuBackend::new().compile(case.graph.clone()).expect("compiles");
    case.worst_node(program.as_mut()).expect("runs").0
}

fn on_threads(threads: usize, work: impl FnOnce() -> HostTensor + Send) -> HostTensor {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}

#[test]
fn pixels_agree_bit_for_bit_and_mark_what_is_not_finite() {
    let mut case = recorded(&[Shape::image(1, 50, 100, 3)], |g, _, x| g.picture(x[0]));
    let mut numbers: Vec<f32> = case.inputs[0].1.as_f32().iter().map(|x| x * 1.1).collect();
    // Exactly between two grey levels, and not a number.
    (numbers[0], numbers[1], numbers[5]) = (0.0, 1.0 / 255.0, f32::NAN);
    case.inputs[0].1 = HostTensor::f32(Shape::image(1, 50, 100, 3), numbers);
    assert_eq!(worst(&case), 0.0);
    let pixels = run(&case);
    assert_eq!(
        (pixels.as_u32()[0] & 0xff, pixels.as_u32()[0] >> 24, pixels.as_u32()[1] >> 24),
        (128, 255, 0)
    );
}

#[test]
fn tokens_become_rows_and_one_is_taken() {
    let (mut g, mut maker) = (Recorder::new(Element::F32), Maker(TorchRng::seed(3)));
    let ids = g.ids("ids", Shape::tokens(2, 5, 1));
    let index = g.ids("end", Shape::vector(2, 1));
    let (table, positions) = (maker.half_weight(&[11, 6]), maker.half_weight(&[7, 6]));
    let embedded = g.embed(ids, &table, &positions);
    let taken = g.take_token(embedded, index);
    let graph = Arc::new(g.finish(&[taken]).expect("shapes fit"));
    let ids = HostTensor::u32(Shape::tokens(2, 5, 1), vec![0, 10, 3, 3, 9, 1, 2, 4, 8, 5]);
    let end = HostTensor::u32(Shape::vector(2, 1), vec![4, 1]);
    let inputs = vec![("ids".to_owned(), ids), ("end".to_owned(), end)];
    let case = Case { kernel: "several", variant: "f32".into(), graph, inputs, bound: 0.0 };
    assert_eq!(worst(&case), 0.0);
    let expected = table.to_f32()[2 * 6] + positions.to_f32()[6];
    assert_eq!(run(&case).as_f32()[6], expected, "token 1 of image 1 is word 2");
}

/// Products, convolution, attention and norms in one graph, large enough for several tasks.
fn a_block() -> Case {
    let shape = Shape::image(1, 29, 23, 64);
    recorded(&[shape], |g, maker, x| {
        let affine = maker.affine(64);
        let shift = &affine.shift;
        let h = g.group_norm(x[0], 32, &affine);
        let h = g.silu(h);
        let h = g.conv3x3(h, &maker.half_weight(&[64, 64, 3, 3]), Some(shift), ConvWindow::SAME);
        let h = g.add(x[0], h);
        let [q, k, v] = [(); 3].map(|()| g.linear(h, &maker.half_weight(&[64, 64]), None));
        let a = g.attention(q, k, v, 2, false);
        let h = g.add(h, a);
        let h = g.layer_norm(h, &affine);
        let wide = (maker.half_weight(&[600, 64]), maker.weight(&[600]));
        let h = g.linear_geglu(h, &wide.0, &wide.1);
        g.linear(h, &maker.half_weight(&[64, 300]), Some(shift))
    })
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let case = a_block();
    let alone = on_threads(1, || run(&case));
    assert!(alone.as_f32().iter().all(|x| x.is_finite()));
    for threads in [1, 2, 3, 16] {
        assert!(on_threads(threads, || run(&case)) == alone, "on {threads} threads");
    }
}

#[test]
fn a_norm_over_what_it_reads_has_the_same_bits() {
    // Whole vectors and a part of one, in both images.
    let shape = Shape::image(2, 5, 7, 36);
    let program = |is_read_later: bool| {
        let (mut g, mut maker) = (Recorder::new(Element::F32), Maker(TorchRng::seed(7)));
        let x = g.input("x", shape);
        let h = g.linear(x, &maker.weight(&[36, 36]), None);
        let normed = g.group_norm(h, 4, &maker.affine(36));
        let normed = g.silu(normed);
        let graph =
            g.finish(&if is_read_later { vec![normed, h] } else { vec![normed] }).expect("shapes fit");
        CpuBackend::new().compile(Arc::new(graph)).expect("compiles")
    };
    let x = HostTensor::f32(shape, Maker(TorchRng::seed(8)).numbers(shape.len()));
    let [over, beside] = [false, true].map(|is_read_later| {
        let mut program = program(is_read_later);
        let out = program.run(&[("x", &x)], &CancelToken::default()).expect("runs").remove(0);
        (out, program.memory().activations)
    });
    assert_eq!(over.0, beside.0);
    assert_eq!(beside.1 - over.1, (shape.len() * size_of::<f32>()) as u64);
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
    let run_with = |inputs: &[(&str, &HostTensor)], cancel: &CancelToken| -> Result<Vec<HostTensor>> {
        CpuBackend::new().compile(case.graph.clone())?.run(inputs, cancel)
    };
    let wrong = HostTensor::f32(Shape::tokens(1, 1, 1), vec![0.0]);
    let missing = run_with(&[("y", &wrong)], &CancelToken::default()).expect_err("no input").to_string();
    let shape = run_with(&[("input 0", &wrong)], &CancelToken::default()).expect_err("a shape").to_string();
    assert!(missing.contains("input 0") && shape.contains("1×29×23×64"), "{missing}; {shape}");
    let cancel = CancelToken::default();
    cancel.cancel();
    assert!(matches!(run_with(&case.given(), &cancel), Err(Error::Cancelled)));
}

#[test]
fn a_profile_is_a_run_with_a_clock_at_every_node() {
    let shape = Shape::image(1, 6, 4, 8);
    let case = recorded(&[shape], |g, maker, inputs| {
        let weight = maker.half_weight(&[16, 8, 3, 3]);
        let y = g.conv3x3(inputs[0], &weight, None, ConvWindow::SAME);
        g.silu(y)
    });
    let mut program = CpuBackend::new().compile(case.graph.clone()).expect("it compiles");
    let outputs = program.run(&case.given(), &CancelToken::default()).expect("it runs");
    let profiled = program.profile(&case.given(), &CancelToken::default()).expect("it runs");
    assert_eq!(profiled.outputs, outputs);
    let [run] = &profiled.kernels[..] else {
        panic!("one node, SiLU in its epilogue: {:?}", profiled.kernels)
    };
    assert_eq!((run.kernel, &*run.extents), ("conv3x3", "8 → 16 at 4×6"));
    assert_eq!(run.flops, 2 * 24 * 8 * 16 * 9);
    // f32 values of the input and the output, and a weight in halves.
    assert_eq!(run.bytes, 4 * (24 * 8 + 24 * 16) + 2 * 8 * 16 * 9);
    assert!(run.seconds > 0.0);
}

#[test]
fn every_way_of_multiplying_f32_makes_the_same_bits() {
    let case = a_block();
    let right = run(&case);
    for backend in CpuBackend::all() {
        let mut program = backend.compile(case.graph.clone()).expect("compiles");
        let found = program.run(&case.given(), &CancelToken::default()).expect("runs").remove(0);
        assert!(found == right, "by {:?}", backend.arithmetic);
    }
}

#[test]
fn weights_that_are_kept_change_no_bit_and_are_counted() {
    let case = a_block();
    let backends = CpuBackend::all().chain(CpuBackend::in_bf16());
    for backend in backends {
        let compile = || backend.compile(case.graph.clone()).expect("compiles");
        let run = |program: &mut dyn Program| {
            program.run(&case.given(), &CancelToken::default()).expect("runs").remove(0)
        };
        let mut program = compile();
        let (right, before) = (run(program.as_mut()), program.memory());
        assert_eq!(before.weights, 0);
        program.run_often();
        let memory = program.memory();
        // Panels of 64: of queries, keys and values, of values with gates, of the last layer, of the convolution. Two bytes
        // for each number, whether in pairs of bf16 or in the halves that weights are.
        let bytes = 2 * 64 * (3 * 64 + 10 * 64 + 300 + 9 * 64);
        assert!((bytes..bytes + bytes / 50).contains(&memory.weights), "{memory:?}, {bytes} expected");
        assert!(memory.scratch < before.scratch, "panels are not made once more");
        for _ in 0..2 {
            assert!(run(program.as_mut()) == right, "by {:?}", backend.arithmetic);
        }
        assert_eq!(program.memory().weights, 0, "nothing is left to be made");
        let mut second = compile();
        second.run_often();
        assert!(run(second.as_mut()) == right);
    }
}
