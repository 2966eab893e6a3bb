//! The names of nets that guide a model by a picture: those of the original code, and projections that are fused.

use super::{Origin, View, unet};
use crate::weights::network::Level;

/// Convolutions between the first and the last of a ControlNet's hint net: three levels of resolution, two each.
pub(crate) const HINT_BLOCKS: usize = 6;
/// Residual blocks of each of a T2I-Adapter's blocks, where its file counts them through.
pub(crate) const ADAPTER_LAYERS: usize = 2;

/// A ControlNet's tensor in diffusers' naming, which fuses the projections of a union's transformer.
pub(super) fn diffusers(name: &str) -> Origin {
    let thirds = [(".attn.to_q.", 0), (".attn.to_k.", 1), (".attn.to_v.", 2)];
    let found = thirds.iter().find_map(|(projection, third)| Some((name.split_once(projection)?, *third)));
    match found {
        Some(((layer, last), third)) => {
            Origin { key: format!("{layer}.attn.in_proj_{last}"), view: View::Third(third) }
        }
        None => Origin::whole(name.to_owned()),
    }
}

/// The same in the original code's naming.
pub(super) fn original(levels: &[Level], name: &str) -> Origin {
    let parts: Vec<&str> = name.split('.').collect();
    let key = match parts.as_slice() {
        ["controlnet_cond_embedding", "conv_in", last] => format!("input_hint_block.0.{last}"),
        ["controlnet_cond_embedding", "blocks", i, last] => {
            format!("input_hint_block.{}.{last}", 2 * (1 + unet::number(i)))
        }
        ["controlnet_cond_embedding", "conv_out", last] => {
            format!("input_hint_block.{}.{last}", 2 * (1 + HINT_BLOCKS))
        }
        ["controlnet_down_blocks", i, last] => format!("zero_convs.{i}.0.{last}"),
        ["controlnet_mid_block", last] => format!("middle_block_out.0.{last}"),
        _ => match diffusers(name) {
            fused @ Origin { view: View::Third(_), .. } => return fused,
            _ => unet::original(levels, name),
        },
    };
    Origin::whole(key)
}

/// A T2I-Adapter's tensor, with its residual blocks counted through.
pub(super) fn flat_adapter(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let first = |i: &str| ADAPTER_LAYERS * unet::number(i);
    match parts.as_slice() {
        ["body", i, "in_conv", last] => format!("body.{}.in_conv.{last}", first(i)),
        ["body", i, "resnets", j, rest @ ..] => {
            format!("body.{}.{}", first(i) + unet::number(j), rest.join("."))
        }
        _ => name.to_owned(),
    }
}
