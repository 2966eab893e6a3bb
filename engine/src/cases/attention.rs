//! Attention: pixels over pixels, pixels over tokens, tokens over what came before; and its guidance.

use super::Table;
use crate::graph::Shape;

/// Queries, keys, heads, head_dim: the UNet's and the text encoders' heads of 64, tiles of 64 and 128
/// queries and one more or less; heads that are not whole vectors, that share words of halves, or that are
/// wider than a tile; the VAE's only head.
const SIZES: [[usize; 4]; 28] = [
    [1, 1, 1, 1],
    [1, 1, 1, 8],
    [16, 1, 2, 64],
    [5, 5, 1, 64],
    [64, 77, 2, 32],
    [100, 77, 3, 40],
    [63, 65, 1, 48],
    [65, 77, 3, 64],
    [127, 33, 1, 64],
    [130, 130, 2, 64],
    [257, 129, 1, 64],
    [9, 300, 1, 80],
    [70, 70, 1, 128],
    [30, 50, 7, 1],
    [64, 64, 32, 1],
    [385, 13, 2, 2],
    [70, 50, 3, 5],
    [33, 70, 3, 6],
    [31, 257, 2, 10],
    [65, 129, 2, 40],
    [20, 33, 2, 67],
    [9, 40, 2, 160],
    [20, 100, 1, 200],
    [33, 33, 1, 512],
    [150, 100, 1, 512],
    [70, 72, 1, 512],
    [130, 200, 1, 512],
    [33, 64, 1, 136],
];

/// Tokens, heads, head_dim.
const CAUSAL: [[usize; 3]; 7] =
    [[1, 1, 1], [1, 1, 16], [77, 2, 64], [66, 3, 32], [150, 1, 8], [33, 3, 5], [300, 1, 5]];

/// Tokens, heads, head_dim of what lies side by side: whole vectors, halves of words, and one token.
const PACKED: [[usize; 3]; 8] =
    [[1, 2, 8], [65, 10, 64], [130, 5, 64], [33, 4, 32], [70, 3, 40], [50, 3, 5], [40, 2, 6], [77, 2, 160]];

pub(super) fn attention(table: &mut Table) {
    for (place, [queries, keys, heads, head_dim]) in SIZES.into_iter().enumerate() {
        let images = 1 + place % 2;
        let variant = format!("{images}×{queries}×{keys}, {heads}×{head_dim}");
        add(
            table,
            &variant,
            Shape::tokens(images, queries, heads * head_dim),
            Keys { keys, heads, causal: false },
        );
    }
    add(
        table,
        "2 images, 6×7×77, 2×16",
        Shape::image(2, 6, 7, 32),
        Keys { keys: 77, heads: 2, causal: false },
    );
    for [tokens, heads, head_dim] in CAUSAL {
        let variant = format!("{tokens}×{tokens}, {heads}×{head_dim}, causal");
        add(
            table,
            &variant,
            Shape::tokens(2, tokens, heads * head_dim),
            Keys { keys: tokens, heads, causal: true },
        );
    }
    for (place, [tokens, heads, head_dim]) in PACKED.into_iter().enumerate() {
        let shape = Shape::tokens(1 + place % 2, tokens, 3 * heads * head_dim);
        let variant = format!("{tokens}×{tokens}, {heads}×{head_dim}, side by side");
        table.add("attention", &variant, move |f| {
            let qkv = f.x(shape);
            f.graph.attention_packed(qkv, heads, place % 3 == 2)
        });
    }
    // Scores in the hundreds: without the running maximum they would overflow.
    table.far("attention", "80×80, 2×64, large scores", |f| {
        let shape = Shape::tokens(1, 80, 128);
        let (q, k, v) = (f.x_as(shape, |x| 8.0 * x), f.x_as(shape, |x| 8.0 * x), f.x(shape));
        f.graph.attention(q, k, v, 2, false)
    });
    for (heads, head_dim, step, causal) in
        [(1, 8, 0.125, false), (2, 64, 0.0625, false), (2, 64, 0.0625, true)]
    {
        let masked = if causal { ", causal" } else { "" };
        let variant = format!("300×300, {heads}×{head_dim}, scores that grow from block to block{masked}");
        table.add("attention", &variant, move |f| {
            let shape = Shape::tokens(1, 300, heads * head_dim);
            let growing = (0..shape.len()).map(|i| (i / shape.channels) as f32 * step).collect();
            let (q, k, v) = (f.x(shape), f.values(shape, growing), f.x(shape));
            f.graph.attention(q, k, v, heads, causal)
        });
    }
}

/// What is looked at.
struct Keys {
    keys: usize,
    heads: usize,
    causal: bool,
}

fn add(table: &mut Table, variant: &str, q: Shape, Keys { keys, heads, causal }: Keys) {
    let kv = Shape::tokens(q.images, keys, q.channels);
    table.add("attention", variant, move |f| {
        let (q, k, v) = (f.x(q), f.x(kv), f.x(kv));
        f.graph.attention(q, k, v, heads, causal)
    });
}

/// Pixels, channels. Of the images one is held back, one is not, and one has no guidance; the first pixel
/// is zeros, whose norm nothing may be divided by.
const GUIDED: [[usize; 2]; 5] = [[1, 1], [5, 8], [77, 40], [130, 320], [9, 1283]];

pub(super) fn guide(table: &mut Table) {
    for [pixels, channels] in GUIDED {
        table.add("guide", &format!("3×{pixels}×{channels}"), move |f| {
            let shape = Shape::tokens(3, pixels, channels);
            let values = (0..shape.len()).map(|i| if i < channels { 0.0 } else { (i % 13) as f32 - 6.5 });
            let (a, b) = (f.values(shape, values.collect()), f.x(shape));
            let strengths = vec![5.0, 1.5, 0.25, 2.0, 3.0, 0.5, 4.0, 1.0, 0.0];
            let guidance = f.parameters(Shape::vector(3, 3), strengths);
            f.graph.guide(a, b, guidance)
        });
    }
}
