//! A VAE of either class, behind what drawing asks of it.

use super::{TinyConfig, TinyDecoder, VaeConfig, VaeDecoder};
use crate::Result;
use crate::graph::{Element, Graph, Shape, Tiling};
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
            decoder: match self {
                Self::Kl(config) => Decoder::Kl(Box::new(VaeDecoder::load(weights, config)?)),
                Self::Tiny(config) => Decoder::Tiny(Box::new(TinyDecoder::load(weights, &config)?)),
            },
        })
    }
}

/// A VAE's decoder.
#[derive(Debug)]
pub struct Vae {
    latents: LatentSpace,
    decoder: Decoder,
}

#[derive(Debug)]
enum Decoder {
    Kl(Box<VaeDecoder>),
    Tiny(Box<TinyDecoder>),
}

impl Vae {
    /// What it decodes.
    pub(crate) fn latents(&self) -> LatentSpace {
        self.latents
    }

    /// Whether decoding costs little beside a step of the UNet that made the latents.
    pub(crate) fn is_tiny(&self) -> bool {
        matches!(self.decoder, Decoder::Tiny(_))
    }

    /// From `latents [n, h, w, channels]`, already divided by the scaling factor, to the packed picture
    /// `[n, scale · h, scale · w, 1]`. `tiling` says where latents continue on their opposite sides.
    pub(crate) fn graph(&self, latents: Shape, tiling: Tiling, element: Element) -> Result<Graph> {
        match &self.decoder {
            Decoder::Kl(decoder) => decoder.graph(latents, tiling, element, false),
            Decoder::Tiny(decoder) => decoder.graph(latents, tiling, element, false),
        }
    }
}
