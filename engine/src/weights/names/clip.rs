//! The second text encoder's names in OpenCLIP, from which it comes.

use super::{Part, Place};

/// transformers' name of the projection of the pooled state.
pub(super) const PROJECTION: &str = "text_projection.weight";

/// The original name of a tensor, and those that converters leave.
pub(super) fn originals(name: &str) -> Vec<Place> {
    let mut places = vec![original(name)];
    if name == PROJECTION {
        // diffusers' converter to a single file leaves this one as transformers has it: [out, in]. The
        // matrix is square in SDXL, so the name alone tells which way round it is.
        places.push(Place { key: name.to_owned(), part: Part::Whole });
    }
    places
}

/// The original name of a tensor, without the prefix.
fn original(name: &str) -> Place {
    let parts: Vec<&str> = name.split('.').collect();
    let (key, part) = match parts.as_slice() {
        ["text_model", "embeddings", "token_embedding", last] => {
            (format!("token_embedding.{last}"), Part::Whole)
        }
        ["text_model", "embeddings", "position_embedding", _] => ("positional_embedding".into(), Part::Whole),
        ["text_model", "final_layer_norm", last] => (format!("ln_final.{last}"), Part::Whole),
        // OpenCLIP multiplies from the other side: [in, out].
        ["text_projection", "weight"] => ("text_projection".into(), Part::Transposed),
        ["text_model", "encoder", "layers", i, rest @ ..] => {
            let (layer, part) = layer(rest);
            (format!("transformer.resblocks.{i}.{layer}"), part)
        }
        _ => (name.to_owned(), Part::Whole),
    };
    Place { key, part }
}

fn layer(rest: &[&str]) -> (String, Part) {
    match rest {
        ["layer_norm1", last] => (format!("ln_1.{last}"), Part::Whole),
        ["layer_norm2", last] => (format!("ln_2.{last}"), Part::Whole),
        ["mlp", "fc1", last] => (format!("mlp.c_fc.{last}"), Part::Whole),
        ["mlp", "fc2", last] => (format!("mlp.c_proj.{last}"), Part::Whole),
        ["self_attn", "q_proj", last] => (format!("attn.in_proj_{last}"), Part::Third(0)),
        ["self_attn", "k_proj", last] => (format!("attn.in_proj_{last}"), Part::Third(1)),
        ["self_attn", "v_proj", last] => (format!("attn.in_proj_{last}"), Part::Third(2)),
        ["self_attn", "out_proj", last] => (format!("attn.out_proj.{last}"), Part::Whole),
        _ => (rest.join("."), Part::Whole),
    }
}
