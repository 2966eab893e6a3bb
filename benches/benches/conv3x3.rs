//! 3×3 convolutions: the residual blocks of SDXL's three levels at 1024×1024.

use criterion::{Criterion, criterion_group, criterion_main};
use fulmen_benches::{Bench, Case, Work, settings};
use fulmen_engine::graph::{ConvWindow, Recorder, Shape};

/// Channels and side. All three are the same work.
const SHAPES: [(usize, usize); 3] = [(320, 128), (640, 64), (1280, 32)];

fn conv3x3(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "conv3x3");
    for (channels, side) in SHAPES {
        let flops = 2 * side * side * channels * channels * 9;
        let case =
            Case { shape: format!("{channels} at {side}x{side}"), work: Work::Flops(flops), copies: 1 };
        bench.node(&case, |sketch| {
            let x = sketch.activations(Shape::image(1, side, side, channels));
            let (weight, bias) = (sketch.weight(&[channels, channels, 3, 3]), sketch.vector(channels));
            move |graph: &mut Recorder| graph.conv3x3(x, &weight, Some(&bias), ConvWindow::SAME)
        });
    }
}

criterion_group! { name = benches; config = settings(); targets = conv3x3 }
criterion_main!(benches);
