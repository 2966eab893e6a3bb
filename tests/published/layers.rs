//! Single layers: `tests/models/test_layers_utils.py`. Seed 0, then the input, then the module.

use fulmen_engine::graph::ConvWindow;
use fulmen_engine::layers::{Conv3x3, CrossContext, GroupNorm, Linear, ResBlock, ResBlockShape};
use fulmen_engine::unet::{Transformer, TransformerShape};

use super::torch::{Torch, check};

const EVERY_SECOND: ConvWindow = ConvWindow { stride: 2, ..ConvWindow::SAME };

const RES_BLOCK: ResBlockShape =
    ResBlockShape { inputs: 32, outputs: 32, time: Some(128), groups: 32, epsilon: 1e-6 };

#[test]
fn test_upsample_default() {
    let x = Torch::seed(0).image(1, 32, 32);
    let published = [-0.2173, -1.2079, -1.2079, 0.2952, 1.1254, 1.1254, 0.2952, 1.1254, 1.1254];
    check("upsample", &[&x], |g, x| g.upsample(x[0], 64, 64), published);
}

fn upsample_with_conv(outputs: usize, published: [f32; 9]) {
    let mut torch = Torch::seed(0);
    let x = torch.image(1, 32, 32);
    torch.conv("conv", 32, outputs, 3);
    let conv = Conv3x3::load(&torch.weights().at("conv"), 32, outputs).expect("it was just made");
    check(
        "upsample, conv",
        &[&x],
        |g, x| {
            let x = g.upsample(x[0], 64, 64);
            conv.forward(g, x)
        },
        published,
    );
}

#[test]
fn test_upsample_with_conv() {
    upsample_with_conv(32, [0.7145, 1.3773, 0.3492, 0.8448, 1.0839, -0.3341, 0.5956, 0.1250, -0.4841]);
}

#[test]
fn test_upsample_with_conv_out_dim() {
    upsample_with_conv(64, [0.2703, 0.1656, -0.2538, -0.0553, -0.2984, 0.1044, 0.1155, 0.2579, 0.7755]);
}

fn downsample_with_conv(outputs: usize, published: [f32; 9]) {
    let mut torch = Torch::seed(0);
    let x = torch.image(1, 32, 64);
    torch.conv("conv", 32, outputs, 3);
    let conv =
        Conv3x3::load_with(&torch.weights().at("conv"), 32, outputs, EVERY_SECOND).expect("it was just made");
    check("downsampling conv", &[&x], |g, x| conv.forward(g, x[0]), published);
}

#[test]
fn test_downsample_with_conv_pad1() {
    downsample_with_conv(32, [0.9267, 0.5878, 0.3337, 1.2321, -0.1191, -0.3984, -0.7532, -0.0715, -0.3913]);
}

#[test]
fn test_downsample_with_conv_out_dim() {
    downsample_with_conv(16, [-0.6586, 0.5985, 0.0721, 0.1256, -0.1492, 0.4436, -0.2544, 0.5021, 1.1522]);
}

#[test]
fn test_resnet_default() {
    let mut torch = Torch::seed(0);
    let (x, time) = (torch.image(1, 32, 64), torch.vector(1, 128));
    torch.res_block("", 32, 32, Some(128));
    let block = ResBlock::load(&torch.weights(), RES_BLOCK).expect("it was just made");
    check(
        "residual block",
        &[&x, &time],
        |g, x| {
            let time = g.silu(x[1]);
            block.forward(g, x[0], Some(time))
        },
        [-1.9010, -0.2974, -0.8245, -1.3533, 0.8742, -0.9645, -2.0584, 1.3387, -0.4746],
    );
}

/// A residual block that doubles the resolution of both branches after the first norm and SiLU. SDXL
/// has none, but its parts are SDXL's.
#[test]
fn test_resnet_up() {
    let mut torch = Torch::seed(0);
    let (x, time) = (torch.image(1, 32, 64), torch.vector(1, 128));
    torch.res_block("", 32, 32, Some(128));
    let w = torch.weights();
    let norm = |name: &str| GroupNorm::load(&w.at(name), 32, 32, 1e-6).expect("it was just made");
    let conv = |name: &str| Conv3x3::load(&w.at(name), 32, 32).expect("it was just made");
    let project = Linear::load(&w.at("time_emb_proj"), 128, 32).expect("it was just made");
    check(
        "residual block that doubles the resolution",
        &[&x, &time],
        |g, inputs| {
            let h = norm("norm1").silu(g, inputs[0]);
            let [h, x] = [h, inputs[0]].map(|x| g.upsample(x, 128, 128));
            let h = conv("conv1").forward(g, h);
            let time = g.silu(inputs[1]);
            let time = project.forward(g, time);
            let h = g.add_per_image(h, time);
            let h = norm("norm2").silu(g, h);
            let h = conv("conv2").forward(g, h);
            g.add(x, h)
        },
        [1.2130, -0.8753, -0.9027, 1.5783, -0.5362, -0.5001, 1.0726, -0.7732, -0.4182],
    );
}

#[test]
fn test_spatial_transformer_cross_attention_dim() {
    let mut torch = Torch::seed(0);
    let x = torch.image(1, 64, 64);
    torch.transformer("", 64, 64);
    let context = torch.tokens(4, 64);
    let shape = TransformerShape {
        channels: 64,
        context_channels: 64,
        heads: 2,
        layers: 1,
        groups: 32,
        linear: false,
    };
    let transformer = Transformer::load(&torch.weights(), shape).expect("it was just made");
    let published = [0.0143, -0.6909, -2.1547, -1.8893, 1.4097, 0.1359, -0.2521, -1.3359, 0.2598];
    check(
        "transformer",
        &[&x, &context],
        |g, x| {
            let prompt = CrossContext { context: x[1], negative: None, image_tokens: &[] };
            transformer.forward(g, x[0], Some(prompt))
        },
        published,
    );
}
