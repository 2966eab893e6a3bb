//! Attention with heads of 64 channels: pixels over pixels, and pixels over the prompt's 77 tokens.

use criterion::{Criterion, criterion_group, criterion_main};
use fulmen_benches::{Bench, Case, Work, settings};
use fulmen_engine::graph::{Recorder, Shape};

/// One attention of SDXL.
struct Attention {
    /// Two with guidance.
    images: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    causal: bool,
    /// What moves little work must move it often to be measured.
    copies: usize,
}

/// One without guidance, of pixels.
const PIXELS: Attention =
    Attention { images: 1, heads: 10, queries: 4096, keys: 4096, causal: false, copies: 1 };

/// Self-attention of both levels and of the second text encoder.
const SELF: [Attention; 3] = [
    PIXELS,
    Attention { heads: 20, queries: 1024, keys: 1024, ..PIXELS },
    Attention { heads: 20, queries: 77, keys: 77, causal: true, copies: 16, ..PIXELS },
];

/// Cross-attention of both levels; of the lower one with guidance too.
const CROSS: [Attention; 3] = [
    Attention { keys: 77, copies: 8, ..PIXELS },
    Attention { heads: 20, queries: 1024, keys: 77, copies: 8, ..PIXELS },
    Attention { images: 2, heads: 20, queries: 1024, keys: 77, copies: 8, ..PIXELS },
];

fn attention(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "attention");
    for (kind, cases) in [("self", &SELF), ("cross", &CROSS)] {
        for &Attention { images, heads, queries, keys, causal, copies } in cases {
            let channels = 64 * heads;
            let (batch, mask) = (if images == 2 { "2x" } else { "" }, if causal { " causal" } else { "" });
            // What the mask hides counts too.
            let work = Work::Flops(4 * images * queries * keys * channels);
            let shape = format!("{kind} {batch}{queries} on {keys} {heads} heads{mask}");
            bench.node(&Case { shape, work, copies }, |sketch| {
                let (q, kv) =
                    (Shape::tokens(images, queries, channels), Shape::tokens(images, keys, channels));
                let [q, k, v] = [q, kv, kv].map(|shape| sketch.activations(shape));
                move |graph: &mut Recorder| graph.attention(q, k, v, heads, causal)
            });
        }
    }
}

criterion_group! { name = benches; config = settings(); targets = attention }
criterion_main!(benches);
