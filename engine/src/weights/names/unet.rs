//! The UNet's names in the original code: blocks counted through, without levels.

use crate::weights::network::Level;

/// The original name of a tensor, without the prefix.
pub(super) fn original(levels: &[Level], name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        ["conv_in", last] => format!("input_blocks.0.0.{last}"),
        ["time_embedding", "linear_1", last] => format!("time_embed.0.{last}"),
        ["time_embedding", "linear_2", last] => format!("time_embed.2.{last}"),
        ["add_embedding", "linear_1", last] => format!("label_emb.0.0.{last}"),
        ["add_embedding", "linear_2", last] => format!("label_emb.0.2.{last}"),
        ["conv_norm_out", last] => format!("out.0.{last}"),
        ["conv_out", last] => format!("out.2.{last}"),
        ["mid_block", "resnets", "0", rest @ ..] => format!("middle_block.0.{}", res_block(rest)),
        ["mid_block", "attentions", "0", rest @ ..] => format!("middle_block.1.{}", rest.join(".")),
        ["mid_block", "resnets", "1", rest @ ..] => format!("middle_block.2.{}", res_block(rest)),
        ["down_blocks", level, rest @ ..] => down(levels, number(level), rest),
        ["up_blocks", level, rest @ ..] => up(levels, number(level), rest),
        _ => name.to_owned(),
    }
}

fn down(levels: &[Level], level: usize, rest: &[&str]) -> String {
    let stride = |level: &Level| level.blocks + 1;
    // Block 0 is the first convolution; a level ends with its downsampler.
    let first = 1 + levels.iter().take(level).map(stride).sum::<usize>();
    match rest {
        ["resnets", j, rest @ ..] => format!("input_blocks.{}.0.{}", first + number(j), res_block(rest)),
        ["attentions", j, rest @ ..] => format!("input_blocks.{}.1.{}", first + number(j), rest.join(".")),
        ["downsamplers", "0", "conv", last] => {
            let blocks = levels.get(level).map_or(0, |level| level.blocks);
            format!("input_blocks.{}.0.op.{last}", first + blocks)
        }
        _ => rest.join("."),
    }
}

fn up(levels: &[Level], level: usize, rest: &[&str]) -> String {
    let stride = |level: &Level| level.blocks + 1;
    let first = levels.iter().rev().take(level).map(stride).sum::<usize>();
    match rest {
        ["resnets", j, rest @ ..] => format!("output_blocks.{}.0.{}", first + number(j), res_block(rest)),
        ["attentions", j, rest @ ..] => format!("output_blocks.{}.1.{}", first + number(j), rest.join(".")),
        ["upsamplers", "0", "conv", last] => {
            // The upsampler is the last member of the level's last block, after attention if there is any.
            let (blocks, attention) =
                levels.iter().rev().nth(level).map_or((0, false), |level| (level.blocks, level.attention_up));
            format!("output_blocks.{}.{}.conv.{last}", first + blocks, 1 + usize::from(attention))
        }
        _ => rest.join("."),
    }
}

fn res_block(rest: &[&str]) -> String {
    let (layer, last) = match rest {
        [layer, last] => (*layer, *last),
        _ => return rest.join("."),
    };
    let layer = match layer {
        "norm1" => "in_layers.0",
        "conv1" => "in_layers.2",
        "time_emb_proj" => "emb_layers.1",
        "norm2" => "out_layers.0",
        "conv2" => "out_layers.3",
        "conv_shortcut" => "skip_connection",
        other => other,
    };
    format!("{layer}.{last}")
}

/// Names come from the network, where these parts are numbers.
pub(super) fn number(part: &str) -> usize {
    part.parse().unwrap_or(0)
}
