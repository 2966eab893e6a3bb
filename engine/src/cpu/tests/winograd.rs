//! Convolutions by Winograd's ways: near what is right, and the same to the bit however they are cut.

use super::super::CpuBackend;
use super::{Maker, on_threads, recorded, run, worst};
use crate::backend::{Backend, CancelToken, HostTensor, Program};
use crate::cases::Case;
use crate::graph::{ConvWindow, Op, Padding, Shape};
use crate::noise::TorchRng;

const CHANNELS: usize = 128;

/// A convolution of a picture with these numbers; the same weight each time.
fn case(shape: Shape, padding: [Padding; 2], outputs: usize) -> Case {
    recorded(&[shape], |g, maker: &mut Maker, x| {
        let weight = maker.half_weight(&[outputs, CHANNELS, 3, 3]);
        g.conv3x3(x[0], &weight, None, ConvWindow { stride: 1, padding })
    })
}

#[test]
fn sums_of_two_by_two_are_near_those_of_all_products() {
    let error = worst(&case(Shape::image(2, 6, 30, CHANNELS), [Padding::AROUND; 2], 70));
    println!("NMSE {error:e}");
    assert!(error > 0.0 && error < 4e-13, "NMSE {error:e}");
}

#[test]
fn sums_of_four_by_four_are_near_those_of_all_products() {
    let error = worst(&case(Shape::image(2, 14, 67, CHANNELS), [Padding::AROUND; 2], 70));
    println!("NMSE {error:e}");
    assert!(error > 2e-12 && error < 6e-12, "NMSE {error:e}");
}

/// A convolution of a picture that is doubled before: seen so, or written so and then read.
fn doubled(shape: Shape, outputs: usize, is_written: bool) -> Case {
    recorded(&[shape], |g, maker: &mut Maker, x| {
        let weight = maker.half_weight(&[outputs, CHANNELS, 3, 3]);
        let large = g.upsample(x[0], 2 * shape.height, 2 * shape.width);
        let large = if is_written { g.convert(large) } else { large };
        g.conv3x3(large, &weight, None, ConvWindow::SAME)
    })
}

/// By F(2×2) on both sides.
#[test]
fn what_is_seen_doubled_has_the_bits_of_what_is_written_so() {
    for shape in [Shape::image(2, 1, 6, CHANNELS), Shape::image(3, 5, 21, CHANNELS)] {
        let [seen, written] = [false, true].map(|is_written| run(&doubled(shape, 70, is_written)));
        assert!(seen == written, "{shape}");
    }
}

#[test]
fn sums_of_doubled_pictures_are_nearer_than_those_of_four_by_four() {
    let error = worst(&doubled(Shape::image(2, 7, 34, CHANNELS), 70, false));
    println!("NMSE {error:e}");
    assert!(error > 0.0 && error < 4e-13, "NMSE {error:e}");
}

#[test]
fn a_strip_has_the_bits_of_the_whole() {
    // Those lines that are made begin with multiples of two, and where pictures are wide of four.
    strips_have_the_bits_of_the_whole((12, 21), &[(1, 4), (3, 5), (7, 5)]);
    strips_have_the_bits_of_the_whole((34, 66), &[(3, 18), (7, 27), (11, 14)]);
}

/// Strips of lines, each by its first and their number.
fn strips_have_the_bits_of_the_whole((height, width): (usize, usize), strips: &[(usize, usize)]) {
    let whole = case(Shape::image(1, height, width, CHANNELS), [Padding::AROUND; 2], 64);
    let right = run(&whole);
    let line = |channels: usize| width * channels;
    let Op::Conv3x3 { weight, .. } = &whole.graph.nodes()[1].op else { panic!("a convolution") };
    for &(first, count) in strips {
        let shape = Shape::image(1, count, width, CHANNELS);
        let window = ConvWindow { stride: 1, padding: [Padding::NONE, Padding::AROUND] };
        let mut strip = recorded(&[shape], |g, _, x| g.conv3x3(x[0], weight, None, window));
        let given = &whole.inputs[0].1.as_f32()[first * line(CHANNELS)..(first + count) * line(CHANNELS)];
        strip.inputs[0].1 = HostTensor::f32(shape, given.to_vec());
        let found = run(&strip);
        let right = &right.as_f32()[(first + 1) * line(64)..(first + count - 1) * line(64)];
        assert!(found.as_f32() == right, "lines {first} to {}", first + count);
    }
}

#[test]
fn threads_batches_and_instructions_change_no_bit() {
    for shape in [Shape::image(3, 7, 50, CHANNELS), Shape::image(3, 13, 70, CHANNELS)] {
        nothing_changes_a_bit(&case(shape, [Padding::AROUND; 2], 130));
        nothing_changes_a_bit(&doubled(shape, 130, false));
    }
}

#[test]
fn a_picture_of_a_batch_has_the_bits_that_it_has_alone() {
    let (shape, one) = (Shape::image(3, 13, 70, CHANNELS), Shape::image(1, 13, 70, CHANNELS));
    let all = case(shape, [Padding::AROUND; 2], 64);
    let Op::Conv3x3 { weight, .. } = &all.graph.nodes()[1].op else { panic!("a convolution") };
    let mut alone = recorded(&[one], |g, _, x| g.conv3x3(x[0], weight, None, ConvWindow::SAME));
    alone.inputs[0].1 = HostTensor::f32(one, all.inputs[0].1.as_f32()[one.len()..2 * one.len()].to_vec());
    let made = one.pixels() * 64;
    assert!(run(&alone).as_f32() == &run(&all).as_f32()[made..2 * made]);
}

fn nothing_changes_a_bit(case: &Case) {
    let right = on_threads(1, || run(case));
    for threads in [2, 3, 16] {
        assert!(on_threads(threads, || run(case)) == right, "on {threads} threads");
    }
    for backend in CpuBackend::all().filter(|backend| backend.arithmetic.sees_windows()) {
        let mut program = backend.compile(case.graph.clone()).expect("compiles");
        let run = |program: &mut dyn Program| {
            program.run(&case.given(), &CancelToken::default()).expect("runs").remove(0)
        };
        assert!(run(program.as_mut()) == right, "by {:?}", backend.arithmetic);
        program.run_often();
        assert!(run(program.as_mut()) == right, "kept, by {:?}", backend.arithmetic);
    }
}

#[test]
fn what_is_kept_for_wide_pictures_is_not_what_narrow_ones_take() {
    let backend = CpuBackend::new();
    // One weight in programs of four kinds: direct, F(2×2), that of a doubled picture, F(4×4).
    let mut maker = Maker(TorchRng::seed(5));
    let weight = maker.half_weight(&[64, CHANNELS, 3, 3]);
    let mut programs: Vec<_> = [(8, 8, 1), (8, 16, 1), (8, 16, 2), (12, 64, 1)]
        .map(|(height, width, times)| {
            let shape = Shape::image(1, height, width, CHANNELS);
            let case = recorded(&[shape], |g, _, x| {
                let large = g.upsample(x[0], times * height, times * width);
                g.conv3x3(large, &weight, None, ConvWindow::SAME)
            });
            let mut program = backend.compile(case.graph.clone()).expect("compiles");
            program.run_often();
            (case, program)
        })
        .into();
    for _ in 0..2 {
        for (case, program) in &mut programs {
            let found = program.run(&case.given(), &CancelToken::default()).expect("runs").remove(0);
            assert!(found == run(case));
        }
    }
}
