//! A product of f32 matrices by the `gemm` crate, on all threads: the time of its first call and of those after it, as
//! one line of JSON. `tools/compare/kernels/run` calls it in turn with Fulmen's own.
//!
//!     gemm-kernels SECONDS linear ROWS INPUTS OUTPUTS

use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "usage: gemm-kernels SECONDS linear ROWS INPUTS OUTPUTS";
const MOST_CALLS: usize = 50;
const LEAST_CALLS: usize = 3;

/// `x [rows, inputs] · weight [outputs, inputs]ᵀ`.
struct Product {
    rows: usize,
    inputs: usize,
    outputs: usize,
    x: Vec<f32>,
    weight: Vec<f32>,
    y: Vec<f32>,
}

impl Product {
    fn new([rows, inputs, outputs]: [usize; 3]) -> Self {
        let numbers = |count: usize| (0..count).map(|i| (i % 251) as f32 / 251.0 - 0.5).collect();
        let (x, weight) = (numbers(rows * inputs), numbers(inputs * outputs));
        Self { rows, inputs, outputs, x, weight, y: vec![0.0; rows * outputs] }
    }

    fn run(&mut self) {
        let (inputs, outputs) = (self.inputs as isize, self.outputs as isize);
        // SAFETY: extents and strides are those of the three slices.
        unsafe {
            gemm::gemm(
                self.rows,
                self.outputs,
                self.inputs,
                self.y.as_mut_ptr(),
                1,
                outputs,
                false,
                self.x.as_ptr(),
                1,
                inputs,
                self.weight.as_ptr(),
                inputs,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::Rayon(0),
            );
        }
        std::hint::black_box(&self.y);
    }
}

fn seconds(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn measure(arguments: &[String]) -> Option<(f64, Vec<f64>)> {
    let [budget, kernel, extents @ ..] = arguments else { return None };
    let budget: f64 = budget.parse().ok()?;
    let extents: Vec<usize> = extents.iter().map(|extent| extent.parse().ok()).collect::<Option<_>>()?;
    let mut product = Product::new(extents.try_into().ok().filter(|_| kernel == "linear")?);
    let first = seconds(|| product.run());
    let (start, mut calls) = (Instant::now(), Vec::new());
    while calls.len() < LEAST_CALLS || calls.len() < MOST_CALLS && start.elapsed().as_secs_f64() < budget {
        calls.push(seconds(|| product.run()));
    }
    Some((first, calls))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measure(&arguments) {
        Some((first, calls)) => {
            println!("{{\"first\": {first}, \"seconds\": {calls:?}}}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}
