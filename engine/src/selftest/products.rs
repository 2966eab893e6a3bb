//! Linear layers and 3×3 convolutions, with everything that an epilogue can do.

use super::Table;
use crate::graph::{Activation, Padding, Shape, Steps};

/// Rows, inputs, outputs: one of each, less than a word, a tile and a bit, the text encoder's 77.
const LINEAR: [[usize; 3]; 7] =
    [[1, 1, 1], [3, 5, 7], [1, 64, 8], [77, 64, 40], [65, 40, 33], [130, 96, 72], [64, 320, 128]];

/// Height, width, inputs, outputs: one pixel, one row, odd sides, odd channels.
const CONV: [[usize; 4]; 7] = [
    [1, 1, 3, 5],
    [1, 9, 4, 8],
    [2, 2, 8, 8],
    [5, 7, 20, 33],
    [9, 8, 40, 16],
    [16, 16, 32, 64],
    [17, 19, 8, 3],
];

pub(super) fn linear(table: &mut Table) {
    for [rows, inputs, outputs] in LINEAR {
        table.add("linear", &format!("{rows}×{inputs}→{outputs}"), |f| {
            let x = f.x(Shape::tokens(1, rows, inputs));
            let (weight, bias) = (f.weight(&[outputs, inputs]), f.shift(outputs));
            f.graph.linear(x, &weight, Some(&bias))
        });
    }
    table.add("linear", "9×24→10, no bias", |f| {
        let x = f.x(Shape::tokens(1, 9, 24));
        let weight = f.weight(&[10, 24]);
        f.graph.linear(x, &weight, None)
    });
    linear_epilogues(table);
}

fn linear_epilogues(table: &mut Table) {
    for (name, activation) in [
        ("silu", Activation::Silu),
        ("gelu", Activation::Gelu),
        ("quick gelu", Activation::QuickGelu),
        ("relu", Activation::Relu),
    ] {
        table.add("linear", &format!("33×20→17, {name}"), |f| {
            let x = f.x(Shape::tokens(1, 33, 20));
            let (weight, bias) = (f.weight(&[17, 20]), f.shift(17));
            let y = f.graph.linear(x, &weight, Some(&bias));
            f.graph.activate(y, activation)
        });
    }
    for [rows, inputs, inner] in [[1, 8, 5], [35, 24, 36], [64, 64, 96]] {
        table.add("linear", &format!("{rows}×{inputs}→{inner}, geglu"), |f| {
            let x = f.x(Shape::tokens(1, rows, inputs));
            let (weight, bias) = (f.weight(&[2 * inner, inputs]), f.shift(2 * inner));
            f.graph.linear_geglu(x, &weight, &bias)
        });
    }
    table.add("linear", "2×35×16→20, per image, residual", |f| {
        let x = f.x(Shape::image(2, 5, 7, 16));
        let (vector, other) = (f.x(Shape::vector(2, 20)), f.x(Shape::image(2, 5, 7, 20)));
        let (weight, bias) = (f.weight(&[20, 16, 1, 1]), f.shift(20));
        let y = f.graph.linear(x, &weight, Some(&bias));
        let y = f.graph.add_per_image(y, vector);
        f.graph.add(y, other)
    });
}

fn conv(table: &mut Table, variant: &str, x: Shape, outputs: usize, steps: Steps) {
    table.add("conv3x3", variant, |f| {
        let (weight, bias) = (f.weight(&[outputs, x.channels, 3, 3]), f.shift(outputs));
        let x = f.x(x);
        f.graph.conv3x3(x, &weight, Some(&bias), steps)
    });
}

pub(super) fn conv3x3(table: &mut Table) {
    for stride in [1, 2] {
        for [height, width, inputs, outputs] in CONV {
            let variant = format!("{height}×{width}×{inputs}→{outputs}, stride {stride}");
            let steps = Steps { stride, ..Steps::SAME };
            conv(table, &variant, Shape::image(1, height, width, inputs), outputs, steps);
        }
    }
    let (none, around, after) = (Padding::NONE, Padding::AROUND, Padding::AFTER);
    for (name, stride, padding) in [
        ("no padding", 1, [none; 2]),
        ("no padding, stride 2", 2, [none; 2]),
        ("zeros above and below", 1, [around, none]),
        ("zeros below and right, stride 2", 2, [after; 2]),
    ] {
        for x in [Shape::image(1, 3, 3, 5), Shape::image(2, 6, 9, 16)] {
            conv(table, &format!("{x}→12, {name}"), x, 12, Steps { stride, padding });
        }
    }
    table.add("conv3x3", "2×6×5×16→24, no bias, per image, silu, residual", |f| {
        let x = f.x(Shape::image(2, 6, 5, 16));
        let (vector, other) = (f.x(Shape::vector(2, 24)), f.x(Shape::image(2, 6, 5, 24)));
        let weight = f.weight(&[24, 16, 3, 3]);
        let y = f.graph.conv3x3(x, &weight, None, Steps::SAME);
        let y = f.graph.add_per_image(y, vector);
        let y = f.graph.silu(y);
        f.graph.add(other, y)
    });
}
