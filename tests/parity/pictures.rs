//! Pixels of numbers that are not finite.

use std::sync::Arc;

use fulmen_engine::backend::HostTensor;
use fulmen_engine::cases::Case;
use fulmen_engine::graph::{Element, Recorder, Shape};

use super::check;

/// Pixels with something that is not finite in each channel, and one pixel without.
fn check_not_finite(element: Element) {
    let (bad, half) = ([f32::NAN, f32::INFINITY, f32::NEG_INFINITY], 0.0);
    let values = bad.iter().flat_map(|&v| [v, half, 1.0, half, v, -1.0, 1.0, 1.0, v, half, half, half]);
    let shape = Shape::image(1, 3, 4, 3);
    let mut g = Recorder::new(element);
    let x = g.input("x", shape);
    let x = g.convert(x);
    let y = g.picture(x);
    let graph = Arc::new(g.finish(&[y]).unwrap());
    let inputs = vec![("x".to_owned(), HostTensor::f32(shape, values.collect()))];
    let variant = format!("{element:?}, not finite");
    check(std::iter::once(Case { kernel: "picture", variant, graph, inputs, bound: 0.0 }));
}

#[test]
fn what_is_not_finite_is_transparent() {
    check_not_finite(Element::F32);
}

/// WGSL leaves open what becomes of a number that no half can hold. Drivers keep it or make it
/// infinite; only SwiftShader changes its neighbour too, by the least bit, and is not asked.
#[test]
fn what_is_not_finite_in_halves_is_transparent() {
    check_not_finite(Element::F16);
}
