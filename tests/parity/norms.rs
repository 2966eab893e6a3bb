//! group_norm and layer_norm.

use fulmen_engine::graph::{Element, Recorder, Shape, Tensor};

use super::case::{Case, Given, Numbers, Weights};
use super::device::configurations;
use super::{check, check_in};

fn group_norm(case: &Case, groups: usize, silu: bool) {
    let channels = case.given[0].shape().channels;
    check(case, &|g, x, w| {
        let y = g.group_norm(x[0], groups, &w.affine(channels));
        if silu { g.silu(y) } else { y }
    });
}

fn layer_norm(channels: usize) -> impl Fn(&mut Recorder, &[Tensor], &mut Weights) -> Tensor {
    move |g, x, w| g.layer_norm(x[0], &w.affine(channels))
}

#[test]
fn group_norms_agree() {
    let shapes = [
        (Shape::image(1, 1, 3, 1), 1),
        (Shape::image(2, 5, 7, 12), 3),
        (Shape::image(1, 9, 9, 320), 32),
        (Shape::image(2, 64, 64, 32), 32),
        (Shape::image(1, 37, 41, 35), 5),
        (Shape::image(1, 9, 9, 1280), 32),
        (Shape::image(3, 2, 8, 64), 2),
    ];
    for (shape, groups) in shapes {
        for silu in [false, true] {
            let name = format!("group_norm {shape} in {groups} groups, silu {silu}");
            group_norm(&Case::random(name, vec![Given::Numbers(shape)]), groups, silu);
        }
    }
}

/// The VAE's activations: hundreds of deviations away from zero, with one wild pixel at the start.
#[test]
fn group_norm_does_not_cancel() {
    let shape = Shape::image(1, 96, 96, 8);
    let mut numbers = Numbers::new(7);
    let mut values: Vec<f32> = (0..shape.len()).map(|_| 300.0 + numbers.next(false)).collect();
    values[..8].fill(-2000.0);
    let case = Case::random("group_norm far from zero", vec![Given::Values(shape, values)]);
    group_norm(&case, 2, false);
}

#[test]
fn layer_norms_agree() {
    let shapes = [
        Shape::tokens(1, 1, 2),
        Shape::tokens(2, 77, 7),
        Shape::tokens(1, 61, 768),
        Shape::tokens(2, 64, 320),
        Shape::tokens(1, 5, 1283),
    ];
    for shape in shapes {
        let case = Case::random(format!("layer_norm {shape}"), vec![Given::Numbers(shape)]);
        check(&case, &layer_norm(shape.channels));
    }
}

/// A device's own grid, folded: 65,535 workgroups are the most in one dimension. Once, for it takes
/// seconds on an adapter that is slow at barriers; tiny grids are folded in every other test.
#[test]
fn more_rows_than_a_grid_is_wide_agree() {
    let shape = Shape::image(1, 660, 100, 3);
    let case = Case::random(format!("layer_norm {shape}"), vec![Given::Numbers(shape)]);
    check_in(Element::F32, &configurations()[..1], &case, &layer_norm(shape.channels));
}
