//! CLIP's encoder of pictures: patches as tokens, then layers of attention.

use std::path::Path;

use super::VisionConfig;
use crate::Result;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor};
use crate::layers::{EncoderLayer, EncoderLayerShape, LayerNorm, Linear};
use crate::weights::{NetworkFile, NetworkFolder, Weights};

/// CLIP's vision transformer (Radford et al. 2021, arXiv 2103.00020), pre-norm, with its projection.
#[derive(Debug)]
pub struct VisionEncoder {
    config: VisionConfig,
    /// A convolution whose kernel is as large as its steps: a product over the numbers of a patch.
    patch_embedding: Linear,
    /// `[tokens, channels]`: of every place, with that of the whole picture in the first.
    positions: Vec<f32>,
    pre_norm: LayerNorm,
    layers: Vec<EncoderLayer>,
    post_norm: LayerNorm,
    projection: Linear,
    file: NetworkFile,
}

/// What of an encoder's work is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// One vector of the whole picture, projected: `[n, 1, 1, projection]`.
    Whole,
    /// All tokens before the last layer: `[n, tokens, 1, channels]`.
    Penultimate,
}

impl VisionEncoder {
    /// The folder in which it lies within that of all files of a release.
    pub(super) const WITHIN: &str = "image_encoder";

    /// Opens a transformers folder, one with `image_encoder/` in it, or a single file.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is something else.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = NetworkFolder { stem: "model", within: Self::WITHIN };
        let file = NetworkFile::open(path, folder, "image_encoder")?;
        let config = VisionConfig::read(&file)?;
        let w = file.weights();
        let model = w.at("vision_model");
        let (channels, epsilon) = (config.hidden_size, config.layer_norm_eps);
        let norm = |name: &str| LayerNorm::load(&model.at(name), channels, epsilon);
        let layers = (0..config.num_hidden_layers)
            .map(|i| EncoderLayer::load(&model.at(&format!("encoder.layers.{i}")), layer(&config)));
        Ok(Self {
            patch_embedding: Linear::patches(
                &model.at("embeddings.patch_embedding"),
                [config.num_channels, config.patch_size],
                channels,
            )?,
            positions: positions(&model.at("embeddings"), &config)?,
            // As transformers spells it.
            pre_norm: norm("pre_layrnorm")?,
            layers: layers.collect::<Result<_>>()?,
            post_norm: norm("post_layernorm")?,
            projection: Linear::without_bias(&w.at("visual_projection"), channels, config.projection_dim)?,
            config,
            file,
        })
    }

    /// What it was built from.
    #[must_use]
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }

    /// Its file.
    pub(crate) fn file(&self) -> &NetworkFile {
        &self.file
    }

    /// Channels of what it gives.
    pub(crate) fn channels(&self, seen: Seen) -> usize {
        match seen {
            Seen::Whole => self.config.projection_dim,
            Seen::Penultimate => self.config.hidden_size,
        }
    }

    /// `[tokens, channels]`: what is added to the tokens of every picture.
    #[must_use]
    pub fn positions(&self) -> &[f32] {
        &self.positions
    }

    /// The graph of an encoder by itself.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, seen: Seen, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element);
        let seen = self.forward(&mut g, seen);
        g.finish(&[seen])
    }

    /// Records two inputs, `patches [1, tokens, 1, patch]`, zeros first, and `positions [1, tokens, 1, channels]`; where
    /// the whole picture is wanted also `first [1, 1, 1, 1]`, 0.
    pub(crate) fn forward(&self, g: &mut Recorder, seen: Seen) -> Tensor {
        let config = &self.config;
        let tokens = config.tokens();
        let patches = g.input("patches", Shape::image(1, tokens, 1, config.patch_len()));
        let positions = g.input("positions", Shape::image(1, tokens, 1, config.hidden_size));
        let x = self.patch_embedding.forward(g, patches);
        let x = g.add(positions, x);
        let mut x = self.pre_norm.forward(g, x);
        let used = match seen {
            Seen::Whole => &self.layers[..],
            Seen::Penultimate => &self.layers[..self.layers.len() - 1],
        };
        for layer in used {
            x = layer.forward(g, x);
        }
        match seen {
            Seen::Penultimate => x,
            Seen::Whole => {
                let first = g.ids("first", Shape::vector(1, 1));
                let x = g.take_token(x, first);
                let x = self.post_norm.forward(g, x);
                self.projection.forward(g, x)
            }
        }
    }
}

fn layer(config: &VisionConfig) -> EncoderLayerShape {
    EncoderLayerShape {
        channels: config.hidden_size,
        inner: config.intermediate_size,
        heads: config.num_attention_heads,
        causal: false,
        epsilon: config.layer_norm_eps,
        activation: config.hidden_act,
    }
}

/// The embedding of every place. The token of the whole picture has no patch, so its own embedding stands in its place.
fn positions(w: &Weights, config: &VisionConfig) -> Result<Vec<f32>> {
    let channels = config.hidden_size;
    let positions = w.tensor("position_embedding.weight", &[config.tokens(), channels])?;
    let class = w.tensor("class_embedding", &[channels])?;
    let mut positions = positions.to_f32();
    positions.iter_mut().zip(class.to_f32()).for_each(|(place, class)| *place += class);
    Ok(positions)
}
