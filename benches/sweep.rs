//! The speed of a product, of convolutions and of attention at every legal width of a picture: prints the sizes that are
//! slower than their neighbours, and draws the curves.
//!
//!     fulmen-sizes DEVICE WIDEST ROUNDS FILE.svg
//!
//! A GPU's timestamps count, and of a software adapter the time that its threads worked, over their number: what others do
//! on the machine is then not in it. The fastest of all rounds counts, in each of which everything is gone through once.

use std::fs;
use std::process::ExitCode;

use fulmen_benches::sizes::{GRAIN, Layer, Pictures, cliffs};
use fulmen_benches::{Device, curve};

const USAGE: &str = "usage: fulmen-sizes DEVICE WIDEST ROUNDS FILE.svg, for instance gpu:0 1536 15 sizes.svg";

/// A size that reaches less of its neighbours' speed is named.
const CLIFF: f64 = 0.8;

/// One curve, as it becomes.
struct Curve {
    layer: Layer,
    pictures: Pictures,
    rates: Vec<f64>,
}

/// The curves of all layers, layer by layer.
fn sweep(device: &Device, widest: usize, rounds: usize) -> Result<Vec<Curve>, fulmen_engine::Error> {
    let curve = |(layer, pictures)| Curve { layer, pictures, rates: vec![0.0; widest / GRAIN] };
    let all = Layer::ALL.into_iter().flat_map(|layer| Pictures::ALL.map(|pictures| (layer, pictures)));
    let mut curves: Vec<Curve> = all.filter(|(layer, pictures)| layer.has(*pictures)).map(curve).collect();
    for round in 1..=rounds {
        for Curve { layer, pictures, rates } in &mut curves {
            eprintln!("round {round} of {rounds}: {}, {}", layer.name(), pictures.name());
            for (place, rate) in rates.iter_mut().enumerate() {
                *rate = rate.max(layer.rate(device, *pictures, GRAIN * (place + 1))?);
            }
        }
    }
    Ok(curves)
}

/// What is to be known of a curve, in a line, and its cliffs.
fn tell(Curve { layer, pictures, rates }: &Curve) {
    let mut sorted = rates.clone();
    sorted.sort_by(f64::total_cmp);
    let (median, most) = (sorted[sorted.len() / 2] / 1e9, sorted[sorted.len() - 1] / 1e9);
    println!("{}, {}: {median:.1} GFLOP/s at the median, {most:.1} at most", layer.name(), pictures.name());
    for cliff in cliffs(rates, CLIFF) {
        println!("    {} wide: {:.0} % of its neighbours' speed", cliff.width, 100.0 * cliff.share);
    }
}

fn panels(curves: &[Curve]) -> Vec<curve::Panel> {
    let of = |layer: Layer| curves.iter().filter(move |curve| curve.layer == layer);
    let panel = |layer: Layer| curve::Panel {
        title: format!("{}: GFLOP/s by the picture's width", layer.name()),
        curves: of(layer).map(|curve| (curve.pictures.name(), curve.rates.clone())).collect(),
    };
    Layer::ALL.map(panel).into()
}

fn run(arguments: &[String]) -> Result<(), String> {
    let [device, widest, rounds, file] = arguments else { return Err(USAGE.into()) };
    let [widest, rounds] = [widest, rounds].map(|number| number.parse().unwrap_or(0));
    if widest < GRAIN || rounds == 0 {
        return Err(USAGE.into());
    }
    let device = Device::specialised(device).map_err(|error| error.to_string())?;
    let curves = sweep(&device, widest, rounds).map_err(|error| error.to_string())?;
    curves.iter().for_each(tell);
    let caption = format!("{}: the fastest of {rounds} rounds", device.name);
    fs::write(file, curve::svg(&caption, &panels(&curves))).map_err(|error| format!("{file}: {error}"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fulmen-sizes: {error}");
            ExitCode::FAILURE
        }
    }
}
