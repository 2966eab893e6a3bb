//! An adapter's file: tokens of pictures, and what every cross-attention reads of them.

use std::path::Path;

use super::projection::Projection;
use super::vision::{Seen, VisionEncoder};
use crate::Result;
use crate::error::Error;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor};
use crate::layers::Linear;
use crate::weights::{NetworkFile, NetworkFolder};

/// A cross-attention of the UNet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossAttention {
    /// What its weights' names begin with: `unet.mid_block.attentions.0.transformer_blocks.0.attn2`.
    pub name: String,
    /// Channels of its keys and values.
    pub channels: usize,
}

/// Keys and values of pictures for the UNet's cross-attentions.
#[derive(Debug)]
pub struct IpAdapter {
    projection: Projection,
    /// Channels of its tokens.
    channels: usize,
    attentions: Vec<Attending>,
    file: NetworkFile,
}

#[derive(Debug)]
struct Attending {
    key: Linear,
    value: Linear,
}

impl IpAdapter {
    /// Opens a file that was made for a UNet with these cross-attentions, which read text of so many channels. They are
    /// in the order in which diffusers registers them, on which the file's numbers rest: down, up, middle.
    pub(crate) fn open(path: &Path, attentions: &[CrossAttention], channels: usize) -> Result<Self> {
        let folder = NetworkFolder { stem: "ip-adapter", within: "sdxl_models" };
        let file = NetworkFile::open(path, folder, "ip_adapter")?.halved(".to_kv.", [".to_k.", ".to_v."]);
        let projection = Projection::load(&file, channels);
        if let Some(what) = misfit(&file, attentions.len(), channels) {
            // What it is counts for more than what it was made for.
            return Err(projection
                .err()
                .filter(|e| matches!(e, Error::File { .. }))
                .unwrap_or_else(|| file.refused(what)));
        }
        let projection = projection?;
        if !projection.fits(channels) {
            let what = format!(
                "makes tokens that are not as wide as the model's text, {channels} channels; give one for SDXL"
            );
            return Err(file.refused(what));
        }
        let w = file.weights().at("ip_adapter");
        let one = |(i, attention): (usize, &CrossAttention)| {
            let w = w.at(&Self::number(i).to_string());
            Ok(Attending {
                key: Linear::without_bias(&w.at("to_k_ip"), channels, attention.channels)?,
                value: Linear::without_bias(&w.at("to_v_ip"), channels, attention.channels)?,
            })
        };
        let attentions = attentions.iter().enumerate().map(one).collect::<Result<_>>()?;
        Ok(Self { projection, channels, attentions, file })
    }

    /// An error unless the encoder gives what the adapter reads.
    pub(crate) fn check(&self, encoder: &VisionEncoder) -> Result<()> {
        let seen = self.seen();
        let (wanted, found) = (self.reads(), encoder.channels(seen));
        if wanted == found {
            return Ok(());
        }
        let (of, name) = match wanted {
            1024 => ("", " (ViT-H)"),
            1280 if seen == Seen::Penultimate => ("", " (ViT-H)"),
            1280 | 1664 => ("", " (ViT-bigG)"),
            512 => (" of a face", " (InsightFace, as InstantID has it)"),
            _ => ("", ""),
        };
        let what = format!(
            "reads {wanted} channels{of}, and this encoder of pictures gives {found}: {}; give the encoder that the \
             IP-Adapter was made for{name}",
            encoder.file().path().display()
        );
        Err(self.file.refused(what))
    }

    /// Its file.
    pub(crate) fn file(&self) -> &NetworkFile {
        &self.file
    }

    /// What it reads of an encoder.
    pub(super) fn seen(&self) -> Seen {
        self.projection.seen()
    }

    /// Channels of that.
    pub(super) fn reads(&self) -> usize {
        self.projection.inputs()
    }

    /// The number of the `i`-th cross-attention in files: self-attentions count too, and come first.
    pub(super) fn number(i: usize) -> usize {
        2 * i + 1
    }

    /// Tokens of one picture.
    pub(crate) fn tokens(&self) -> usize {
        self.projection.token_numbers() / self.channels
    }

    /// A picture's tokens, `[tokens · channels]` numbers, from the encoder's inputs and that of [`Self::constant`].
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub(crate) fn token_graph(&self, encoder: &VisionEncoder, element: Element) -> Result<Graph> {
        self.projection.graph(encoder, element)
    }

    /// The input `latents` of that graph, where it has one.
    pub(crate) fn constant(&self) -> Option<(Shape, Vec<f32>)> {
        self.projection.constant()
    }

    /// The tokens that stand for no picture; where there are none, they are those of a picture of zeros, after its colours
    /// were brought to mean 0 and deviation 1: of a middling grey. So diffusers has it.
    pub(crate) fn tokens_of_nothing(&self) -> Option<&[f32]> {
        self.projection.of_nothing()
    }

    /// What `tokens` is to be like: so many images, and all tokens of their pictures side by side.
    pub(crate) fn tokens_shape(&self, images: usize, pictures: usize) -> Shape {
        Shape::image(images, pictures * self.tokens(), 1, self.channels)
    }

    /// Keys and values for every cross-attention, one after the other in the order in which [`Self::open`] was given
    /// them, from the input `tokens`.
    ///
    /// # Errors
    /// [`crate::Error::Graph`].
    pub(crate) fn graph(&self, tokens: Shape, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element);
        let tokens = g.input("tokens", tokens);
        let tokens = self.projection.normed(&mut g, tokens);
        let both = |a: &Attending| [a.key.forward(&mut g, tokens), a.value.forward(&mut g, tokens)];
        let outputs: Vec<Tensor> = self.attentions.iter().flat_map(both).collect();
        g.finish(&outputs)
    }
}

/// That a file was made for another model, by the number of its layers and by what they read.
fn misfit(file: &NetworkFile, attentions: usize, channels: usize) -> Option<String> {
    let keys =
        || file.names().filter(|name| name.starts_with("ip_adapter.") && name.ends_with(".to_k_ip.weight"));
    let first = file.shape(keys().next()?)?;
    let (found, read) = (keys().count(), first.get(1).copied().unwrap_or(0));
    if (found, read) == (attentions, channels) {
        return None;
    }
    let of = if (found, read) == (16, 768) { " (Stable Diffusion 1.5)" } else { "" };
    Some(format!(
        "was made for a model with {found} cross-attentions whose text has {read} channels{of}; this one has {attentions}, \
         and its text {channels}: give an IP-Adapter for SDXL"
    ))
}
