//! Layer norm: the transformers of SDXL's UNet at both levels, and the second text encoder.

use criterion::{Criterion, criterion_group, criterion_main};
use fulmen_benches::{Bench, Case, Work, settings};
use fulmen_engine::graph::{Affine, Recorder, Shape};

/// Tokens, channels, and how often in one run: it is bound by memory, as making its input is.
const SHAPES: [(usize, usize, usize); 3] = [(4096, 640, 16), (1024, 1280, 16), (77, 1280, 64)];

fn layer_norm(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "layer_norm");
    for (tokens, channels, copies) in SHAPES {
        // The least: read once, written once.
        let work = Work::Values(2 * tokens * channels);
        let case = Case { shape: format!("{tokens}x{channels}"), work, copies };
        bench.node(&case, |sketch| {
            let x = sketch.activations(Shape::tokens(1, tokens, channels));
            let affine =
                Affine { scale: sketch.vector(channels), shift: sketch.vector(channels), epsilon: 1e-5 };
            move |graph: &mut Recorder| graph.layer_norm(x, &affine)
        });
    }
}

criterion_group! { name = benches; config = settings(); targets = layer_norm }
criterion_main!(benches);
