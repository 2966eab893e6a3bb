//! Attention: pixels over pixels, pixels over tokens, tokens over what came before.

use super::Table;
use crate::graph::Shape;

/// Queries, keys, heads, head_dim.
const SIZES: [[usize; 4]; 9] = [
    [1, 1, 1, 8],
    [5, 5, 1, 64],
    [64, 77, 2, 32],
    [100, 77, 3, 40],
    [63, 65, 1, 48],
    [130, 130, 2, 64],
    [9, 300, 1, 80],
    [70, 70, 1, 128],
    [33, 33, 1, 512],
];

pub(super) fn attention(table: &mut Table) {
    for [queries, keys, heads, head_dim] in SIZES {
        let variant = format!("{queries}×{keys}, {heads}×{head_dim}");
        add(table, &variant, (Shape::tokens(1, queries, heads * head_dim), keys), (heads, false));
    }
    add(table, "2 images, 6×7×77, 2×16", (Shape::image(2, 6, 7, 32), 77), (2, false));
    for [tokens, heads, head_dim] in [[1, 1, 16], [77, 2, 64], [66, 3, 32]] {
        let variant = format!("{tokens}×{tokens}, {heads}×{head_dim}, causal");
        add(table, &variant, (Shape::tokens(1, tokens, heads * head_dim), tokens), (heads, true));
    }
}

/// Pixels of two images, channels; the images differ in scale, tau and alpha.
pub(super) fn guide(table: &mut Table) {
    for [pixels, channels] in [[1, 1], [5, 8], [77, 40], [66, 320], [9, 1283]] {
        table.add("guide", &format!("2×{pixels}×{channels}"), |f| {
            let shape = Shape::tokens(2, pixels, channels);
            let (a, b) = (f.x(shape), f.x(shape));
            let guidance = f.given(Shape::vector(2, 3), vec![5.0, 2.5, 0.25, 3.0, 4.0, 0.5]);
            f.graph.guide(a, b, guidance)
        });
    }
}

fn add(table: &mut Table, variant: &str, (q, keys): (Shape, usize), (heads, causal): (usize, bool)) {
    let kv = Shape::tokens(q.images, keys, q.channels);
    table.add("attention", variant, |f| {
        let (q, k, v) = (f.x(q), f.x(kv), f.x(kv));
        f.graph.attention(q, k, v, heads, causal)
    });
}
