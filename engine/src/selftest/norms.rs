//! Normalisation over groups of channels and over channels.

use super::Table;
use crate::graph::Shape;

/// Images, height, width, channels, groups.
const GROUP_NORM: [[usize; 5]; 7] = [
    [1, 1, 1, 8, 4],
    [1, 3, 5, 4, 1],
    [1, 4, 4, 32, 32],
    [1, 7, 9, 60, 12],
    [2, 5, 6, 64, 32],
    [1, 33, 31, 32, 8],
    [1, 96, 96, 16, 2],
];

pub(super) fn group_norm(table: &mut Table) {
    for [images, height, width, channels, groups] in GROUP_NORM {
        for silu in [false, true] {
            let after = if silu { ", silu" } else { "" };
            let variant = format!("{images}×{height}×{width}×{channels}, {groups} groups{after}");
            table.add("group_norm", &variant, |f| {
                let x = f.x(Shape::image(images, height, width, channels));
                let affine = f.affine(channels, 1e-5);
                let y = f.graph.group_norm(x, groups, &affine);
                if silu { f.graph.silu(y) } else { y }
            });
        }
    }
    // Where a mean is far from zero, a variance as a difference of squares loses its digits.
    table.add("group_norm", "1×16×16×32, 8 groups, mean 30", |f| {
        let x = f.x_around(Shape::image(1, 16, 16, 32), 30.0);
        let affine = f.affine(32, 1e-6);
        f.graph.group_norm(x, 8, &affine)
    });
}

pub(super) fn layer_norm(table: &mut Table) {
    for [rows, channels] in [[1, 2], [3, 5], [77, 64], [65, 96], [2, 1280], [9, 770]] {
        table.add("layer_norm", &format!("{rows}×{channels}"), |f| {
            let x = f.x(Shape::tokens(1, rows, channels));
            let affine = f.affine(channels, 1e-5);
            f.graph.layer_norm(x, &affine)
        });
    }
    table.add("layer_norm", "2×5×7×64, mean 30", |f| {
        let x = f.x_around(Shape::image(2, 5, 7, 64), 30.0);
        let affine = f.affine(64, 1e-5);
        f.graph.layer_norm(x, &affine)
    });
}
