//! The second text encoder's names in OpenCLIP, from which it comes.

use super::{Origin, View};

/// transformers' name of the projection of the pooled state.
pub(super) const PROJECTION: &str = "text_projection.weight";

/// The original name of a tensor, and those that converters leave.
pub(super) fn originals(name: &str) -> Vec<Origin> {
    let mut places = vec![original(name)];
    if name == PROJECTION {
        // diffusers' converter to a single file leaves this one as transformers has it: [out, in]. The
        // matrix is square in SDXL, so the name alone tells which way round it is.
        places.push(Origin { key: name.to_owned(), view: View::Whole });
    }
    places
}

/// Where stable-diffusion.cpp's converter leaves what transformers has otherwise.
pub(super) fn converted(name: &str) -> Option<Origin> {
    if name == PROJECTION {
        return Some(Origin { key: "text_model.text_projection".into(), view: View::Transposed });
    }
    let (before, rest) = name.split_once(".self_attn.")?;
    let thirds = [("q_proj.", 0), ("k_proj.", 1), ("v_proj.", 2)];
    let (last, third) = thirds.iter().find_map(|(proj, third)| Some((rest.strip_prefix(proj)?, *third)))?;
    Some(Origin { key: format!("{before}.self_attn.in_proj.{last}"), view: View::Third(third) })
}

/// The original name of a tensor, without the prefix.
fn original(name: &str) -> Origin {
    let parts: Vec<&str> = name.split('.').collect();
    let (key, view) = match parts.as_slice() {
        ["text_model", "embeddings", "token_embedding", last] => {
            (format!("token_embedding.{last}"), View::Whole)
        }
        ["text_model", "embeddings", "position_embedding", _] => ("positional_embedding".into(), View::Whole),
        ["text_model", "final_layer_norm", last] => (format!("ln_final.{last}"), View::Whole),
        // OpenCLIP multiplies from the other side: [in, out].
        ["text_projection", "weight"] => ("text_projection".into(), View::Transposed),
        ["text_model", "encoder", "layers", i, rest @ ..] => {
            let (layer, view) = layer(rest);
            (format!("transformer.resblocks.{i}.{layer}"), view)
        }
        _ => (name.to_owned(), View::Whole),
    };
    Origin { key, view }
}

fn layer(rest: &[&str]) -> (String, View) {
    match rest {
        ["layer_norm1", last] => (format!("ln_1.{last}"), View::Whole),
        ["layer_norm2", last] => (format!("ln_2.{last}"), View::Whole),
        ["mlp", "fc1", last] => (format!("mlp.c_fc.{last}"), View::Whole),
        ["mlp", "fc2", last] => (format!("mlp.c_proj.{last}"), View::Whole),
        ["self_attn", "q_proj", last] => (format!("attn.in_proj_{last}"), View::Third(0)),
        ["self_attn", "k_proj", last] => (format!("attn.in_proj_{last}"), View::Third(1)),
        ["self_attn", "v_proj", last] => (format!("attn.in_proj_{last}"), View::Third(2)),
        ["self_attn", "out_proj", last] => (format!("attn.out_proj.{last}"), View::Whole),
        _ => (rest.join("."), View::Whole),
    }
}
