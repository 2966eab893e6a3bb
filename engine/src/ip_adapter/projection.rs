//! What an encoder sees of a picture, as a few tokens of the width of text.

use super::resampler::{self, Resampler, ResamplerShape};
use super::vision::{Seen, VisionEncoder};
use crate::Result;
use crate::graph::{Element, Graph, Recorder, Shape, Tensor};
use crate::layers::{LayerNorm, Linear};
use crate::weights::{NetworkFile, Weights};

/// The two kinds of projection.
#[derive(Debug)]
pub(super) enum Projection {
    /// The whole picture's vector, made into tokens by one product.
    Base(Base),
    /// All tokens of the picture, looked at by a few queries.
    Plus(Resampler),
}

#[derive(Debug)]
pub(super) struct Base {
    proj: Linear,
    /// What the product makes of zeros.
    of_zeros: Vec<f32>,
    norm: LayerNorm,
    inputs: usize,
}

/// What a file's projection is like, before it is loaded.
enum Kind {
    Base { inputs: usize, outputs: usize },
    Plus(ResamplerShape),
}

impl Projection {
    /// That of a file, whose tokens are to have so many channels.
    pub(super) fn load(file: &NetworkFile, channels: usize) -> Result<Self> {
        let w = file.weights().at("image_proj");
        match kind(file).map_err(|what| file.refused(what))? {
            Kind::Base { inputs, outputs } => Ok(Self::Base(Base::load(&w, [inputs, outputs, channels])?)),
            Kind::Plus(shape) => Ok(Self::Plus(Resampler::load(&w, shape)?)),
        }
    }

    /// What it reads of the encoder.
    pub(super) fn seen(&self) -> Seen {
        match self {
            Self::Base(_) => Seen::Whole,
            Self::Plus(_) => Seen::Penultimate,
        }
    }

    /// Channels of what it reads.
    pub(super) fn inputs(&self) -> usize {
        match self {
            Self::Base(base) => base.inputs,
            Self::Plus(resampler) => resampler.inputs(),
        }
    }

    /// The tokens of one picture, one after the other, from the encoder's inputs and those of [`Self::constants`].
    pub(super) fn graph(&self, encoder: &VisionEncoder, element: Element) -> Result<Graph> {
        let mut g = Recorder::new(element);
        let seen = encoder.forward(&mut g, self.seen());
        let tokens = match self {
            Self::Base(base) => base.proj.forward(&mut g, seen),
            Self::Plus(resampler) => resampler.forward(&mut g, seen),
        };
        g.finish(&[tokens])
    }

    /// An input of its graph that is the same for all pictures.
    pub(super) fn constant(&self) -> Option<(Shape, Vec<f32>)> {
        match self {
            Self::Base(_) => None,
            Self::Plus(resampler) => Some(resampler.latents()),
        }
    }

    /// What stands for no picture, where that needs no encoder.
    pub(super) fn of_nothing(&self) -> Option<&[f32]> {
        match self {
            Self::Base(base) => Some(&base.of_zeros),
            Self::Plus(_) => None,
        }
    }

    /// Whether it makes whole tokens of so many channels.
    pub(super) fn fits(&self, channels: usize) -> bool {
        match self {
            Self::Base(base) => !base.of_zeros.is_empty() && base.of_zeros.len().is_multiple_of(channels),
            Self::Plus(resampler) => resampler.outputs() == channels,
        }
    }

    /// Numbers of all tokens of a picture.
    pub(super) fn token_numbers(&self) -> usize {
        match self {
            Self::Base(base) => base.of_zeros.len(),
            Self::Plus(resampler) => resampler.token_numbers(),
        }
    }

    /// Tokens of `graph`, as keys and values are made of them.
    pub(super) fn normed(&self, g: &mut Recorder, tokens: Tensor) -> Tensor {
        match self {
            Self::Base(base) => base.norm.forward(g, tokens),
            Self::Plus(_) => tokens,
        }
    }
}

impl Base {
    fn load(w: &Weights, [inputs, outputs, channels]: [usize; 3]) -> Result<Self> {
        Ok(Self {
            proj: Linear::load(&w.at("proj"), inputs, outputs)?,
            of_zeros: w.tensor("proj.bias", &[outputs])?.to_f32(),
            norm: LayerNorm::load(&w.at("norm"), channels, 1e-5)?,
            inputs,
        })
    }
}

/// The kind of a file's projection; what it is otherwise, as the rest of a sentence.
fn kind(file: &NetworkFile) -> Result<Kind, String> {
    let has = |name: &str| file.shape(&format!("image_proj.{name}")).is_some();
    let is_face_id = has("perceiver_resampler.proj_in.weight")
        || has("proj.0.weight") && !has("proj.3.weight")
        || file.names().any(|name| name.contains("_lora."));
    if is_face_id {
        return Err("is an IP-Adapter FaceID, which reads a face by an encoder of its own (InsightFace); Fulmen supports \
                    IP-Adapter and IP-Adapter Plus, also that for faces (plus-face)"
            .into());
    }
    if has("proj.3.weight") {
        return Err("is an IP-Adapter Full Face, which Fulmen does not support; give IP-Adapter Plus, or that for faces \
                    (plus-face)"
            .into());
    }
    if let Some(&[outputs, inputs]) = file.shape("image_proj.proj.weight") {
        return Ok(Kind::Base { inputs, outputs });
    }
    match ResamplerShape::of(file) {
        Some(shape) if resampler::has_usual_heads(shape) => Ok(Kind::Plus(shape)),
        Some(_) => Err("has a Resampler whose heads are not of 64 channels, which no published IP-Adapter has".into()),
        None => Err("is not an IP-Adapter: it has neither `image_proj.proj` nor a Resampler (`image_proj.latents`); give \
                     one for SDXL"
            .into()),
    }
}
