//! Strips: how values are cut, kept and put together, and what that takes.

use std::sync::Arc;

use super::bands::{Bands, Make, Read, within};
use super::phases::Phases;
use super::*;
use crate::cpu::CpuBackend;
use crate::graph::plan::{Keep, plan};
use crate::graph::{ConvWindow, Element, Recorder, Shape, Tiling};
use crate::noise::TorchRng;
use crate::vae::{TinyConfig, TinyEncoder, VaeConfig, VaeDecoder, VaeEncoder};
use crate::weights::{Configs, Weight, Weights, listed};

/// Bytes that are taken whole, and in strips of so many latents.
fn takes(graph: Graph, rows: usize) -> [u64; 2] {
    let (backend, graph) = (CpuBackend::new(), Arc::new(graph));
    let whole = backend.compile(graph.clone()).unwrap().memory().activations;
    let strips = StripProgram::compile(&backend, graph, Height::Largest(rows)).unwrap();
    [whole, strips.memory().activations]
}

/// Bytes that are taken whole where no value is written over another, as on a GPU.
fn without_overwriting(graph: &Graph) -> u64 {
    let bytes = |id: usize| graph.node(id).shape.len() as u64 * size_of::<f32>() as u64;
    plan(graph, bytes, Keep::Nothing, |_| false).peak()
}

/// The decoder's graph for latents of a side, without numbers, and the encoder's for its picture.
fn sdxl(side: usize) -> [Graph; 2] {
    let config = VaeConfig::read(&Configs::sdxl_base().unwrap()).unwrap();
    let mut graphs = vec![];
    let load = |w: &Weights| {
        let (latents, picture) = (Shape::image(1, side, side, 4), Shape::image(1, 8 * side, 8 * side, 3));
        let tiling = Tiling::default();
        graphs.push(VaeDecoder::load(w, config.clone())?.graph(latents, tiling, Element::F32, false)?);
        graphs.push(VaeEncoder::load(w, &config)?.graph(picture, tiling, Element::F32)?);
        Ok(())
    };
    listed(load).unwrap();
    graphs.try_into().unwrap()
}

/// What is kept of 1024×1024 is two maps of 128 channels, or what becomes them: 1 GiB.
#[test]
fn strips_of_sdxls_vae_take_little_more_than_what_is_kept() {
    const MIB: u64 = 1 << 20;
    for (side, rows) in [(128, 1), (128, 8), (256, 1)] {
        let [decoder, encoder] = sdxl(side).map(|graph| takes(graph, rows));
        let kept = 2 * 128 * 4 * (8 * side * 8 * side) as u64;
        let strip = (rows * side) as u64 * 45 * MIB / 128;
        for [whole, strips] in [decoder, encoder] {
            assert!((kept..=kept + strip).contains(&strips), "{side}, {rows}: {} MiB", strips / MIB);
            assert!(strips < whole * 4 / 5, "{side}, {rows}: {} of {} MiB", strips / MIB, whole / MIB);
        }
        let beside = without_overwriting(&sdxl(side)[0]);
        assert!(decoder[1] * 9 < beside * 5, "{side}, {rows}: {decoder:?}, {beside}");
    }
}

#[test]
fn rows_over_an_end_are_those_of_the_opposite_side() {
    let inside = within(&(2..5), 8);
    assert_eq!((inside.len(), &inside[0]), (1, &(2..5)));
    assert_eq!(within(&(-2..3), 8), [6..8, 0..3]);
    assert_eq!(within(&(-1..9), 8), [7..8, 0..8, 0..1]);
}

#[test]
fn moments_of_strips_become_those_of_the_whole() {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", Shape::image(1, 6, 2, 4));
    let moments = g.moments(x, 2);
    let graph = Arc::new(g.finish(&[moments]).unwrap());
    let values = (0..48).map(|i| (i * i % 31) as f32 + 1e5).collect();
    let x = HostTensor::f32(Shape::image(1, 6, 2, 4), values);
    let inputs = [("x", &x)];
    let backend = CpuBackend::new();
    let of = |mut program: Box<dyn Program>| program.run(&inputs, &CancelToken::default()).unwrap();
    let whole = of(backend.compile(graph.clone()).unwrap());
    for rows in [1, 2, 4, 5] {
        let strips = StripProgram::compile(&backend, graph.clone(), Height::Every(rows)).unwrap();
        let strips = of(Box::new(strips));
        for (a, b) in whole[0].as_f32().chunks(2).zip(strips[0].as_f32().chunks(2)) {
            let apart = f64::from(a[0]) + f64::from(a[1]) - f64::from(b[0]) - f64::from(b[1]);
            assert!(apart.abs() < 1e-6, "{a:?} and {b:?} in strips of {rows}");
        }
    }
}

#[test]
fn a_phase_ends_with_moments_and_where_one_value_of_many_convolutions_goes_on() {
    let [decoder, encoder] = sdxl(16);
    // Two norms in each of 14 and 10 blocks, that before the attention and the last.
    assert_eq!(Phases::of(&decoder).unwrap().count, 31);
    assert_eq!(Phases::of(&encoder).unwrap().count, 23);
    let config = TinyConfig::default();
    let load = |w: &Weights| {
        let picture = Shape::image(1, 32, 32, 3);
        let encoder = TinyEncoder::load(w, &config)?.graph(picture, Tiling::default(), Element::F32)?;
        // One for each block, and the end.
        assert_eq!(Phases::of(&encoder)?.count, 11);
        Ok(())
    };
    listed(load).unwrap();
}

#[test]
fn what_is_not_made_in_strips_is_told() {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", Shape::image(2, 8, 8, 4));
    let y = g.add(x, x);
    let graph = Arc::new(g.finish(&[y]).unwrap());
    let error = StripProgram::compile(&CpuBackend::new(), graph, Height::Every(2)).err().unwrap();
    assert!(error.to_string().contains("not made in strips"), "{error}");
}

#[test]
fn bands_are_read_across_their_borders_and_missing_inputs_are_told() {
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", Shape::image(1, 4, 1, 1));
    let y = g.add(x, x);
    let graph = g.finish(&[y]).unwrap();
    assert!(Bands::new(&graph, &[]).is_err());
    let x = HostTensor::f32(Shape::image(1, 4, 1, 1), vec![0.0, 1.0, 2.0, 3.0]);
    let mut bands = Bands::new(&graph, &[("x", &x)]).unwrap();
    let read = |rows| Read { value: 0, name: "x".into(), rows };
    assert_eq!(bands.read(&read(-1..3)).unwrap().as_f32(), [3.0, 0.0, 1.0, 2.0]);
    for rows in [0..3, 3..4] {
        let values = rows.clone().map(|row| row as f32).collect();
        let made = HostTensor::f32(Shape::image(1, rows.len(), 1, 1), values);
        bands.put(&Make { value: 1, rows }, made);
    }
    let read = |rows| Read { value: 1, name: "y".into(), rows };
    assert_eq!(bands.read(&read(2..5)).unwrap().as_f32(), [2.0, 3.0, 0.0]);
    assert_eq!(bands.joined(1).unwrap().as_f32(), [0.0, 1.0, 2.0, 3.0]);
    assert!(bands.read(&read(0..1)).is_err());
}

/// So wide that the CPU makes four lines of them together.
#[test]
fn wide_convolutions_in_strips_have_the_bits_of_the_whole() {
    strips_have_the_bits_of_the_whole(Shape::image(1, 14, 64, 128), false);
}

#[test]
fn convolutions_of_doubled_pictures_in_strips_have_the_bits_of_the_whole() {
    for (height, width, channels) in [(1, 3, 4), (7, 5, 20), (9, 32, 128)] {
        strips_have_the_bits_of_the_whole(Shape::image(1, height, width, channels), true);
    }
}

/// Of two convolutions, each of which may see what is before it doubled.
fn strips_have_the_bits_of_the_whole(shape: Shape, doubled: bool) {
    let numbers = |seed, count| TorchRng::seed(seed).normals(count);
    let mut g = Recorder::new(Element::F32);
    let mut h = g.input("x", shape);
    for seed in 1..3 {
        let of_weight = vec![shape.channels, shape.channels, 3, 3];
        let values = numbers(seed, of_weight.iter().product());
        let weight = Arc::new(Weight::from_f32(format!("weight.{seed}"), of_weight, &values));
        if doubled {
            h = g.upsample(h, 2 * h.shape().height, 2 * h.shape().width);
        }
        h = g.conv3x3(h, &weight, None, ConvWindow::SAME);
    }
    let graph = Arc::new(g.finish(&[h]).unwrap());
    let (backend, x) = (CpuBackend::new(), HostTensor::f32(shape, numbers(3, shape.len())));
    let run =
        |program: &mut dyn Program| program.run(&[("x", &x)], &CancelToken::default()).unwrap().remove(0);
    let whole = run(backend.compile(graph.clone()).unwrap().as_mut());
    for height in 1..6 {
        let mut strips = StripProgram::compile(&backend, graph.clone(), Height::Every(height)).unwrap();
        assert!(run(&mut strips) == whole, "strips of {height} lines");
    }
}
