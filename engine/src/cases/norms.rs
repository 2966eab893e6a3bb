//! Normalisation over groups of channels and over channels.

use super::Table;
use crate::graph::Shape;

/// Images, height, width, channels, groups.
const GROUP_NORM: [[usize; 5]; 12] = [
    [1, 1, 3, 1, 1],
    [1, 1, 1, 8, 4],
    [1, 3, 5, 4, 1],
    [1, 4, 4, 32, 32],
    [2, 5, 7, 12, 3],
    [1, 7, 9, 60, 12],
    [3, 2, 8, 64, 2],
    [1, 9, 9, 320, 32],
    [1, 9, 9, 1280, 32],
    [1, 37, 41, 35, 5],
    [1, 96, 96, 16, 2],
    [2, 64, 64, 32, 32],
];

pub(super) fn group_norm(table: &mut Table) {
    for [images, height, width, channels, groups] in GROUP_NORM {
        for silu in [false, true] {
            let after = if silu { ", silu" } else { "" };
            let variant = format!("{images}×{height}×{width}×{channels}, {groups} groups{after}");
            table.add("group_norm", &variant, move |f| {
                let x = f.x(Shape::image(images, height, width, channels));
                let affine = f.affine(channels, 1e-5);
                let y = f.graph.group_norm(x, groups, &affine);
                if silu { f.graph.silu(y) } else { y }
            });
        }
    }
    // Where a mean is far from zero, a variance as a difference of squares loses its digits.
    table.add("group_norm", "1×16×16×32, 8 groups, mean 30", |f| {
        let x = f.x_as(Shape::image(1, 16, 16, 32), |x| x + 30.0);
        let affine = f.affine(32, 1e-6);
        f.graph.group_norm(x, 8, &affine)
    });
    // The VAE's activations: hundreds of deviations away from zero, with one wild pixel at the start.
    table.far("group_norm", "1×96×96×8, 2 groups, mean 300 and a wild pixel", |f| {
        let shape = Shape::image(1, 96, 96, 8);
        let near = |i: usize| 300.0 + ((i * 7919) % 31) as f32 * 0.25 - 3.75;
        let values = (0..shape.len()).map(|i| if i < 8 { -2000.0 } else { near(i) });
        let x = f.values(shape, values.collect());
        let affine = f.affine(8, 1e-5);
        f.graph.group_norm(x, 2, &affine)
    });
}

/// Rows, channels.
const LAYER_NORM: [[usize; 2]; 10] =
    [[1, 2], [3, 5], [77, 64], [65, 96], [2, 1280], [9, 770], [154, 7], [61, 768], [128, 320], [5, 1283]];

pub(super) fn layer_norm(table: &mut Table) {
    for [rows, channels] in LAYER_NORM {
        table.add("layer_norm", &format!("{rows}×{channels}"), move |f| {
            let x = f.x(Shape::tokens(1, rows, channels));
            let affine = f.affine(channels, 1e-5);
            f.graph.layer_norm(x, &affine)
        });
    }
    table.add("layer_norm", "2×5×7×64, mean 30", |f| {
        let x = f.x_as(Shape::image(2, 5, 7, 64), |x| x + 30.0);
        let affine = f.affine(64, 1e-5);
        f.graph.layer_norm(x, &affine)
    });
}
