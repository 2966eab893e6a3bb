//! What a card could do at best: each node of SDXL's UNet takes as long as its arithmetic at the share of the peak that its
//! kernel's loop can reach, or as long as its bytes, whichever is longer.

use std::fmt::Write as _;

use fulmen_engine::graph::{Element, Graph, Node, Op, Shape};
use fulmen_engine::synth;
use fulmen_engine::tokens::LENGTH;
use fulmen_engine::unet::{UNet, UNetConfig, UNetInputs};
use fulmen_engine::weights::{Configs, Part};

use crate::cards::{CARDS, Card, Family};
use crate::report::Row;

/// The cores, best first where a card has them.
const CORES: [&str; 3] = ["tiled", "subgroup", "cooperative"];

/// SDXL's UNet for a picture of 1024×1024, with activations in halves.
pub(crate) fn unet() -> Result<Graph, String> {
    let graph = || {
        let configs = Configs::sdxl_base()?;
        let model = synth::in_memory(&configs)?;
        let unet = UNet::load(&model.weights(Part::Unet)?, model.config::<UNetConfig>(Part::Unet)?)?;
        let latents = Shape::image(1, 128, 128, unet.config().in_channels);
        unet.graph(&UNetInputs::new(latents, LENGTH), Element::F16)
    };
    graph().map_err(|error| error.to_string())
}

/// Milliseconds of a call: products, convolutions, attention, everything else.
fn milliseconds(graph: &Graph, card: &Card, rows: &[Row], core: &str) -> Option<[f64; 4]> {
    let share = |kind: &str| {
        let of_kind = |row: &&Row| row.kernel.starts_with(&format!("{kind}_{core}"));
        rows.iter().filter(of_kind).filter_map(|row| row.of_peak).reduce(f64::max)
    };
    let peak = if core == "cooperative" { card.matrices? } else { card.numbers };
    let shares = [share("linear")?, share("conv3x3")?, share("attention")?];
    let mut times = [0.0; 4];
    for node in graph.nodes() {
        let (kind, flops) = match node.op {
            Op::Linear { .. } => (0, flops(graph, node)),
            Op::Conv3x3 { .. } => (1, flops(graph, node)),
            Op::Attention { .. } => (2, flops(graph, node)),
            _ => (3, 0.0),
        };
        let arithmetic = shares.get(kind).map_or(0.0, |share| flops / (peak * 1e9 * share));
        times[kind] += arithmetic.max(bytes(graph, node) / (card.bandwidth * 1e6));
    }
    Some(times)
}

fn flops(graph: &Graph, node: &Node) -> f64 {
    let rows = (node.shape.len() / node.shape.channels) as f64;
    match &node.op {
        Op::Linear { weight, .. } | Op::Conv3x3 { weight, .. } => 2.0 * rows * weight.len() as f64,
        Op::Attention { .. } => {
            let keys = graph.node(node.inputs[1]).shape.pixels() as f64;
            4.0 * rows * keys * node.shape.channels as f64
        }
        _ => 0.0,
    }
}

/// What must be read and written once: values, and a weight in halves.
fn bytes(graph: &Graph, node: &Node) -> f64 {
    let weight = match &node.op {
        Op::Input { .. } => return 0.0,
        Op::Linear { weight, .. } | Op::Conv3x3 { weight, .. } => weight.len(),
        _ => 0,
    };
    let values = node.inputs.iter().map(|&input| graph.node(input)).chain([node]);
    2.0 * (weight + values.map(|value| value.shape.len()).sum::<usize>()) as f64
}

/// A row for each card of the family and each core, as Markdown.
pub(crate) fn table(family: Family, rows: &[Row]) -> Result<String, String> {
    let graph = unet()?;
    let flop: f64 = graph.nodes().iter().map(|node| flops(&graph, node)).sum();
    let mut text = String::from(
        "\n| card | core | products | convolutions | attention | the rest | UNet call at 1024×1024, predicted |\n\
         | --- | --- | --: | --: | --: | --: | --: |\n",
    );
    for card in CARDS.iter().filter(|card| card.family == family) {
        for core in CORES {
            let Some(times) = milliseconds(&graph, card, rows, core) else { continue };
            let [products, convolutions, attention, rest] = times;
            let call: f64 = times.iter().sum();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {} | {core} | {products:.0} ms | {convolutions:.0} ms | {attention:.0} ms | {rest:.0} ms | \
                 {call:.0} ms, {:.1} TFLOP/s |",
                card.name,
                flop / call / 1e9
            );
        }
    }
    Ok(text)
}
