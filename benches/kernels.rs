//! One kernel of SDXL on the first adapter or on the CPU: the time of its first call and of those after it, as one line
//! of JSON. `tools/compare/kernels/run` calls it in turn with other programs that take the same arguments.
//!
//!     fulmen-kernels adapter|cpu|cpu-bf16 SECONDS linear ROWS INPUTS OUTPUTS
//!     fulmen-kernels adapter|cpu|cpu-bf16 SECONDS conv3x3 INPUTS OUTPUTS SIDE
//!     fulmen-kernels adapter|cpu|cpu-bf16 SECONDS conv3x3_doubled INPUTS OUTPUTS SIDE    of a picture made twice as large
//!     fulmen-kernels adapter|cpu|cpu-bf16 SECONDS attention HEADS QUERIES KEYS
//!     fulmen-kernels adapter|cpu|cpu-bf16 SECONDS group_norm CHANNELS SIDE

use std::process::ExitCode;
use std::time::Instant;

use fulmen_benches::{Device, Sketch};
use fulmen_engine::graph::{Affine, ConvWindow, Recorder, Shape, Tensor};

const USAGE: &str = "usage: fulmen-kernels adapter|cpu|cpu-bf16 SECONDS linear|conv3x3|conv3x3_doubled|attention|group_norm NUMBERS...";
const MOST_CALLS: usize = 50;
const LEAST_CALLS: usize = 3;

type Node = Box<dyn Fn(&mut Recorder) -> Tensor>;

/// What records the node; `None` where the arguments name none.
fn node(sketch: &mut Sketch, kernel: &str, numbers: &[usize]) -> Option<Node> {
    Some(match (kernel, numbers) {
        ("linear", &[rows, inputs, outputs]) => {
            let x = sketch.activations(Shape::tokens(1, rows, inputs));
            let (weight, bias) = (sketch.weight(&[outputs, inputs]), sketch.vector(outputs));
            Box::new(move |graph| graph.linear(x, &weight, Some(&bias)))
        }
        ("conv3x3" | "conv3x3_doubled", &[inputs, outputs, side]) => {
            let x = sketch.activations(Shape::image(1, side, side, inputs));
            let (weight, bias) = (sketch.weight(&[outputs, inputs, 3, 3]), sketch.vector(outputs));
            let is_doubled = kernel == "conv3x3_doubled";
            Box::new(move |graph| {
                let x = if is_doubled { graph.upsample(x, 2 * side, 2 * side) } else { x };
                graph.conv3x3(x, &weight, Some(&bias), ConvWindow::SAME)
            })
        }
        ("attention", &[heads, queries, keys]) => {
            let (q, kv) = (Shape::tokens(1, queries, 64 * heads), Shape::tokens(1, keys, 64 * heads));
            let [q, k, v] = [q, kv, kv].map(|shape| sketch.activations(shape));
            Box::new(move |graph| graph.attention(q, k, v, heads, false))
        }
        ("group_norm", &[channels, side]) => {
            let x = sketch.activations(Shape::image(1, side, side, channels));
            let affine =
                Affine { scale: sketch.vector(channels), shift: sketch.vector(channels), epsilon: 1e-5 };
            Box::new(move |graph| {
                let y = graph.group_norm(x, 32, &affine);
                graph.silu(y)
            })
        }
        _ => return None,
    })
}

/// Seconds of the first call, which compiles and copies weights, and of each call after it.
fn time(device: &Device, kernel: &str, numbers: &[usize], seconds: f64) -> Result<(f64, Vec<f64>), String> {
    let mut sketch = Sketch::new(device);
    let node = node(&mut sketch, kernel, numbers).ok_or(USAGE)?;
    sketch.repeat(1, node);
    let start = Instant::now();
    let mut run = sketch.compile(device).map_err(|error| error.to_string())?;
    run();
    let first = start.elapsed().as_secs_f64();
    let (start, mut calls) = (Instant::now(), Vec::new());
    while calls.len() < LEAST_CALLS || calls.len() < MOST_CALLS && start.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        run();
        calls.push(start.elapsed().as_secs_f64());
    }
    Ok((first, calls))
}

fn measure(arguments: &[String]) -> Result<(f64, Vec<f64>), String> {
    let [on, seconds, kernel, numbers @ ..] = arguments else { return Err(USAGE.into()) };
    let seconds: f64 = seconds.parse().map_err(|_| USAGE)?;
    let numbers: Vec<usize> =
        numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>().map_err(|_| USAGE)?;
    let device = match on.as_str() {
        "adapter" => Device::first_adapter().map_err(|error| error.to_string())?,
        "cpu" => Device::cpu(),
        "cpu-bf16" => Device::cpu_in_bf16().map_err(|error| error.to_string())?,
        _ => return Err(USAGE.into()),
    };
    time(&device, kernel, &numbers, seconds)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measure(&arguments) {
        Ok((first, calls)) => {
            println!("{{\"first\": {first}, \"seconds\": {calls:?}}}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("fulmen-kernels: {error}");
            ExitCode::FAILURE
        }
    }
}
