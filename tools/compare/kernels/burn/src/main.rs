//! One kernel of SDXL by burn's WGSL backend, in f32. Prints the time of the first call and of those after it, as one
//! line of JSON. Its first call includes choosing among its kernels by measuring them, which is how its users meet it.
//!
//!     burn-kernels SECONDS linear ROWS INPUTS OUTPUTS
//!     burn-kernels SECONDS conv3x3 INPUTS OUTPUTS SIDE
//!     burn-kernels SECONDS attention HEADS QUERIES KEYS
//!     burn-kernels SECONDS group_norm CHANNELS SIDE

use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::activation::silu;
use burn::tensor::module::{attention, conv2d};
use burn::tensor::ops::{AttentionModuleOptions, ConvOptions};
use burn::tensor::{Device, DeviceKind, Distribution, Tensor};

const USAGE: &str = "usage: burn-kernels SECONDS linear|conv3x3|attention|group_norm NUMBERS...";
const MOST_CALLS: usize = 50;
const LEAST_CALLS: usize = 3;

/// Computes once and waits; the result lives until then, so that nothing can be left out.
type Call = Box<dyn Fn(&Device)>;

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device)
}

fn waited<const D: usize>(result: Tensor<D>, device: &Device) {
    device.sync().expect("the device works");
    drop(result);
}

fn linear([rows, inputs, outputs]: [usize; 3], device: &Device) -> Call {
    let (x, weight) = (random([rows, inputs], device), random([inputs, outputs], device));
    Box::new(move |device| waited(x.clone().matmul(weight.clone()), device))
}

fn conv3x3([inputs, outputs, side]: [usize; 3], device: &Device) -> Call {
    let x = random([1, inputs, side, side], device);
    let weight = random([outputs, inputs, 3, 3], device);
    Box::new(move |device| {
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        waited(conv2d(x.clone(), weight.clone(), None, options), device);
    })
}

fn attend([heads, queries, keys]: [usize; 3], device: &Device) -> Call {
    let q = random([1, heads, queries, 64], device);
    let [k, v] = [0, 1].map(|_| random([1, heads, keys, 64], device));
    Box::new(move |device| {
        let options = AttentionModuleOptions { scale: None, softcap: None, is_causal: false };
        waited(attention(q.clone(), k.clone(), v.clone(), None, None, options), device);
    })
}

/// As burn's own module does it, with SiLU.
fn group_norm([channels, side]: [usize; 2], device: &Device) -> Call {
    let x = random([1, channels, side, side], device);
    let [scale, shift] = [0, 1].map(|_| random([1, channels, 1, 1], device));
    Box::new(move |device| {
        let groups = x.clone().reshape([1, 32, channels / 32 * side * side]);
        let centred = groups.clone().sub(groups.mean_dim(2));
        let deviation = centred.clone().square().mean_dim(2).add_scalar(1e-5).sqrt();
        let normal = centred.div(deviation).reshape([1, channels, side, side]);
        waited(silu(normal.mul(scale.clone()).add(shift.clone())), device);
    })
}

fn call(kernel: &str, numbers: &[usize], device: &Device) -> Option<Call> {
    Some(match (kernel, numbers) {
        ("linear", &[a, b, c]) => linear([a, b, c], device),
        ("conv3x3", &[a, b, c]) => conv3x3([a, b, c], device),
        ("attention", &[a, b, c]) => attend([a, b, c], device),
        ("group_norm", &[a, b]) => group_norm([a, b], device),
        _ => return None,
    })
}

fn measure(arguments: &[String]) -> Result<(f64, Vec<f64>), &'static str> {
    let [seconds, kernel, numbers @ ..] = arguments else { return Err(USAGE) };
    let seconds: f64 = seconds.parse().map_err(|_| USAGE)?;
    let numbers: Vec<usize> =
        numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>().map_err(|_| USAGE)?;
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let call = call(kernel, &numbers, &device).ok_or(USAGE)?;
    device.sync().map_err(|_| "the device does not work")?;
    let timed = || {
        let start = Instant::now();
        call(&device);
        start.elapsed().as_secs_f64()
    };
    let first = timed();
    let (start, mut calls) = (Instant::now(), Vec::new());
    while calls.len() < LEAST_CALLS || calls.len() < MOST_CALLS && start.elapsed().as_secs_f64() < seconds {
        calls.push(timed());
    }
    Ok((first, calls))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measure(&arguments) {
        Ok((first, calls)) => {
            println!("{{\"first\": {first}, \"seconds\": {calls:?}}}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("burn-kernels: {error}");
            ExitCode::FAILURE
        }
    }
}
