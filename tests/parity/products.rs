//! linear and conv3x3, with everything that an epilogue can do.

use std::sync::Arc;

use fulmen_engine::graph::{Activation, Padding, Recorder, Shape, Steps, Tensor};
use fulmen_engine::weights::Weight;

use super::case::{Case, Given};
use super::check;

/// What follows a product; the graph's fusion turns it into an epilogue.
#[derive(Debug, Clone, Copy)]
enum Follow {
    Nothing,
    Function(Activation),
    Residual,
    /// The time embedding, a function, then the shortcut: all of it at once.
    Everything,
}

const FOLLOWS: [Follow; 5] = [
    Follow::Nothing,
    Follow::Function(Activation::Gelu),
    Follow::Function(Activation::QuickGelu),
    Follow::Residual,
    Follow::Everything,
];

impl Follow {
    /// The inputs of a product whose output has this shape.
    fn given(self, x: Shape, y: Shape) -> Vec<Given> {
        let mut given = vec![Given::Numbers(x)];
        if matches!(self, Self::Everything) {
            given.push(Given::Numbers(Shape::vector(y.images, y.channels)));
        }
        if matches!(self, Self::Everything | Self::Residual) {
            given.push(Given::Numbers(y));
        }
        given
    }

    fn record(self, g: &mut Recorder, x: &[Tensor], product: Tensor) -> Tensor {
        match self {
            Self::Nothing => product,
            Self::Function(activation) => g.activate(product, activation),
            Self::Residual => g.add(x[1], product),
            Self::Everything => {
                let y = g.add_per_image(product, x[1]);
                let y = g.silu(y);
                g.add(y, x[2])
            }
        }
    }

    /// Whether whole numbers stay whole.
    fn exact(self) -> bool {
        matches!(self, Self::Nothing | Self::Residual)
    }
}

fn case(name: String, follow: Follow, given: Vec<Given>) -> Case {
    if follow.exact() { Case::exact(name, given) } else { Case::random(name, given) }
}

/// `(rows, depth, outputs)`: one number, primes, one less and one more than a tile.
const PRODUCTS: [(usize, usize, usize); 7] =
    [(1, 1, 1), (2, 8, 5), (61, 37, 29), (63, 64, 65), (65, 127, 64), (130, 40, 200), (7, 320, 1280)];

#[test]
fn products_agree() {
    for (rows, depth, outputs) in PRODUCTS {
        for follow in FOLLOWS {
            let (x, y) = (Shape::tokens(2, rows, depth), Shape::tokens(2, rows, outputs));
            let name = format!("linear {rows} × {depth} × {outputs}, {follow:?}");
            check(&case(name, follow, follow.given(x, y)), &|g, x, w| {
                let (weight, bias) = (w.make(&[outputs, depth]), w.make(&[outputs]));
                let product = g.linear(x[0], &weight, Some(&bias));
                follow.record(g, x, product)
            });
        }
    }
}

#[test]
fn gated_products_agree() {
    for (rows, depth, inner) in [(1, 1, 1), (5, 8, 3), (61, 37, 29), (65, 64, 96)] {
        let name = format!("linear_geglu {rows} × {depth} × {inner}");
        check(&Case::random(name, vec![Given::Numbers(Shape::tokens(1, rows, depth))]), &|g, x, w| {
            let (weight, bias) = (w.make(&[2 * inner, depth]), w.make(&[2 * inner]));
            g.linear_geglu(x[0], &weight, &bias)
        });
    }
}

#[test]
fn a_product_needs_no_bias() {
    let given = vec![Given::Numbers(Shape::tokens(1, 33, 48))];
    check(&Case::exact("linear without a bias", given), &|g, x, w| {
        let weight = w.make(&[72, 48]);
        g.linear(x[0], &weight, None)
    });
}

/// A checkpoint in halves under a graph in f32, as `--precision f32` has it.
#[test]
fn weights_in_halves_agree_under_activations_in_f32() {
    let given = vec![Given::Numbers(Shape::image(1, 9, 7, 24))];
    check(&Case::random("conv3x3 and linear with weights in halves", given), &|g, x, w| {
        let mut halves = |shape: &[usize]| {
            let numbers = w.make(shape).to_f32().into_iter().map(half::f16::from_f32);
            Arc::new(Weight::from_f16("weight", shape.to_vec(), &numbers.collect::<Vec<_>>()))
        };
        let (wide, narrow) = (halves(&[16, 24, 3, 3]), halves(&[9, 16]));
        let h = g.conv3x3(x[0], &wide, None, Steps::SAME);
        g.linear(h, &narrow, None)
    });
}

#[test]
fn convolutions_agree() {
    let cases = [
        (Shape::image(1, 1, 1, 1), 1, 1),
        (Shape::image(2, 5, 7, 3), 8, 1),
        (Shape::image(2, 5, 7, 3), 8, 2),
        (Shape::image(1, 8, 8, 65), 63, 1),
        (Shape::image(3, 13, 11, 16), 40, 2),
        (Shape::image(1, 37, 33, 24), 24, 1),
        (Shape::image(2, 17, 64, 12), 3, 1),
    ];
    for (x, outputs, stride) in cases {
        for follow in FOLLOWS {
            let (height, width) = ((x.height - 1) / stride + 1, (x.width - 1) / stride + 1);
            let y = Shape::image(x.images, height, width, outputs);
            let name = format!("conv3x3 {x} to {outputs} by {stride}, {follow:?}");
            let channels = x.channels;
            check(&case(name, follow, follow.given(x, y)), &|g, x, w| {
                let (weight, bias) = (w.make(&[outputs, channels, 3, 3]), w.make(&[outputs]));
                let product = g.conv3x3(x[0], &weight, Some(&bias), Steps { stride, ..Steps::SAME });
                follow.record(g, x, product)
            });
        }
    }
}

/// Windows begin anywhere in such pictures too: what they see is counted from another row.
#[test]
fn convolutions_with_other_padding_agree() {
    let (none, around, after) = (Padding::NONE, Padding::AROUND, Padding::AFTER);
    for (stride, padding) in [(1, [none; 2]), (2, [after; 2]), (1, [none, around]), (2, [around, none])] {
        for x in [Shape::image(2, 3, 3, 5), Shape::image(3, 13, 11, 16), Shape::image(1, 37, 33, 24)] {
            let case = Case::exact(format!("conv3x3 {x} by {stride}, {padding:?}"), vec![Given::Numbers(x)]);
            check(&case, &|g, y, w| {
                let weight = w.make(&[12, x.channels, 3, 3]);
                g.conv3x3(y[0], &weight, None, Steps { stride, padding })
            });
        }
    }
}
