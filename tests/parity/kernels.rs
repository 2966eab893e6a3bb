//! The table of cases, a test for each operation.

use std::collections::BTreeSet;
use std::sync::Arc;

use fulmen_engine::backend::HostTensor;
use fulmen_engine::cases::{self, Case};
use fulmen_engine::graph::{Affine, Element, Recorder, Shape};
use fulmen_engine::noise::TorchRng;
use fulmen_engine::weights::Weight;

use super::device::configurations;
use super::{check, check_on};

/// A test for each of these, and one that the table has no others.
macro_rules! agree {
    ($($kernel:ident),+ $(,)?) => {
        $(
            #[test]
            fn $kernel() {
                check(cases::of(stringify!($kernel)));
            }
        )+

        #[test]
        fn every_case_of_the_table_is_checked() {
            let checked: BTreeSet<&str> = BTreeSet::from([$(stringify!($kernel)),+]);
            assert_eq!(cases::all().map(|case| case.kernel).collect::<BTreeSet<_>>(), checked);
        }
    };
}

agree! {
    linear, conv3x3, attention, guide, group_norm, layer_norm, add, add_per_image, add_scaled, activate, prelu, concat,
    upsample, pad, rows, convert, embed, take_token, picture,
}

/// A device's own grid, folded: 65,535 workgroups are the most in one dimension. Once, for it takes
/// seconds on an adapter that is slow at barriers; tiny grids are folded in every other test.
#[test]
fn more_rows_than_a_grid_is_wide_agree() {
    let shape = Shape::image(1, 660, 100, 3);
    let vector = |values: [f32; 3]| Arc::new(Weight::from_f32("vector", vec![3], &values));
    let affine = Affine { scale: vector([1.0, 0.5, -2.0]), shift: vector([0.25, -1.0, 3.0]), epsilon: 1e-5 };
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", shape);
    let y = g.layer_norm(x, &affine);
    let graph = Arc::new(g.finish(&[y]).unwrap());
    let values = HostTensor::f32(shape, TorchRng::seed(9).uniforms(shape.len()));
    let inputs = vec![("x".to_owned(), values)];
    let case = Case { kernel: "layer_norm", variant: format!("f32 {shape}"), graph, inputs, bound: 1e-9 };
    check_on(&configurations()[0], &case, &mut vec![]);
}

/// Of a configuration that does what those before it do, in all cases, nothing would ever run.
#[test]
fn every_configuration_runs_something_of_its_own() {
    let mut idle: BTreeSet<&str> = configurations().iter().map(|configuration| configuration.name).collect();
    for case in cases::all() {
        let mut seen = vec![];
        for configuration in configurations() {
            let (_, lowered) = configuration.compile(&case.graph).expect("it is lowered");
            if !seen.contains(&lowered) {
                idle.remove(configuration.name);
                seen.push(lowered);
            }
        }
    }
    assert_eq!(idle, BTreeSet::new());
}
