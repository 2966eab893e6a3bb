//! Group norm with SiLU: residual blocks of the UNet's upper levels, and of the VAE at 512×512.

use criterion::{Criterion, criterion_group, criterion_main};
use fulmen_benches::{Bench, Case, Work, settings};
use fulmen_engine::graph::{Affine, Recorder, Shape};

/// Channels, side, and how often in one run: it is bound by memory, as making its input is.
const SHAPES: [(usize, usize, usize); 3] = [(320, 128, 16), (640, 64, 16), (256, 512, 4)];

fn group_norm(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "group_norm");
    for (channels, side, copies) in SHAPES {
        // The least: read once, written once. Kernels read twice, for a variance that does not cancel.
        let work = Work::Values(2 * side * side * channels);
        let case = Case { shape: format!("{channels} at {side}x{side}"), work, copies };
        bench.node(&case, |sketch| {
            let x = sketch.activations(Shape::image(1, side, side, channels));
            let affine =
                Affine { scale: sketch.vector(channels), shift: sketch.vector(channels), epsilon: 1e-5 };
            move |graph: &mut Recorder| {
                let y = graph.group_norm(x, 32, &affine);
                graph.silu(y)
            }
        });
    }
}

criterion_group! { name = benches; config = settings(); targets = group_norm }
criterion_main!(benches);
