//! Products of activations and a weight: the feed-forward layers of SDXL's transformers at 1024×1024.

use criterion::{Criterion, criterion_group, criterion_main};
use fulmen_benches::{Bench, Case, Work, settings};
use fulmen_engine::graph::{Recorder, Shape};

/// Rows, inputs, rows of the weight, GEGLU or not: first layers of both levels, second layer.
const SHAPES: [(usize, usize, usize, bool); 3] =
    [(4096, 640, 5120, true), (1024, 1280, 10240, true), (1024, 5120, 1280, false)];

fn linear(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "linear");
    for (rows, inputs, outputs, geglu) in SHAPES {
        let after = if geglu { " geglu" } else { "" };
        let shape = format!("{rows}x{inputs} to {outputs}{after}");
        let case = Case { shape, work: Work::Flops(2 * rows * inputs * outputs), copies: 1 };
        bench.node(&case, |sketch| {
            let x = sketch.activations(Shape::tokens(1, rows, inputs));
            let (weight, bias) = (sketch.weight(&[outputs, inputs]), sketch.vector(outputs));
            move |graph: &mut Recorder| match geglu {
                true => graph.linear_geglu(x, &weight, &bias),
                false => graph.linear(x, &weight, Some(&bias)),
            }
        });
    }
}

criterion_group! { name = benches; config = settings(); targets = linear }
criterion_main!(benches);
