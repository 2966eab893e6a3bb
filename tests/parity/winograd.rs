//! Convolutions by Winograd: the same to the bit however pictures are cut or put together, and only where they suit.

use std::collections::BTreeSet;
use std::sync::Arc;

use fulmen_engine::backend::{Backend, CancelToken, HostTensor};
use fulmen_engine::gpu::{Core, GpuBackend, GpuOptions, Operation};
use fulmen_engine::graph::{ConvWindow, Element, Graph, Padding, Recorder, Shape};
use fulmen_engine::noise::TorchRng;
use fulmen_engine::weights::Weight;

use crate::devices::open_gpu;

const NONE: Padding = Padding { before: 0, after: 0 };
const AROUND: Padding = Padding { before: 1, after: 1 };
const INPUTS: usize = 128;
const OUTPUTS: usize = 72;

fn weight() -> Arc<Weight> {
    let values = TorchRng::seed(4).uniforms(OUTPUTS * INPUTS * 9);
    Arc::new(Weight::from_f32("weight", vec![OUTPUTS, INPUTS, 3, 3], &values))
}

fn graph(shape: Shape, weight: &Arc<Weight>, padding: [Padding; 2]) -> Arc<Graph> {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", shape);
    let y = g.conv3x3(x, weight, None, ConvWindow { stride: 1, padding });
    Arc::new(g.finish(&[y]).expect("a convolution"))
}

fn operations(backend: &GpuBackend, graph: &Graph) -> BTreeSet<String> {
    let candidates = backend.candidates(graph).expect("it is lowered");
    candidates.into_iter().map(|(work, _)| format!("{:?}", work.task.operation)).collect()
}

#[test]
fn strips_and_batches_have_the_bits_of_the_whole() {
    let (height, width) = (11, 37);
    let weight = weight();
    let numbers = TorchRng::seed(5).uniforms(3 * height * width * INPUTS);
    for core in [Core::Tiled, Core::Subgroup] {
        let backend = open_gpu(GpuOptions { core: Some(core), ..GpuOptions::default() });
        let run = |shape: Shape, values: &[f32], padding| {
            let graph = graph(shape, &weight, padding);
            assert_eq!(operations(&backend, &graph), BTreeSet::from([format!("{:?}", Operation::Winograd)]));
            let mut program = backend.compile(graph).expect("it compiles");
            let x = HostTensor::f32(shape, values.to_vec());
            program.run(&[("x", &x)], &CancelToken::default()).expect("it runs").remove(0).as_f32().to_vec()
        };
        let batch = run(Shape::image(3, height, width, INPUTS), &numbers, [AROUND; 2]);
        let (line, of_image) = (width * INPUTS, height * width * INPUTS);
        let second = &numbers[of_image..2 * of_image];
        let whole = run(Shape::image(1, height, width, INPUTS), second, [AROUND; 2]);
        let out = height * width * OUTPUTS;
        assert!(batch[out..2 * out] == whole, "{core:?}, beside others");
        for (first, count) in [(0, 3), (3, 5), (6, 5)] {
            let given = &second[first * line..(first + count) * line];
            let strip = run(Shape::image(1, count, width, INPUTS), given, [NONE, AROUND]);
            let line = width * OUTPUTS;
            let right = &whole[(first + 1) * line..(first + count - 1) * line];
            assert!(strip == right, "{core:?}, lines {first} to {}", first + count);
        }
    }
}

#[test]
fn few_channels_short_lines_and_those_that_say_so_are_computed_directly() {
    let weight = weight();
    let shape = |width| Shape::image(1, 4, width, INPUTS);
    let name = |winograd, width| {
        let backend = open_gpu(GpuOptions { winograd, matrix_units: false, ..GpuOptions::default() });
        operations(&backend, &graph(shape(width), &weight, [AROUND; 2])).into_iter().collect::<String>()
    };
    assert_eq!(name(None, 32), "Winograd");
    assert_eq!(name(None, 31), "Conv3x3");
    assert_eq!(name(Some(false), 32), "Conv3x3");
    assert_eq!(name(Some(true), 8), "Winograd");
}
