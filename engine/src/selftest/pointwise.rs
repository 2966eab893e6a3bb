//! Operations on one number, or on one of each of two values.

use super::Table;
use crate::graph::{Activation, Shape};

/// Less than a word of halves, an odd count, more than a workgroup, two images.
const SHAPES: [Shape; 5] = [
    Shape::vector(1, 1),
    Shape::tokens(1, 3, 5),
    Shape::image(1, 7, 9, 33),
    Shape::image(1, 32, 32, 16),
    Shape::image(2, 5, 6, 40),
];

pub(super) fn pointwise(table: &mut Table) {
    for shape in SHAPES {
        table.add("add", &shape.to_string(), |f| {
            let (a, b) = (f.x(shape), f.x(shape));
            f.graph.add(a, b)
        });
        table.add("add_per_image", &shape.to_string(), |f| {
            let (x, vector) = (f.x(shape), f.x(Shape::vector(shape.images, shape.channels)));
            f.graph.add_per_image(x, vector)
        });
        for second in [1, 8, 24] {
            table.add("concat", &format!("{shape} and {second}"), |f| {
                let (a, b) = (f.x(shape), f.x(shape.with_channels(second)));
                f.graph.concat(a, b)
            });
        }
    }
}

pub(super) fn activate(table: &mut Table) {
    for (name, activation) in [
        ("silu", Activation::Silu),
        ("gelu", Activation::Gelu),
        ("quick gelu", Activation::QuickGelu),
        ("relu", Activation::Relu),
        ("soft clamp", Activation::SoftClamp),
    ] {
        for shape in SHAPES {
            table.add("activate", &format!("{shape}, {name}"), |f| {
                let x = f.x(shape);
                f.graph.activate(x, activation)
            });
        }
    }
}
