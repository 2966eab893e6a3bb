//! Quantised weights: the picture stays what it is, both backends draw the same, and what a file has in four bits takes
//! four.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fulmen_engine::backend::Backend;
use fulmen_engine::engine::{Precision, WeightFormat};
use fulmen_engine::picture::Picture;
use fulmen_engine::weights::Part;
use fulmen_engine::{Engine, Options, Request};
use half::f16;
use safetensors::{Dtype, SafeTensors};

use super::devices::backends;

/// dB: three times the noise that was measured on both backends (48.6), and less than an eye sees.
const LEAST: f64 = 39.0;

/// dB between two backends that compute with the same weights, in f32 (95 measured).
const ALIKE: f64 = 80.0;

fn options(weights: WeightFormat, precision: Precision) -> Options {
    Options { weights, precision: Some(precision), ..Options::default() }
}

fn request() -> Request {
    Request { seed: Some(7), ..Request::new("a red circle") }
}

fn draw(backend: &Arc<dyn Backend>, options: &Options) -> Picture {
    let mut engine = Engine::open_on(backend.clone(), options).expect("the demo model opens");
    engine.draw(&request()).expect("it draws")
}

/// Bytes of a device that a picture takes; `None` of the CPU.
fn device_bytes(backend: &Arc<dyn Backend>, options: &Options) -> Option<u64> {
    let mut engine = Engine::open_on(backend.clone(), options).expect("the demo model opens");
    engine.foresee(&request()).expect("it fits").1.map(|fit| fit.device_bytes)
}

/// Peak signal to noise, of channels that are bytes.
fn psnr(a: &Picture, b: &Picture) -> f64 {
    let squares = a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    let mean = squares.sum::<f64>() / a.rgb.len() as f64;
    10.0 * (255.0 * 255.0 / mean).log10()
}

#[test]
fn quantised_weights_draw_nearly_the_same_picture() {
    let drawn: Vec<[Picture; 2]> = backends()
        .iter()
        .map(|backend| {
            let of = |weights, precision| draw(backend, &options(weights, precision));
            let near = psnr(&of(WeightFormat::Own, Precision::F16), &of(WeightFormat::Q8, Precision::F16));
            println!("{}: {near:.1} dB", backend.name());
            assert!(near >= LEAST, "{}: {near:.1} dB from the picture of 16 bits", backend.name());
            [WeightFormat::Own, WeightFormat::Q8].map(|weights| of(weights, Precision::F32))
        })
        .collect();
    let [[own, first], [_, second]] = &drawn[..] else { panic!("two backends") };
    let alike = psnr(first, second);
    println!("CPU and GPU: {alike:.1} dB");
    assert!(alike >= ALIKE, "CPU and GPU are {alike:.1} dB apart in eight bits");
    assert!(own.rgb != first.rgb, "eight bits changed nothing");
}

/// A UNet as people publish it: matrices in four bits, in ggml's Q4_0 and Q4_1 in turn, and the rest in halves.
fn write_gguf(from: &Path, to: &Path) {
    let bytes = fs::read(from).expect("the demo model's UNet");
    let mut tensors = SafeTensors::deserialize(&bytes).expect("safetensors").tensors();
    // They come in any order.
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let (mut infos, mut data) = (Vec::new(), Vec::new());
    for (place, (name, tensor)) in tensors.iter().enumerate() {
        assert_eq!(tensor.dtype(), Dtype::F16);
        let shape = tensor.shape();
        let is_matrix = shape.len() == 2 && shape[1].is_multiple_of(32);
        let (kind, stored) = match (is_matrix, place % 2) {
            (true, 0) => (2u32, four_bits(tensor.data(), q4_0)),
            (true, _) => (3, four_bits(tensor.data(), q4_1)),
            _ => (1, tensor.data().to_vec()),
        };
        infos.extend((name.len() as u64).to_le_bytes());
        infos.extend(name.as_bytes());
        infos.extend((shape.len() as u32).to_le_bytes());
        infos.extend(shape.iter().rev().flat_map(|side| (*side as u64).to_le_bytes()));
        infos.extend(kind.to_le_bytes());
        infos.extend((data.len() as u64).to_le_bytes());
        data.extend(stored);
        data.resize(data.len().next_multiple_of(32), 0);
    }
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend(0u64.to_le_bytes());
    file.extend(infos);
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend(data);
    fs::write(to, file).expect("a temporary folder");
}

/// Halves in blocks of 32 numbers, each made by `block` of what they are.
fn four_bits(halves: &[u8], block: fn(&[f32]) -> Vec<u8>) -> Vec<u8> {
    let numbers: Vec<f32> =
        halves.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect();
    numbers.chunks_exact(32).flat_map(block).collect()
}

/// Eight steps to either side of zero.
fn q4_0(numbers: &[f32]) -> Vec<u8> {
    let most = numbers.iter().copied().fold(0.0f32, |most, number| most.max(number.abs()));
    let scale = f16::from_f32(most / 7.5);
    [scale.to_le_bytes().to_vec(), nibbles(numbers, scale.to_f32(), -8.0 * scale.to_f32())].concat()
}

/// Fifteen steps from the least number to the greatest.
fn q4_1(numbers: &[f32]) -> Vec<u8> {
    let [least, most] = [f32::min, f32::max].map(|pick| numbers.iter().copied().fold(numbers[0], pick));
    let (scale, least) = (f16::from_f32((most - least) / 15.0), f16::from_f32(least));
    let halves = [scale, least].map(f16::to_le_bytes).concat();
    [halves, nibbles(numbers, scale.to_f32(), least.to_f32())].concat()
}

/// The first sixteen numbers in the low halves of bytes, the others in the high ones.
fn nibbles(numbers: &[f32], scale: f32, least: f32) -> Vec<u8> {
    let integer = |number: f32| ((number - least) / scale.max(1e-9)).round().clamp(0.0, 15.0) as u8;
    let (low, high) = numbers.split_at(16);
    low.iter().zip(high).map(|(low, high)| integer(*low) | integer(*high) << 4).collect()
}

#[test]
fn four_bits_of_a_file_take_four_on_a_device_and_draw_the_same_picture() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unet = folder.path().join("unet-q4.gguf");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
    write_gguf(&demo.join("unet/diffusion_pytorch_model.safetensors"), &unet);
    let with_unet = |weights, precision| Options {
        parts: [(Part::Unet, unet.clone())].into(),
        ..options(weights, precision)
    };
    for backend in backends() {
        let [own, kept] =
            [WeightFormat::Own, WeightFormat::Q8].map(|weights| with_unet(weights, Precision::F16));
        let near = psnr(&draw(&backend, &own), &draw(&backend, &kept));
        println!("{}: {near:.1} dB", backend.name());
        assert!(near >= LEAST, "{}: {near:.1} dB from the picture of 16 bits", backend.name());
        let eight = device_bytes(&backend, &options(WeightFormat::Q8, Precision::F16));
        if let (Some(four), Some(eight)) = (device_bytes(&backend, &kept), eight) {
            // 2,170,880 of the demo model's weights are in matrices: 17 bits of two bytes, or 10 of them.
            println!("{}: {eight} bytes in eight bits, {four} in four", backend.name());
            let saved = 2_170_880 / 32 * (34 - 20);
            assert!(eight - four >= saved * 19 / 20, "{four} bytes of a device, {eight} in eight bits");
        }
    }
    let drawn: Vec<Picture> = backends()
        .iter()
        .map(|backend| draw(backend, &with_unet(WeightFormat::Q8, Precision::F32)))
        .collect();
    let alike = psnr(&drawn[0], &drawn[1]);
    println!("CPU and GPU: {alike:.1} dB");
    assert!(alike >= ALIKE, "CPU and GPU are {alike:.1} dB apart in four bits");
}
