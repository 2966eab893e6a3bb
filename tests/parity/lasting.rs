//! What a text is made into once for many runs: as if it were made in each, on every backend.

use std::sync::Arc;

use fulmen_engine::Error;
use fulmen_engine::backend::{Backend, CancelToken, HostTensor, Program};
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::gpu::GpuOptions;
use fulmen_engine::graph::{Element, Graph, Recorder, Shape};
use fulmen_engine::noise::TorchRng;
use fulmen_engine::weights::Weight;

use crate::devices::open_gpu;

const CHANNELS: usize = 40;

fn weight(seed: u64) -> Arc<Weight> {
    let values = TorchRng::seed(seed).normals(CHANNELS * CHANNELS);
    Arc::new(Weight::from_f32(format!("weight.{seed}"), vec![CHANNELS; 2], &values))
}

/// Pixels that look at a text of so many tokens, twice, and are scaled by it.
fn graph(tokens: usize, element: Element) -> Arc<Graph> {
    let mut g = Recorder::new(element);
    let x = g.input("x", Shape::tokens(1, 12, CHANNELS));
    let text = g.lasting_input("text", Shape::tokens(1, tokens, CHANNELS));
    let scale = g.lasting_input("scale", Shape::vector(1, CHANNELS));
    let text = g.convert(text);
    let looks = |g: &mut Recorder, x, seed| {
        let key = g.linear(text, &weight(seed), None);
        let value = g.linear(text, &weight(seed + 1), None);
        g.attention(x, key, value, 5, false)
    };
    let h = looks(&mut g, x, 1);
    let h = g.linear(h, &weight(7), None);
    let h = looks(&mut g, h, 3);
    let y = g.add_per_image(h, scale);
    Arc::new(g.finish(&[y]).unwrap())
}

fn numbers(shape: Shape, seed: u64) -> HostTensor {
    HostTensor::f32(shape, TorchRng::seed(seed).normals(shape.len()))
}

/// What a run is given: pixels, a text and a scale of these seeds.
struct Given([HostTensor; 3]);

impl Given {
    fn new(tokens: usize, [x, text, scale]: [u64; 3]) -> Self {
        let shapes =
            [Shape::tokens(1, 12, CHANNELS), Shape::tokens(1, tokens, CHANNELS), Shape::vector(1, CHANNELS)];
        let [x, text, scale] = [(0, x), (1, text), (2, scale)].map(|(at, seed)| numbers(shapes[at], seed));
        Self([x, text, scale])
    }

    fn named(&self) -> [(&str, &HostTensor); 3] {
        ["scale", "x", "text"]
            .map(|name| (name, &self.0[["x", "text", "scale"].iter().position(|n| *n == name).unwrap()]))
    }

    fn run(&self, program: &mut dyn Program) -> HostTensor {
        program.run(&self.named(), &CancelToken::default()).unwrap().remove(0)
    }
}

fn holds_on(backend: &dyn Backend, element: Element) {
    let tokens = [9, 21];
    let graphs = tokens.map(|tokens| graph(tokens, element));
    let mut programs = graphs.clone().map(|graph| backend.compile(graph).unwrap());
    let fresh =
        |which: usize, given: &Given| given.run(backend.compile(graphs[which].clone()).unwrap().as_mut());
    // Which of two programs, and seeds of what it is given: the same text again, another, the first again; the other
    // program between.
    let runs = [
        (0, [1, 1, 1]),
        (0, [2, 1, 1]),
        (0, [2, 2, 1]),
        (0, [1, 2, 2]),
        (1, [1, 1, 1]),
        (0, [1, 2, 2]),
        (1, [2, 1, 1]),
        (1, [3, 1, 1]),
    ];
    let wanted: Vec<_> =
        runs.iter().map(|(which, seeds)| fresh(*which, &Given::new(tokens[*which], *seeds))).collect();
    for ((which, seeds), wanted) in runs.into_iter().zip(&wanted) {
        let given = Given::new(tokens[which], seeds);
        assert_eq!(given.run(programs[which].as_mut()), *wanted, "{which} {seeds:?} on {}", backend.name());
    }
    let (program, [first, second]) =
        (programs[1].as_mut(), [[1, 1, 1], [1, 2, 1]].map(|s| Given::new(tokens[1], s)));
    first.run(program);
    cancelled_runs_and_traces_leave_no_other_text(program, &first, &second);
    assert_eq!(second.run(program), fresh(1, &second), "{}", backend.name());
    only_the_rest_runs_again(program, &graphs[1], &second);
}

fn cancelled_runs_and_traces_leave_no_other_text(program: &mut dyn Program, first: &Given, second: &Given) {
    let before = first.run(program);
    let cancel = CancelToken::default();
    cancel.cancel();
    let error = program.run(&second.named(), &cancel).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    assert_eq!(first.run(program), before);
    let mut seen = 0;
    program
        .trace(&second.named(), &mut |_, _| {
            seen += 1;
            if seen == 6 { Err(Error::Cancelled) } else { Ok(()) }
        })
        .unwrap_err();
    assert_eq!(first.run(program), before);
}

fn only_the_rest_runs_again(program: &mut dyn Program, graph: &Graph, given: &Given) {
    let run = given.run(program);
    let profiled = program.profile(&given.named(), &CancelToken::default()).unwrap();
    let counted: u64 = profiled.kernels.iter().map(|kernel| kernel.flops).sum();
    assert_eq!(counted, graph.flops_again());
    let mut shown = 0;
    program
        .trace(&given.named(), &mut |_, _| {
            shown += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(shown, graph.nodes().len(), "a trace shows everything");
    assert_eq!([&run, &given.run(program)], [&profiled.outputs[0]; 2]);
}

#[test]
fn a_text_that_stays_is_read_once_on_the_cpu() {
    for element in [Element::F32, Element::F16] {
        holds_on(&CpuBackend::new(), element);
    }
}

#[test]
fn a_text_that_stays_is_read_once_on_a_gpu() {
    for element in [Element::F32, Element::F16] {
        holds_on(&open_gpu(GpuOptions::default()), element);
    }
}
