//! The parts of a pipeline, as diffusers calls their folders.

use std::fmt;

/// A part of a pipeline that has a configuration, and mostly weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The denoising network.
    Unet,
    /// The autoencoder between latents and pictures.
    Vae,
    /// CLIP ViT-L.
    TextEncoder,
    /// OpenCLIP ViT-bigG, with the pooled projection.
    TextEncoder2,
    /// Time steps and noise levels: a configuration only.
    Scheduler,
    /// What the pipeline is made of: a configuration only.
    ModelIndex,
}

impl Part {
    /// Those that have weights.
    pub const WITH_WEIGHTS: [Self; 4] = [Self::Unet, Self::Vae, Self::TextEncoder, Self::TextEncoder2];

    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Unet, Self::Vae, Self::TextEncoder, Self::TextEncoder2, Self::Scheduler, Self::ModelIndex];

    /// The folder's name, with which canonical tensor names begin.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unet => "unet",
            Self::Vae => "vae",
            Self::TextEncoder => "text_encoder",
            Self::TextEncoder2 => "text_encoder_2",
            Self::Scheduler => "scheduler",
            Self::ModelIndex => "model_index",
        }
    }

    /// What it is, as sentences call it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Unet => "a UNet",
            Self::Vae => "a VAE",
            Self::TextEncoder => "the first text encoder",
            Self::TextEncoder2 => "the second text encoder",
            Self::Scheduler => "a scheduler",
            Self::ModelIndex => "an index",
        }
    }

    /// The flag that brings another one, where there is one.
    #[must_use]
    pub const fn flag(self) -> Option<&'static str> {
        match self {
            Self::Unet => Some("--unet"),
            Self::Vae => Some("--vae"),
            Self::TextEncoder => Some("--text-encoder"),
            Self::TextEncoder2 => Some("--text-encoder-2"),
            Self::Scheduler | Self::ModelIndex => None,
        }
    }

    /// What to do where it is missing from a folder.
    pub(crate) fn remedy(self) -> String {
        let another = |flag| format!("fetch the whole model, or give {} with {flag}", self.noun());
        self.flag().map_or_else(|| "fetch the whole model".into(), another)
    }

    /// Where the configuration lies in a diffusers folder.
    #[must_use]
    pub const fn config_file(self) -> &'static str {
        match self {
            Self::Unet => "unet/config.json",
            Self::Vae => "vae/config.json",
            Self::TextEncoder => "text_encoder/config.json",
            Self::TextEncoder2 => "text_encoder_2/config.json",
            Self::Scheduler => "scheduler/scheduler_config.json",
            Self::ModelIndex => "model_index.json",
        }
    }

    /// How diffusers (networks) and transformers (text encoders) call their weights' files.
    pub(crate) const fn weights_stem(self) -> &'static str {
        match self {
            Self::TextEncoder | Self::TextEncoder2 => "model",
            _ => "diffusion_pytorch_model",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
