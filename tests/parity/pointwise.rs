//! add, add_per_image, activate, concat, picture.

use fulmen_engine::graph::{Activation, Element, Shape};

use super::case::{Case, Given};
use super::device::configurations;
use super::{check, check_in};

/// One number, less than eight channels, primes, more than a workgroup, more than a tiny window.
const ACTIVATIONS: [Activation; 5] =
    [Activation::Silu, Activation::Gelu, Activation::QuickGelu, Activation::Relu, Activation::SoftClamp];

const SHAPES: [Shape; 5] = [
    Shape::image(1, 1, 1, 1),
    Shape::image(2, 3, 5, 7),
    Shape::tokens(1, 257, 8),
    Shape::image(3, 11, 13, 17),
    Shape::image(2, 31, 29, 40),
];

#[test]
fn add_agrees() {
    for shape in SHAPES {
        let given = vec![Given::Numbers(shape), Given::Numbers(shape)];
        check(&Case::exact(format!("add {shape}"), given), &|g, x, _| g.add(x[0], x[1]));
    }
    let given = vec![Given::Numbers(SHAPES[3]), Given::Numbers(SHAPES[3])];
    check(&Case::random("add of random numbers", given), &|g, x, _| g.add(x[0], x[1]));
}

#[test]
fn add_per_image_agrees() {
    for shape in SHAPES {
        let vector = Shape::vector(shape.images, shape.channels);
        let given = vec![Given::Numbers(shape), Given::Numbers(vector)];
        let case = Case::exact(format!("add_per_image {shape}"), given);
        check(&case, &|g, x, _| g.add_per_image(x[0], x[1]));
    }
}

#[test]
fn activations_agree() {
    for activation in ACTIVATIONS {
        for shape in SHAPES {
            let case = Case::random(format!("{activation:?} {shape}"), vec![Given::Numbers(shape)]);
            check(&case, &|g, x, _| g.activate(x[0], activation));
        }
        // Where exp overflows, and where the polynomial of erf ends.
        let values: Vec<f32> = (-400..=400).map(|v| v as f32 * 0.25).collect();
        let shape = Shape::tokens(1, 1, values.len());
        let case = Case::random(format!("{activation:?} far out"), vec![Given::Values(shape, values)]);
        check(&case, &|g, x, _| g.activate(x[0], activation));
    }
}

#[test]
fn concat_agrees() {
    for (a, b) in [(8, 8), (40, 7), (5, 16), (1, 1), (13, 29), (320, 160)] {
        let shape = Shape::image(2, 7, 11, 0);
        let given = [a, b].map(|channels| Given::Numbers(shape.with_channels(channels)));
        let case = Case::exact(format!("concat {a} and {b}"), given.into());
        check(&case, &|g, x, _| g.concat(x[0], x[1]));
    }
}

#[test]
fn pictures_agree_to_the_bit() {
    for shape in [Shape::image(1, 1, 1, 3), Shape::image(2, 61, 67, 3)] {
        let case = Case::random(format!("picture {shape}"), vec![Given::Numbers(shape)]);
        check(&Case { words: true, ..case }, &|g, x, _| g.picture(x[0]));
    }
}

/// Pixels with something that is not finite in each channel, and one pixel without.
fn check_not_finite(element: Element) {
    let (bad, half) = ([f32::NAN, f32::INFINITY, f32::NEG_INFINITY], 0.0);
    let values = bad.iter().flat_map(|&v| [v, half, 1.0, half, v, -1.0, 1.0, 1.0, v, half, half, half]);
    let given = vec![Given::Values(Shape::image(1, 3, 4, 3), values.collect())];
    let case = Case { words: true, ..Case::exact("a picture that is not finite", given) };
    check_in(element, configurations(), &case, &|g, x, _| g.picture(x[0]));
}

#[test]
fn pictures_that_are_not_finite_are_transparent() {
    check_not_finite(Element::F32);
}

/// WGSL leaves open what becomes of a number that no half can hold. Drivers keep it or make it
/// infinite; only SwiftShader changes its neighbour too, by the least bit, and is not asked.
#[test]
fn pictures_that_are_not_finite_in_halves_are_transparent() {
    check_not_finite(Element::F16);
}
