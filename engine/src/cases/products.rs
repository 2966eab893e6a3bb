//! Linear layers and 3×3 convolutions, with everything that an epilogue can do.

use super::Table;
use super::forge::Forge;
use super::pointwise::ACTIVATIONS;
use crate::graph::{Activation, ConvWindow, Padding, Shape, Tensor};
use crate::weights::Quantisation;

/// Rows, inputs, outputs: one of each, less than a word, primes, a tile and one more or less, panels that
/// are not full, the text encoders' 77.
const LINEAR: [[usize; 3]; 18] = [
    [1, 1, 1],
    [3, 5, 7],
    [2, 8, 5],
    [2, 1031, 50],
    [8, 320, 96],
    [1, 64, 8],
    [77, 64, 40],
    [61, 37, 29],
    [63, 64, 65],
    [65, 127, 64],
    [65, 512, 49],
    [65, 40, 33],
    [129, 640, 33],
    [130, 40, 200],
    [257, 64, 320],
    [513, 31, 16],
    [1025, 8, 3],
    [7, 320, 1280],
];

/// Images, height, width, inputs, outputs: one pixel, one row, odd sides, odd channels, a tile and more.
const CONV: [[usize; 5]; 12] = [
    [1, 1, 1, 1, 1],
    [1, 1, 9, 4, 8],
    [2, 1, 130, 5, 16],
    [1, 2, 2, 8, 8],
    [2, 5, 7, 20, 33],
    [1, 8, 8, 65, 63],
    [2, 9, 8, 40, 16],
    [3, 13, 11, 16, 40],
    [1, 9, 9, 320, 7],
    [1, 16, 16, 32, 64],
    [2, 17, 64, 12, 3],
    [1, 37, 33, 24, 24],
];

/// What follows a product; the graph's fusion turns it into an epilogue.
#[derive(Clone, Copy)]
enum Follow {
    Function(Activation),
    Residual,
    /// The time embedding, a function, then the shortcut: all of it at once.
    Everything(Activation),
}

impl Follow {
    fn record(self, f: &mut Forge, product: Tensor) -> Tensor {
        let shape = product.shape();
        match self {
            Self::Function(activation) => f.graph.activate(product, activation),
            Self::Residual => {
                let shortcut = f.x(shape);
                f.graph.add(shortcut, product)
            }
            Self::Everything(activation) => {
                let (time, shortcut) = (f.x(Shape::vector(shape.images, shape.channels)), f.x(shape));
                let y = f.graph.add_per_image(product, time);
                let y = f.graph.activate(y, activation);
                f.graph.add(y, shortcut)
            }
        }
    }
}

pub(super) fn linear(table: &mut Table) {
    for [rows, inputs, outputs] in LINEAR {
        let product = move |f: &mut Forge| {
            let x = f.x(Shape::tokens(2, rows, inputs));
            let (weight, bias) = (f.weight(&[outputs, inputs]), f.shift(outputs));
            f.graph.linear(x, &weight, Some(&bias))
        };
        let variant = format!("2×{rows}×{inputs}→{outputs}");
        table.exact("linear", &variant, product);
        table.exact("linear", &format!("{variant}, residual"), move |f| {
            let y = product(f);
            Follow::Residual.record(f, y)
        });
        table.add("linear", &format!("{variant}, per image, silu, residual"), move |f| {
            let y = product(f);
            Follow::Everything(Activation::Silu).record(f, y)
        });
    }
    table.exact("linear", "33×48→72, no bias", |f| {
        let x = f.x(Shape::tokens(1, 33, 48));
        let weight = f.weight(&[72, 48]);
        f.graph.linear(x, &weight, None)
    });
    linear_functions(table);
    quantised_linear(table);
}

/// Few rows, tiles that are not full, blocks of 32 at their edges.
fn quantised_linear(table: &mut Table) {
    for (name, bits) in [("eight bits", Quantisation::Q8), ("four bits", Quantisation::Q4)] {
        for [rows, inputs, outputs] in [[1, 32, 8], [2, 320, 50], [77, 64, 40], [65, 96, 65], [130, 640, 200]]
        {
            table.add("linear", &format!("{rows}×{inputs}→{outputs}, {name}, silu, residual"), move |f| {
                let x = f.x(Shape::tokens(1, rows, inputs));
                let (weight, bias) = (f.quantised_weight(bits, &[outputs, inputs]), f.shift(outputs));
                let y = f.graph.linear(x, &weight, Some(&bias));
                Follow::Everything(Activation::Silu).record(f, y)
            });
        }
        table.add("linear", &format!("35×64→36, {name}, geglu"), move |f| {
            let x = f.x(Shape::tokens(1, 35, 64));
            let (weight, bias) = (f.quantised_weight(bits, &[72, 64]), f.shift(72));
            f.graph.linear_geglu(x, &weight, &bias)
        });
    }
}

fn linear_functions(table: &mut Table) {
    for (name, activation) in ACTIVATIONS {
        for (after, follow) in
            [("", Follow::Function(activation)), (", per image, residual", Follow::Everything(activation))]
        {
            table.add("linear", &format!("2×70×40→59, {name}{after}"), move |f| {
                let x = f.x(Shape::tokens(2, 70, 40));
                let (weight, bias) = (f.weight(&[59, 40]), f.shift(59));
                let y = f.graph.linear(x, &weight, Some(&bias));
                follow.record(f, y)
            });
        }
    }
    for [rows, inputs, inner] in
        [[1, 1, 1], [1, 8, 5], [35, 24, 36], [61, 37, 29], [64, 64, 96], [130, 36, 100]]
    {
        table.add("linear", &format!("{rows}×{inputs}→{inner}, geglu"), move |f| {
            let x = f.x(Shape::tokens(1, rows, inputs));
            let (weight, bias) = (f.weight(&[2 * inner, inputs]), f.shift(2 * inner));
            let y = f.graph.linear_geglu(x, &weight, &bias);
            if rows == 35 { Follow::Residual.record(f, y) } else { y }
        });
    }
}

pub(super) fn conv3x3(table: &mut Table) {
    for stride in [1, 2] {
        for [images, height, width, inputs, outputs] in CONV {
            let x = Shape::image(images, height, width, inputs);
            let window = ConvWindow { stride, ..ConvWindow::SAME };
            let variant = format!("{x}→{outputs}, stride {stride}");
            table.exact("conv3x3", &variant, move |f| conv(f, x, outputs, window));
            table.add("conv3x3", &format!("{variant}, per image, silu, residual"), move |f| {
                let y = conv(f, x, outputs, window);
                Follow::Everything(Activation::Silu).record(f, y)
            });
        }
    }
    let (none, around, after) = (Padding::NONE, Padding::AROUND, Padding::AFTER);
    for (name, stride, padding) in [
        ("no padding", 1, [none; 2]),
        ("no padding, stride 2", 2, [none; 2]),
        ("zeros left and right", 1, [none, around]),
        ("zeros below and right, stride 2", 2, [after; 2]),
    ] {
        // Windows begin anywhere in such pictures too: what they see is counted from another row.
        for x in [Shape::image(2, 3, 3, 5), Shape::image(3, 13, 11, 16), Shape::image(1, 37, 33, 24)] {
            let window = ConvWindow { stride, padding };
            table.exact("conv3x3", &format!("{x}→12, {name}"), move |f| conv(f, x, 12, window));
        }
    }
    for (stride, inputs, outputs) in [(1, 32, 12), (1, 64, 65), (2, 96, 40)] {
        table.add(
            "conv3x3",
            &format!("2×9×7×{inputs}→{outputs}, stride {stride}, eight bits"),
            move |f| {
                let weight = f.quantised_weight(Quantisation::Q8, &[outputs, inputs, 3, 3]);
                let bias = f.shift(outputs);
                let x = f.x(Shape::image(2, 9, 7, inputs));
                f.graph.conv3x3(x, &weight, Some(&bias), ConvWindow { stride, ..ConvWindow::SAME })
            },
        );
    }
    table.add("conv3x3", "2×6×5×16→24, no bias, residual", |f| {
        let x = f.x(Shape::image(2, 6, 5, 16));
        let weight = f.weight(&[24, 16, 3, 3]);
        let y = f.graph.conv3x3(x, &weight, None, ConvWindow::SAME);
        Follow::Residual.record(f, y)
    });
}

/// Channels enough for what is only done where there are many, on lines of odd lengths.
pub(super) fn wide(table: &mut Table) {
    let (around, none) = (Padding::AROUND, Padding::NONE);
    for (x, padding) in [
        (Shape::image(1, 1, 12, 128), [around; 2]),
        (Shape::image(2, 5, 17, 160), [around; 2]),
        (Shape::image(2, 3, 37, 136), [around; 2]),
        (Shape::image(1, 4, 23, 128), [none; 2]),
    ] {
        let window = ConvWindow { stride: 1, padding };
        let border = if padding == [none; 2] { ", no padding" } else { "" };
        table.add("conv3x3", &format!("{x}→72{border}, per image, silu, residual"), move |f| {
            let y = conv(f, x, 72, window);
            Follow::Everything(Activation::Silu).record(f, y)
        });
    }
}

/// Pictures that are made twice as high and wide before, without being written so; the last are wide in the sense above.
pub(super) fn doubled(table: &mut Table) {
    for x in [
        Shape::image(1, 1, 1, 3),
        Shape::image(3, 7, 5, 11),
        Shape::image(1, 19, 17, 24),
        Shape::image(2, 3, 9, 136),
        Shape::image(1, 5, 31, 128),
    ] {
        let double = move |f: &mut Forge| {
            let (weight, bias) = (f.weight(&[72, x.channels, 3, 3]), f.shift(72));
            let small = f.x(x);
            let large = f.graph.upsample(small, 2 * x.height, 2 * x.width);
            f.graph.conv3x3(large, &weight, Some(&bias), ConvWindow::SAME)
        };
        table.exact("conv3x3", &format!("{x} doubled→72"), double);
        table.add("conv3x3", &format!("{x} doubled→72, per image, silu, residual"), move |f| {
            let y = double(f);
            Follow::Everything(Activation::Silu).record(f, y)
        });
    }
}

/// Products of what a norm keeps small, by weights in halves; the last are wide in the sense above.
pub(super) fn normalised(table: &mut Table) {
    fn normalised(f: &mut Forge, x: Shape) -> Tensor {
        let affine = f.affine(x.channels, 1e-6);
        let x = f.x(x);
        let y = f.graph.group_norm(x, 8, &affine);
        f.graph.silu(y)
    }
    for x in [Shape::image(2, 5, 7, 24), Shape::image(1, 3, 33, 136), Shape::image(1, 9, 32, 128)] {
        table.of_f32("conv3x3", &format!("{x} normalised→72, per image, residual"), move |f| {
            let weight = f.weight(&[72, x.channels, 3, 3]);
            let y = normalised(f, x);
            let y = f.graph.conv3x3(y, &weight, None, ConvWindow::SAME);
            Follow::Everything(Activation::None).record(f, y)
        });
    }
    let x = Shape::image(2, 3, 11, 136);
    table.of_f32("linear", &format!("{x} normalised→72"), move |f| {
        let (weight, bias) = (f.weight(&[72, x.channels]), f.shift(72));
        let y = normalised(f, x);
        f.graph.linear(y, &weight, Some(&bias))
    });
}

fn conv(f: &mut Forge, x: Shape, outputs: usize, window: ConvWindow) -> Tensor {
    let (weight, bias) = (f.weight(&[outputs, x.channels, 3, 3]), f.shift(outputs));
    let x = f.x(x);
    f.graph.conv3x3(x, &weight, Some(&bias), window)
}
