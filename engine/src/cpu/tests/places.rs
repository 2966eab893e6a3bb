//! Which pixels an operation sees, in numbers small enough to be checked by hand.

use std::sync::Arc;

use super::super::{CpuBackend, reference};
use super::{recorded, run, worst};
use crate::backend::{Backend, CancelToken, HostTensor};
use crate::graph::{ConvWindow, Element, Padding, Recorder, Shape};
use crate::weights::Weight;

/// burn's test_conv2d_simple: x = 0..31 as [1, 2, 4, 4], weights 0..35, bias 0 and 1.
#[test]
fn a_convolution_of_integers_is_exact() {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", Shape::image(1, 4, 4, 2));
    let weight: Vec<f32> = (0..36).map(|i| i as f32).collect();
    let weight = Arc::new(Weight::from_f32("conv.weight", vec![2, 2, 3, 3], &weight));
    let bias = Arc::new(Weight::from_f32("conv.bias", vec![2], &[0.0, 1.0]));
    let y = g.conv3x3(x, &weight, Some(&bias), ConvWindow::SAME);
    let graph = Arc::new(g.finish(&[y]).expect("shapes fit"));
    // Theirs has channels outermost.
    let numbers = (0..32).map(|i| (i % 2 * 16 + i / 2) as f32).collect();
    let given = HostTensor::f32(Shape::image(1, 4, 4, 2), numbers);
    let mut program = CpuBackend::new().compile(graph.clone()).expect("compiles");
    let fast = program.run(&[("x", &given)], &CancelToken::default()).expect("runs").remove(0);
    let slow = reference::evaluate(graph.node(1), &[&given]);
    for found in [fast, slow] {
        let first_rows =
            [0, 1].map(|channel| [0, 1, 2, 3].map(|column| found.as_f32()[column * 2 + channel]));
        assert_eq!(first_rows, [[1196.0, 1796.0, 1916.0, 1264.0], [2709.0, 4173.0, 4509.0, 3065.0]]);
    }
}

/// One channel of ones under a kernel of ones: each sum counts the pixels that the window sees.
#[test]
fn zeros_stand_where_the_padding_says() {
    let counts = |[height, width]: [usize; 2], steps: ConvWindow| {
        let shape = Shape::image(1, height, width, 1);
        let mut case = recorded(&[shape], |g, _, x| {
            let ones = Weight::from_f32("conv.weight", vec![1, 1, 3, 3], &[1.0; 9]);
            g.conv3x3(x[0], &Arc::new(ones), None, steps)
        });
        case.inputs[0].1 = HostTensor::f32(shape, vec![1.0; shape.len()]);
        assert_eq!(worst(&case), 0.0);
        run(&case).as_f32().to_vec()
    };
    let (none, after) = (Padding::NONE, Padding::AFTER);
    let steps = |stride, padding| ConvWindow { stride, padding };
    assert_eq!(counts([3, 4], steps(1, [none; 2])), [9.0, 9.0]);
    assert_eq!(counts([4, 4], steps(2, [after; 2])), [9.0, 6.0, 6.0, 4.0]);
    assert_eq!(counts([2, 3], steps(1, [Padding::AROUND, none])), [6.0, 6.0]);
    assert_eq!(counts([2, 2], ConvWindow::SAME), [4.0; 4]);
}

#[test]
fn a_picture_continues_on_its_opposite_side_where_it_wraps() {
    let mut case = recorded(&[Shape::image(1, 2, 3, 1)], |g, _, x| g.pad(x[0], [false, true], [1, 2]));
    case.inputs[0].1 = HostTensor::f32(Shape::image(1, 2, 3, 1), vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let (zeros, found) = ([0.0; 7], run(&case));
    let rows = [zeros, [2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0], [5.0, 6.0, 4.0, 5.0, 6.0, 4.0, 5.0], zeros];
    assert_eq!(found.as_f32(), rows.concat());
}
