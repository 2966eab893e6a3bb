//! The VAE's names in the original code, and in diffusers before attention was renamed; a tiny VAE's.

/// The original name of a tensor, without the prefix, and those that diffusers' converter leaves for
/// attention: it knows the names of one release, and folders have those of several.
pub(super) fn originals(levels: usize, name: &str) -> impl Iterator<Item = String> {
    let usual = original(levels, name, attention);
    let today = original(levels, name, |rest| rest.join("."));
    let before =
        before_attention_was_renamed(name).map(|name| original(levels, &name, |rest| rest.join(".")));
    let others = Some(today).filter(|today| *today != usual).into_iter().chain(before);
    std::iter::once(usual).chain(others)
}

fn original(levels: usize, name: &str, attention: impl Fn(&[&str]) -> String) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        [side, "conv_norm_out", last] => format!("{side}.norm_out.{last}"),
        [side, "mid_block", "resnets", "0", rest @ ..] => format!("{side}.mid.block_1.{}", res_block(rest)),
        [side, "mid_block", "resnets", "1", rest @ ..] => format!("{side}.mid.block_2.{}", res_block(rest)),
        [side, "mid_block", "attentions", "0", rest @ ..] => format!("{side}.mid.attn_1.{}", attention(rest)),
        [side, "down_blocks", i, "resnets", j, rest @ ..] => {
            format!("{side}.down.{i}.block.{j}.{}", res_block(rest))
        }
        [side, "down_blocks", i, "downsamplers", "0", rest @ ..] => {
            format!("{side}.down.{i}.downsample.{}", rest.join("."))
        }
        // The original code counts the decoder's levels from the outside, too.
        [side, "up_blocks", i, "resnets", j, rest @ ..] => {
            format!("{side}.up.{}.block.{j}.{}", mirrored(levels, i), res_block(rest))
        }
        [side, "up_blocks", i, "upsamplers", "0", rest @ ..] => {
            format!("{side}.up.{}.upsample.{}", mirrored(levels, i), rest.join("."))
        }
        _ => name.to_owned(),
    }
}

/// diffusers' name before 0.15, if the tensor had another one.
pub(super) fn before_attention_was_renamed(name: &str) -> Option<String> {
    let (block, rest) = name.split_once("attentions.0.")?;
    let (layer, last) = rest.rsplit_once('.')?;
    let layer = match layer {
        "to_q" => "query",
        "to_k" => "key",
        "to_v" => "value",
        "to_out.0" => "proj_attn",
        _ => return None,
    };
    Some(format!("{block}attentions.0.{layer}.{last}"))
}

/// A layer in the original code of tiny VAEs, whose decoder stands behind this prefix. The decoder's layer 0 is a clamp
/// that diffusers does not count; the encoder, where it is in the same file, has a prefix like the decoder's.
pub(super) fn numbered(prefix: &str, name: &str) -> String {
    if let Some(layer) = name.strip_prefix("encoder.layers.") {
        // A decoder without a prefix has a file of its own: no tensor of it has this name.
        let prefix = if prefix.is_empty() { "encoder." } else { &prefix.replace("decoder", "encoder") };
        return format!("{prefix}{layer}");
    }
    let layer = name.strip_prefix("decoder.layers.").and_then(|name| name.split_once('.'));
    let Some((number, rest)) = layer else { return format!("{prefix}{name}") };
    // Names come from the network, where this part is a number.
    format!("{prefix}{}.{rest}", number.parse::<usize>().unwrap_or(0) + 1)
}

fn mirrored(levels: usize, level: &str) -> usize {
    // Names come from the network, where this part is a number below `levels`.
    levels.saturating_sub(1 + level.parse::<usize>().unwrap_or(0))
}

fn res_block(rest: &[&str]) -> String {
    match rest {
        ["conv_shortcut", last] => format!("nin_shortcut.{last}"),
        _ => rest.join("."),
    }
}

fn attention(rest: &[&str]) -> String {
    match rest {
        ["group_norm", last] => format!("norm.{last}"),
        ["to_q", last] => format!("q.{last}"),
        ["to_k", last] => format!("k.{last}"),
        ["to_v", last] => format!("v.{last}"),
        ["to_out", "0", last] => format!("proj_out.{last}"),
        _ => rest.join("."),
    }
}
