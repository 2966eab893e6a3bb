//! The U itself.

use super::attachments::{Attachments, Encoded, Given, feature_name};
use super::blocks::{BlockInputs, DownBlock, LevelShape, MidBlock, UpBlock};
use super::transformer::TransformerShape;
use super::{TimeEmbedding, UNetConfig};
use crate::Result;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor, Tiling};
use crate::layers::{Attention, Conv3x3, CrossContext, GroupNorm, Negative};
use crate::weights::Weights;

/// What a graph of the UNet is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UNetInputs {
    /// `[n, h, w, in]`.
    pub latents: Shape,
    /// Of each image's prompt.
    pub tokens: usize,
    /// Of its negative prompt, where there is attention guidance.
    pub negative_tokens: Option<usize>,
    /// Of the pictures of each image prompt, whose keys and values are inputs.
    pub image_tokens: Vec<usize>,
    /// Where latents continue on their opposite sides.
    pub tiling: Tiling,
    /// Whether queries, keys and values of self-attentions are one product, as GPUs do them best.
    pub packs: bool,
    /// Which nets stand beside it, by the numbers that tell them apart.
    pub nets: Vec<u64>,
    /// Of features that are added on the way down, one for each level, then for the middle; none where there is no adapter.
    pub features: Vec<Shape>,
}

impl UNetInputs {
    /// Latents and a prompt alone.
    #[must_use]
    pub fn new(latents: Shape, tokens: usize) -> Self {
        Self {
            latents,
            tokens,
            negative_tokens: None,
            image_tokens: vec![],
            tiling: Tiling::default(),
            packs: false,
            nets: vec![],
            features: vec![],
        }
    }
}

/// SDXL's UNet (Podell et al. 2023, arXiv 2307.01952): `UNet2DConditionModel` with SDXL's block
/// types, of any size.
#[derive(Debug)]
pub struct UNet {
    config: UNetConfig,
    conv_in: Conv3x3,
    time_embedding: TimeEmbedding,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    norm_out: GroupNorm,
    conv_out: Conv3x3,
}

impl UNet {
    /// Under diffusers' names.
    ///
    /// # Errors
    /// A missing or misshapen tensor, by name.
    pub fn load(w: &Weights, config: UNetConfig) -> Result<Self> {
        let first = config.block_out_channels[0];
        Ok(Self {
            conv_in: Conv3x3::load(&w.at("conv_in"), config.in_channels, first)?,
            time_embedding: TimeEmbedding::load(w, &config)?,
            down_blocks: down_blocks(w, &config)?,
            mid_block: mid_block(
                w,
                &config,
                Some(config.transformer_layers_per_block.at(config.levels() - 1)),
            )?,
            up_blocks: up_blocks(w, &config)?,
            norm_out: GroupNorm::load(
                &w.at("conv_norm_out"),
                first,
                config.norm_num_groups,
                config.norm_eps,
            )?,
            conv_out: Conv3x3::load(&w.at("conv_out"), first, config.out_channels)?,
            config,
        })
    }

    /// What it was built from.
    #[must_use]
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// Every cross-attention, in the order in which diffusers registers them, which is not that in which they run: on the
    /// way down, on the way up, in the middle.
    pub(crate) fn cross_attentions(&self) -> impl Iterator<Item = &Attention> {
        let down = self.down_blocks.iter().flat_map(DownBlock::cross_attentions);
        let up = self.up_blocks.iter().flat_map(UpBlock::cross_attentions);
        down.chain(up).chain(self.mid_block.cross_attentions())
    }

    /// Inputs `latents [n, h, w, in]` (scaled for the step), `time [n, 1, 1, level-0 channels]` (a
    /// sinusoid), `context [n, 1, tokens, context]`, `added [n, 1, 1, pooled + 6 sinusoids]`; one
    /// output `[n, h, w, out]`.
    ///
    /// A negative prompt brings normalised attention guidance into every cross-attention, and for it
    /// two inputs more: `negative [n, 1, negative tokens, context]` and `guidance [n, 1, 1, 3]`, scale,
    /// tau and alpha of each image. With an alpha of 0 an image is drawn as if it had no negative prompt.
    ///
    /// Every image prompt brings two inputs more for each cross-attention, named by `image_inputs`:
    /// keys and values of its pictures, `[n, 1, tokens, channels]`.
    ///
    /// All but latents, time and what stands beside the UNet last: what is made of them alone, such as the text's keys and
    /// values, is made once for all steps.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub fn graph(&self, inputs: &UNetInputs, element: Element) -> Result<Graph> {
        self.graph_with(inputs, &Attachments::default(), element)
    }

    /// The same with what stands beside the UNet. Nets have inputs of their own; features are inputs `feature.0`, ….
    pub(crate) fn graph_with(
        &self,
        inputs: &UNetInputs,
        attachments: &Attachments<'_>,
        element: Element,
    ) -> Result<Graph> {
        let (config, n) = (&self.config, inputs.latents.images);
        let text = |tokens| Shape::tokens(n, tokens, config.cross_attention_dim);
        let mut g = Recorder::new(element).tiled(inputs.tiling).packing(inputs.packs);
        let latents = g.input("latents", inputs.latents);
        let time = g.input("time", Shape::vector(n, config.block_out_channels[0]));
        let context = g.lasting_input("context", text(inputs.tokens));
        let context = g.in_own_element(context);
        let negative = inputs.negative_tokens.map(|tokens| {
            let context = g.lasting_input("negative", text(tokens));
            Negative {
                context: g.in_own_element(context),
                guidance: g.lasting_input("guidance", Shape::vector(n, 3)),
            }
        });
        let added = g.lasting_input("added", Shape::vector(n, config.projection_class_embeddings_input_dim));
        let features = inputs.features.iter().enumerate();
        let features: Vec<Tensor> = features.map(|(i, shape)| g.input(&feature_name(i), *shape)).collect();

        let embedded = self.time_embedding.forward(&mut g, time, added);
        let image_tokens = &inputs.image_tokens;
        let conditioning = Some(CrossContext { context, negative, image_tokens });
        let blocks = BlockInputs { time: embedded, conditioning, feature: None };
        let mut encoded = self.encode(&mut g, latents, blocks, &features);
        let latents = self.noisy_latents(&mut g, latents, attachments);
        for (place, net) in attachments.nets.iter().enumerate() {
            net.add_to(&mut g, Given { latents, time, added, context }, place, &mut encoded);
        }
        let Encoded { mut skips, mid: mut x } = encoded;
        for block in &self.up_blocks {
            x = block.forward(&mut g, x, blocks, &mut skips);
        }
        let x = self.norm_out.silu(&mut g, x);
        let prediction = self.conv_out.forward(&mut g, x);
        g.finish(&[prediction])
    }

    /// The way down and the middle.
    fn encode(
        &self,
        g: &mut Recorder,
        latents: Tensor,
        inputs: BlockInputs<'_>,
        features: &[Tensor],
    ) -> Encoded {
        let mut x = self.conv_in.forward(g, latents);
        let mut skips = vec![x];
        for (level, block) in self.down_blocks.iter().enumerate() {
            let feature = features.get(level).copied();
            x = block.forward(g, x, BlockInputs { feature, ..inputs }, &mut skips);
        }
        let mut mid = self.mid_block.forward(g, x, inputs);
        // As diffusers has it: the last feature may be of another size, and is left out then.
        let last = features.get(self.down_blocks.len());
        if let Some(feature) = last.filter(|feature| feature.shape() == mid.shape()) {
            mid = g.add(mid, *feature);
        }
        Encoded { skips, mid }
    }

    /// What nets beside it see: the latents alone, also where the UNet is given more with them.
    fn noisy_latents(&self, g: &mut Recorder, latents: Tensor, attachments: &Attachments<'_>) -> Tensor {
        let config = &self.config;
        if attachments.nets.is_empty() || config.in_channels == config.out_channels {
            return latents;
        }
        g.input(NOISY_LATENTS, latents.shape().with_channels(config.out_channels))
    }
}

/// What the noisy latents alone are called as an input of the graph, where the UNet is given more with them.
pub(crate) const NOISY_LATENTS: &str = "noisy_latents";

/// The blocks on the way down; all but the innermost end at half the resolution.
pub(crate) fn down_blocks(w: &Weights, config: &UNetConfig) -> Result<Vec<DownBlock>> {
    let load = |i: usize| {
        let inputs = config.block_out_channels[i.saturating_sub(1)];
        let shape = LevelShape {
            attention: config.attends_down(i).then(|| transformer(config, i)),
            resample: i + 1 < config.levels(),
            ..level(config, i, inputs)
        };
        DownBlock::load(&w.at(&format!("down_blocks.{i}")), shape)
    };
    (0..config.levels()).map(load).collect()
}

/// The block in the middle. Without layers of a transformer it is one residual block.
pub(crate) fn mid_block(w: &Weights, config: &UNetConfig, layers: Option<usize>) -> Result<MidBlock> {
    let last = config.levels() - 1;
    let shape = level(config, last, config.block_out_channels[last]);
    let attention = layers.map(|layers| TransformerShape { layers, ..transformer(config, last) });
    MidBlock::load(&w.at("mid_block"), shape, attention)
}

/// The blocks on the way up, innermost first; all but the outermost end at double the resolution.
fn up_blocks(w: &Weights, config: &UNetConfig) -> Result<Vec<UpBlock>> {
    let channels = &config.block_out_channels;
    let innermost = config.levels() - 1;
    let load = |i: usize| {
        let here = innermost - i;
        let layers = config.layers_per_block.at(here) + 1;
        let shape = LevelShape {
            layers,
            attention: config.attends_up(here).then(|| transformer(config, here)),
            resample: here > 0,
            ..level(config, here, channels[(here + 1).min(innermost)])
        };
        // The level's own values, and last the one with which it began: the level above's.
        let mut skips = vec![channels[here]; layers];
        skips[layers - 1] = channels[here.saturating_sub(1)];
        UpBlock::load(&w.at(&format!("up_blocks.{i}")), shape, &skips)
    };
    (0..config.levels()).map(load).collect()
}

fn level(config: &UNetConfig, level: usize, inputs: usize) -> LevelShape {
    LevelShape {
        inputs,
        channels: config.block_out_channels[level],
        layers: config.layers_per_block.at(level),
        time: config.time_channels(),
        groups: config.norm_num_groups,
        epsilon: config.norm_eps,
        attention: None,
        resample: false,
    }
}

fn transformer(config: &UNetConfig, level: usize) -> TransformerShape {
    TransformerShape {
        channels: config.block_out_channels[level],
        context_channels: config.cross_attention_dim,
        heads: config.heads(level),
        layers: config.transformer_layers_per_block.at(level),
        groups: config.norm_num_groups,
        linear: config.use_linear_projection,
    }
}
