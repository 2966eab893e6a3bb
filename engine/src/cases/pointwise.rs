//! Operations on one number, or on one of each of two values.

use super::Table;
use crate::graph::{Activation, Shape};

/// Less than a word of halves, fewer than eight channels, primes, more than a workgroup, several images,
/// more than a tiny window.
const SHAPES: [Shape; 8] = [
    Shape::vector(1, 1),
    Shape::tokens(1, 3, 5),
    Shape::image(2, 3, 5, 7),
    Shape::tokens(1, 257, 8),
    Shape::image(1, 7, 9, 33),
    Shape::image(3, 11, 13, 17),
    Shape::image(1, 32, 32, 16),
    Shape::image(2, 31, 29, 40),
];

/// Channels of the two sides.
const CONCAT: [[usize; 2]; 7] = [[8, 8], [40, 7], [5, 16], [1, 1], [13, 29], [33, 24], [320, 160]];

/// Every function of one number, by the name that a variant has.
pub(super) const ACTIVATIONS: [(&str, Activation); 6] = [
    ("silu", Activation::Silu),
    ("gelu", Activation::Gelu),
    ("quick gelu", Activation::QuickGelu),
    ("relu", Activation::Relu),
    ("leaky relu", Activation::LeakyRelu),
    ("soft clamp", Activation::SoftClamp),
];

pub(super) fn pointwise(table: &mut Table) {
    table.add("add", "5×7×33, of random numbers", |f| {
        let (a, b) = (f.x(Shape::image(1, 5, 7, 33)), f.x(Shape::image(1, 5, 7, 33)));
        f.graph.add(a, b)
    });
    for shape in SHAPES {
        table.exact("add", &shape.to_string(), move |f| {
            let (a, b) = (f.x(shape), f.x(shape));
            f.graph.add(a, b)
        });
        table.exact("add_per_image", &shape.to_string(), move |f| {
            let (x, vector) = (f.x(shape), f.x(Shape::vector(shape.images, shape.channels)));
            f.graph.add_per_image(x, vector)
        });
    }
    table.add("add_scaled", "3×7×33, by 0.7, −1.25 and 0", |f| {
        let (a, b) = (f.x(Shape::tokens(3, 7, 33)), f.x(Shape::tokens(3, 7, 33)));
        let factors = f.parameters(Shape::vector(3, 2), vec![9.0, 0.7, 9.0, -1.25, 9.0, 0.0]);
        f.graph.add_scaled(a, b, factors, 1)
    });
    for (place, shape) in SHAPES.into_iter().enumerate() {
        table.exact("add_scaled", &format!("{shape}, factor {place}"), move |f| {
            let (a, b) = (f.x(shape), f.x(shape));
            let factors = (0..shape.images * 9).map(|i| (i * 5 % 7) as f32 - 3.0);
            let factors = f.parameters(Shape::vector(shape.images, 9), factors.collect());
            f.graph.add_scaled(a, b, factors, place)
        });
    }
    for [a, b] in CONCAT {
        table.exact("concat", &format!("2×7×11×{a} and {b}"), move |f| {
            let (a, b) = (f.x(Shape::image(2, 7, 11, a)), f.x(Shape::image(2, 7, 11, b)));
            f.graph.concat(a, b)
        });
    }
}

pub(super) fn prelu(table: &mut Table) {
    for shape in SHAPES {
        table.exact("prelu", &shape.to_string(), move |f| {
            let (x, slopes) = (f.x(shape), f.weight(&[shape.channels]));
            f.graph.prelu(x, &slopes)
        });
    }
    table.add("prelu", "2×5×7×33, of random numbers", |f| {
        let (x, slopes) = (f.x(Shape::image(2, 5, 7, 33)), f.weight(&[33]));
        f.graph.prelu(x, &slopes)
    });
}

pub(super) fn activate(table: &mut Table) {
    for (name, activation) in ACTIVATIONS {
        for shape in SHAPES {
            table.add("activate", &format!("{shape}, {name}"), move |f| {
                let x = f.x(shape);
                f.graph.activate(x, activation)
            });
        }
        // Where exp overflows, and where the polynomial of erf ends.
        table.add("activate", &format!("−100 … 100, {name}"), move |f| {
            let values: Vec<f32> = (-400..=400).map(|v| v as f32 * 0.25).collect();
            let x = f.values(Shape::tokens(1, 1, values.len()), values);
            f.graph.activate(x, activation)
        });
    }
}
