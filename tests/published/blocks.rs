//! Whole blocks: `tests/models/unets/test_unet_2d_blocks.py`. Seed 0, `x = randn(4, 32, 32, 32)`,
//! `time = randn(4, 128)`; for blocks of the way up the generator starts anew at 1, then the skip is
//! drawn. Pictures of a batch do not see each other: the first is enough.

use fulmen_engine::backend::HostTensor;
use fulmen_engine::layers::{
    Attention, AttentionShape, Downsample, GroupNorm, ResBlock, ResBlockShape, Upsample,
};
use fulmen_engine::unet::{BlockInputs, DownBlock, LevelShape, MidBlock, TransformerShape, UpBlock};

use super::torch::{Torch, check};

const TRANSFORMER: TransformerShape =
    TransformerShape { channels: 32, context_channels: 32, heads: 1, layers: 1, groups: 32, linear: false };

const LEVEL: LevelShape = LevelShape {
    inputs: 32,
    channels: 32,
    layers: 1,
    time: 128,
    groups: 32,
    epsilon: 1e-6,
    attention: None,
    resample: true,
};

fn start() -> (Torch, HostTensor, HostTensor) {
    let mut torch = Torch::seed(0);
    let (x, time) = (torch.image(4, 32, 32), torch.vector(4, 128));
    (torch, x, time)
}

fn down_block(attention: Option<TransformerShape>, published: [f32; 9]) {
    let (mut torch, x, time) = start();
    torch.res_block("resnets.0.", 32, 32, Some(128));
    if attention.is_some() {
        torch.transformer("attentions.0.", 32, 32);
    }
    torch.conv("downsamplers.0.conv", 32, 32, 3);
    let shape = LevelShape { attention, ..LEVEL };
    let block = DownBlock::load(&torch.weights(), shape).expect("it was just made");
    check(
        "down block",
        &[&x, &time],
        |g, x| {
            let inputs = BlockInputs { time: g.silu(x[1]), conditioning: None, feature: None };
            block.forward(g, x[0], inputs, &mut Vec::new())
        },
        published,
    );
}

#[test]
fn down_block_2d() {
    down_block(None, [-0.0232, -0.9869, 0.8054, -0.0637, -0.1688, -1.4264, 0.4470, -1.3394, 0.0904]);
}

#[test]
fn cross_attn_down_block_2d() {
    down_block(
        Some(TRANSFORMER),
        [0.2238, -0.7396, -0.2255, -0.3829, 0.1925, 1.1665, 0.0603, -0.7295, 0.1983],
    );
}

#[test]
fn unet_mid_block_2d_cross_attn() {
    let (mut torch, x, time) = start();
    torch.res_block("resnets.0.", 32, 32, Some(128));
    torch.transformer("attentions.0.", 32, 32);
    torch.res_block("resnets.1.", 32, 32, Some(128));
    let block = MidBlock::load(&torch.weights(), LEVEL, Some(TRANSFORMER)).expect("it was just made");
    check(
        "mid block",
        &[&x, &time],
        |g, x| {
            let inputs = BlockInputs { time: g.silu(x[1]), conditioning: None, feature: None };
            block.forward(g, x[0], inputs)
        },
        [0.0187, 2.4220, 0.4484, 1.1203, -0.6121, -1.5122, -0.8270, 0.7851, 1.8335],
    );
}

fn up_block(attention: Option<TransformerShape>, published: [f32; 9]) {
    let (mut torch, x, time) = start();
    torch.reseed(1);
    let skip = torch.image(4, 32, 32);
    torch.res_block("resnets.0.", 64, 32, Some(128));
    torch.conv("resnets.0.conv_shortcut", 64, 32, 1);
    if attention.is_some() {
        torch.transformer("attentions.0.", 32, 32);
    }
    torch.conv("upsamplers.0.conv", 32, 32, 3);
    let shape = LevelShape { attention, ..LEVEL };
    let block = UpBlock::load(&torch.weights(), shape, &[32]).expect("it was just made");
    check(
        "up block",
        &[&x, &time, &skip],
        |g, x| {
            let inputs = BlockInputs { time: g.silu(x[1]), conditioning: None, feature: None };
            block.forward(g, x[0], inputs, &mut vec![x[2]])
        },
        published,
    );
}

#[test]
fn up_block_2d() {
    up_block(None, [-0.2041, -0.4165, -0.3022, 0.0041, -0.6628, -0.7053, 0.1928, -0.0325, 0.0523]);
}

#[test]
fn cross_attn_up_block_2d() {
    up_block(
        Some(TRANSFORMER),
        [-0.1403, -0.3515, -0.0420, -0.1425, 0.3167, 0.5094, -0.2181, 0.5931, 0.5582],
    );
}

/// The VAE's middle, here with 32 heads of one channel each and with a time embedding.
#[test]
fn unet_mid_block_2d() {
    let (mut torch, x, time) = start();
    torch.res_block("resnets.0.", 32, 32, Some(128));
    torch.norm("attention.group_norm", 32);
    for name in ["to_q", "to_k", "to_v", "to_out.0"] {
        torch.linear(&format!("attention.{name}"), 32, 32);
    }
    torch.res_block("resnets.1.", 32, 32, Some(128));
    let w = torch.weights();
    let shape = ResBlockShape { inputs: 32, outputs: 32, time: Some(128), groups: 32, epsilon: 1e-6 };
    let load = |name: &str| ResBlock::load(&w.at(name), shape).expect("it was just made");
    let norm = GroupNorm::load(&w.at("attention.group_norm"), 32, 32, 1e-6).expect("it was just made");
    let heads = AttentionShape { channels: 32, context_channels: 32, heads: 32, causal: false, bias: true };
    let attention = Attention::load(&w.at("attention"), heads).expect("it was just made");
    check(
        "mid block",
        &[&x, &time],
        |g, x| {
            let time = g.silu(x[1]);
            let x = load("resnets.0").forward(g, x[0], Some(time));
            let h = norm.forward(g, x);
            let h = attention.forward(g, h, h);
            let x = g.add(x, h);
            load("resnets.1").forward(g, x, Some(time))
        },
        [-0.1062, 1.7248, 0.3494, 1.4569, -0.0910, -1.2421, -0.9984, 0.6736, 1.0028],
    );
}

/// `DownEncoderBlock2D` and `UpDecoderBlock2D`: a residual block without time, then resampling.
fn vae_block(up: bool, published: [f32; 9]) {
    let mut torch = Torch::seed(0);
    let x = torch.image(4, 32, 32);
    torch.res_block("resnet.", 32, 32, None);
    torch.conv("resample.conv", 32, 32, 3);
    let w = torch.weights();
    let shape = ResBlockShape { inputs: 32, outputs: 32, time: None, groups: 32, epsilon: 1e-6 };
    let block = ResBlock::load(&w.at("resnet"), shape).expect("it was just made");
    let upsample = Upsample::load(&w.at("resample"), 32).expect("it was just made");
    let downsample = Downsample::load(&w.at("resample"), 32).expect("it was just made");
    check(
        "VAE block",
        &[&x],
        |g, x| {
            let x = block.forward(g, x[0], None);
            if up { upsample.forward(g, x, 64, 64) } else { downsample.forward(g, x) }
        },
        published,
    );
}

#[test]
fn down_encoder_block_2d() {
    vae_block(false, [1.1102, 0.5302, 0.4872, -0.0023, -0.8042, 0.0483, -0.3489, -0.5632, 0.7626]);
}

#[test]
fn up_decoder_block_2d() {
    vae_block(true, [0.4404, 0.1998, -0.9886, -0.3320, -0.3128, -0.7034, -0.6955, -0.2338, -0.3137]);
}
