//! The tensors of a CLIP text encoder (transformers' `CLIPTextModel`, with or without projection).

use serde::Deserialize;

use super::{ConfigReader, Inventory};
use crate::error::Result;
use crate::weights::component::Component;
use crate::weights::configs::Configs;

/// What of a text encoder's configuration decides names and shapes.
#[derive(Debug, Deserialize)]
pub(super) struct ClipShape {
    vocab_size: usize,
    max_position_embeddings: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    projection_dim: usize,
    /// Only the second encoder's projection is used, so only that one is stored.
    #[serde(skip)]
    projects: bool,
}

impl ClipShape {
    pub(super) fn read(configs: &Configs, component: Component) -> Result<Self> {
        let (reader, mut shape): (_, Self) = ConfigReader::open(configs, component)?;
        reader.extents("vocab_size", &[shape.vocab_size])?;
        reader.extents("max_position_embeddings", &[shape.max_position_embeddings])?;
        reader.extents("hidden_size", &[shape.hidden_size])?;
        reader.extents("intermediate_size", &[shape.intermediate_size])?;
        reader.extents("projection_dim", &[shape.projection_dim])?;
        reader.layers("num_hidden_layers", &[shape.num_hidden_layers])?;
        shape.projects = component == Component::TextEncoder2;
        Ok(shape)
    }

    pub(super) fn tensors(&self, list: &mut Inventory) {
        let width = self.hidden_size;
        list.matrix("text_model.embeddings.token_embedding", self.vocab_size, width);
        list.matrix("text_model.embeddings.position_embedding", self.max_position_embeddings, width);
        for layer in 0..self.num_hidden_layers {
            let name = format!("text_model.encoder.layers.{layer}");
            list.norm(&format!("{name}.layer_norm1"), width);
            for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                list.linear(&format!("{name}.self_attn.{part}"), width, width);
            }
            list.norm(&format!("{name}.layer_norm2"), width);
            list.linear(&format!("{name}.mlp.fc1"), self.intermediate_size, width);
            list.linear(&format!("{name}.mlp.fc2"), width, self.intermediate_size);
        }
        list.norm("text_model.final_layer_norm", width);
        if self.projects {
            list.matrix("text_projection", self.projection_dim, width);
        }
    }
}
