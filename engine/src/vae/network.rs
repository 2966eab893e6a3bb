//! A VAE of either class, behind what drawing asks of it.

use super::{Posterior, TinyConfig, TinyDecoder, TinyEncoder, VaeConfig, VaeDecoder, VaeEncoder};
use crate::error::{Error, Result};
use crate::graph::{Element, Graph, Shape, Tiling};
use crate::message::{Message, Setting};
use crate::weights::{Configs, Part, Weights};

/// The latents that a VAE decodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentSpace {
    /// Of each latent pixel.
    pub channels: usize,
    /// Picture pixels to a latent pixel, along a side.
    pub scale: usize,
    /// The UNet's latents are divided by this before they are decoded.
    pub scaling_factor: f32,
}

/// What `vae/config.json` says, by its class.
#[derive(Debug)]
pub(crate) enum NetworkConfig {
    Kl(VaeConfig),
    Tiny(TinyConfig),
}

impl NetworkConfig {
    /// That of a model.
    pub(crate) fn read(configs: &Configs) -> Result<Self> {
        match configs.value(Part::Vae)?["_class_name"].as_str() {
            Some(Configs::TINY_VAE) => TinyConfig::read(configs).map(Self::Tiny),
            _ => VaeConfig::read(configs).map(Self::Kl),
        }
    }

    pub(crate) fn latents(&self) -> LatentSpace {
        match self {
            Self::Kl(config) => LatentSpace {
                channels: config.latent_channels,
                scale: config.scale(),
                scaling_factor: config.scaling_factor,
            },
            Self::Tiny(config) => LatentSpace {
                channels: config.latent_channels,
                scale: config.scale(),
                scaling_factor: config.scaling_factor,
            },
        }
    }

    pub(crate) fn load(self, weights: &Weights) -> Result<Vae> {
        Ok(Vae {
            latents: self.latents(),
            encoder: self.encoder(weights),
            decoder: match self {
                Self::Kl(config) => Decoder::Kl(Box::new(VaeDecoder::load(weights, config)?)),
                Self::Tiny(config) => Decoder::Tiny(Box::new(TinyDecoder::load(weights, &config)?)),
            },
        })
    }

    /// Drawing from a prompt alone needs none, so that a file without one is no error until a picture is encoded.
    fn encoder(&self, weights: &Weights) -> Result<Encoder, String> {
        let encoder = match self {
            Self::Kl(config) => {
                config.check_encoder()?;
                VaeEncoder::load(weights, config).map(|encoder| Encoder::Kl(Box::new(encoder)))
            }
            Self::Tiny(config) => {
                config.check_encoder()?;
                TinyEncoder::load(weights, config).map(|encoder| Encoder::Tiny(Box::new(encoder)))
            }
        };
        encoder.map_err(|error| match error {
            Error::MissingTensor { file, .. } => format!("the VAE in {} has no encoder", file.display()),
            error => error.to_string(),
        })
    }
}

/// A VAE, as far as its file has one.
#[derive(Debug)]
pub struct Vae {
    latents: LatentSpace,
    decoder: Decoder,
    /// Or why there is none.
    encoder: Result<Encoder, String>,
}

#[derive(Debug)]
enum Encoder {
    Kl(Box<VaeEncoder>),
    Tiny(Box<TinyEncoder>),
}

#[derive(Debug)]
enum Decoder {
    Kl(Box<VaeDecoder>),
    Tiny(Box<TinyDecoder>),
}

impl Vae {
    /// What it encodes to and decodes.
    pub(crate) fn latents(&self) -> LatentSpace {
        self.latents
    }

    /// Whether decoding costs little beside a step of the UNet that made the latents.
    pub(crate) fn is_tiny(&self) -> bool {
        matches!(self.decoder, Decoder::Tiny(_))
    }

    /// From `latents [n, h, w, channels]`, already divided by the scaling factor, to the packed picture
    /// `[n, scale · h, scale · w, 1]` and, where `float` asks for it, the colours that it is made from, in −1..1. `tiling` says
    /// where latents continue on their opposite sides.
    pub(crate) fn graph(
        &self,
        latents: Shape,
        tiling: Tiling,
        element: Element,
        float: bool,
    ) -> Result<Graph> {
        match &self.decoder {
            Decoder::Kl(decoder) => decoder.graph(latents, tiling, element, float),
            Decoder::Tiny(decoder) => decoder.graph(latents, tiling, element, float),
        }
    }

    /// Why it cannot encode pictures, where it cannot.
    pub(crate) fn why_no_encoder(&self) -> Option<&str> {
        self.encoder.as_ref().err().map(String::as_str)
    }

    /// From `picture [n, h, w, 3]`, whose values are [`Vae::seen`] of its bytes, to what [`Vae::posterior`] reads.
    pub(crate) fn encoder_graph(&self, picture: Shape, tiling: Tiling, element: Element) -> Result<Graph> {
        match &self.encoder {
            Ok(Encoder::Kl(encoder)) => encoder.graph(picture, tiling, element),
            Ok(Encoder::Tiny(encoder)) => encoder.graph(picture, tiling, element),
            Err(why) => Err(Error::Request(no_encoder(why))),
        }
    }

    /// Bytes of a picture as the encoder sees them.
    pub(crate) fn seen(&self, bytes: &[u8]) -> Vec<f32> {
        bytes.iter().map(|byte| self.seen_value(f32::from(*byte))).collect()
    }

    /// One of them, which need not be whole.
    pub(crate) fn seen_value(&self, byte: f32) -> f32 {
        let signed = 2.0 * (byte / 255.0) - 1.0;
        match self.decoder {
            Decoder::Kl(_) => signed,
            Decoder::Tiny(_) => (signed + 1.0) / 2.0,
        }
    }

    /// The latents of one picture, as the values of the encoder's graph tell.
    pub(crate) fn posterior(&self, encoded: &[f32]) -> Posterior {
        let LatentSpace { channels, scaling_factor, .. } = self.latents;
        match self.decoder {
            Decoder::Kl(_) => Posterior::of_moments(encoded, channels, scaling_factor),
            Decoder::Tiny(_) => Posterior::exactly(encoded, channels, scaling_factor),
        }
    }
}

/// That pictures cannot be encoded.
pub(crate) fn no_encoder(why: &str) -> Message {
    let what = format!("{why}, which a picture to begin from needs; give a VAE that has one with ");
    Message::from(what).setting(Setting::Vae)
}
