//! Which of the known networks a list of layers is.

use super::param::Layer;

/// What the layers with numbers are called, and what follows the network.
pub(super) struct Known {
    /// Of each layer with numbers, in the list's order.
    pub(super) names: Vec<String>,
    pub(super) reduction: f64,
}

/// The convolutions of a residual block of three dense ones.
const OF_A_BLOCK: usize = 15;
/// Those around the blocks: first, after the body, two of larger pictures, and the last two.
const AROUND: usize = 6;

/// ncnn's numbers of what follows a convolution.
const NOTHING: f64 = 0.0;
const LEAKY_RELU: f64 = 2.0;
/// Of what a picture is enlarged by.
const NEAREST: f64 = 1.0;

const UNKNOWN: &str = "is an ncnn network, but neither RRDBNet (ESRGAN, Real-ESRGAN) nor SRVGG (Real-ESRGAN's small \
                       one), which are the upscalers that Fulmen has";

/// The network; what it is instead, as the rest of a sentence.
pub(super) fn recognise(layers: &[Layer]) -> Result<Known, String> {
    rrdb(layers).or_else(|| srvgg(layers)).ok_or_else(|| UNKNOWN.into())
}

fn of<'a>(layers: &'a [Layer], kind: &str) -> Vec<&'a Layer> {
    layers.iter().filter(|layer| layer.kind == kind).collect()
}

/// Whether all layers are of these kinds.
fn all_of(layers: &[Layer], kinds: &[&str]) -> bool {
    layers.iter().all(|layer| kinds.contains(&layer.kind.as_str()))
}

/// 3×3 over every pixel, with a pixel of zeros around, numbers of a bias, and this function.
fn is_conv(layer: &Layer, function: f64) -> bool {
    let is = |number, value| layer.value(number, 0.0) == value;
    let plain = is(1, 3.0) && layer.value(11, 3.0) == 3.0 && is(4, 1.0) && layer.value(14, 1.0) == 1.0;
    let every = layer.value(2, 1.0) == 1.0 && layer.value(3, 1.0) == 1.0 && is(5, 1.0) && is(8, 0.0);
    let slope = function == NOTHING || matches!(layer.row(10), [slope] if (slope - 0.2).abs() < 1e-6);
    plain && every && is(9, function) && slope
}

fn is_enlargement(layer: &Layer, by: f64) -> bool {
    layer.value(0, 0.0) == NEAREST && layer.value(1, 1.0) == by && layer.value(2, 1.0) == by
}

fn is_sum(layer: &Layer) -> bool {
    layer.inputs == 2 && layer.value(0, 0.0) == 0.0 && layer.value(1, 0.0) == 0.0
}

/// A fifth of the first value, and the second.
fn is_fifth(layer: &Layer) -> bool {
    let factors = matches!(layer.row(1), [a, b] if (a - 0.2).abs() < 1e-6 && (b - 1.0).abs() < 1e-6);
    layer.inputs == 2 && layer.value(0, 0.0) == 1.0 && factors
}

fn rrdb(layers: &[Layer]) -> Option<Known> {
    const KINDS: [&str; 7] = ["Input", "Split", "Convolution", "Concat", "Eltwise", "BinaryOp", "Interp"];
    let convs = of(layers, "Convolution");
    let inner = convs.len().checked_sub(AROUND).filter(|inner| inner.is_multiple_of(OF_A_BLOCK))?;
    let blocks = inner / OF_A_BLOCK;
    let (fifths, sums, larger) = (of(layers, "Eltwise"), of(layers, "BinaryOp"), of(layers, "Interp"));
    let adds_up = fifths.len() == 4 * blocks && sums.len() == 1 && larger.len() == 2 && blocks > 0;
    let each = fifths.iter().all(|layer| is_fifth(layer))
        && sums.iter().all(|layer| is_sum(layer))
        && larger.iter().all(|layer| is_enlargement(layer, 2.0));
    let names = rrdb_names(blocks);
    let functions = convs.iter().zip(&names).all(|(conv, name)| {
        let is_dense = name.starts_with("body.") && !name.ends_with("conv5");
        let is_late = ["conv_up1", "conv_up2", "conv_hr"].contains(&name.as_str());
        is_conv(conv, if is_dense || is_late { LEAKY_RELU } else { NOTHING })
    });
    (all_of(layers, &KINDS) && adds_up && each && functions).then_some(Known { names, reduction: 1.0 })
}

fn rrdb_names(blocks: usize) -> Vec<String> {
    let inner = (0..blocks * OF_A_BLOCK).map(|place| {
        let (block, dense, conv) = (place / OF_A_BLOCK, place % OF_A_BLOCK / 5 + 1, place % 5 + 1);
        format!("body.{block}.rdb{dense}.conv{conv}")
    });
    let after = ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"].map(str::to_owned);
    std::iter::once("conv_first".to_owned()).chain(inner).chain(after).collect()
}

fn srvgg(layers: &[Layer]) -> Option<Known> {
    const KINDS: [&str; 7] = ["Input", "Split", "Convolution", "PReLU", "PixelShuffle", "Interp", "BinaryOp"];
    let numbered: Vec<&Layer> =
        layers.iter().filter(|layer| ["Convolution", "PReLU"].contains(&layer.kind.as_str())).collect();
    let in_turn = numbered.iter().enumerate().all(|(place, layer)| match place % 2 {
        0 => layer.kind == "Convolution" && is_conv(layer, NOTHING),
        _ => layer.kind == "PReLU",
    });
    let (shuffles, sums, resized) =
        (of(layers, "PixelShuffle"), of(layers, "BinaryOp"), of(layers, "Interp"));
    let ([shuffle], [sum]) = (&shuffles[..], &sums[..]) else { return None };
    let reduction = match resized[..] {
        [larger] => is_enlargement(larger, shuffle.value(0, 1.0)).then_some(1.0)?,
        [larger, last] => {
            let by = last.value(1, 1.0);
            let is_same = last.value(2, 1.0) == by && (0.0..1.0).contains(&by) && by > 0.0;
            (is_same && is_enlargement(larger, shuffle.value(0, 1.0))).then_some(by)?
        }
        _ => return None,
    };
    let fits = numbered.len() > 2 && numbered.len() % 2 == 1 && in_turn && is_sum(sum);
    let names = (0..numbered.len()).map(|place| format!("body.{place}")).collect();
    (all_of(layers, &KINDS) && fits).then_some(Known { names, reduction })
}
