//! A model: the three networks of a checkpoint with their tokenizers, checked and ready to record.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Options, Outlook};
use crate::backend::CancelToken;
use crate::request::Request;
use crate::text::TextEncoders;
use crate::tokens::Tokenizer;
use crate::unet::{UNet, UNetConfig};
use crate::vae::{LatentSpace, NetworkConfig, Vae};
use crate::weights::{Checkpoint, LoraFile, Part, other_channels};
use crate::{Error, Result, threads};

/// Latent pixels of a side where a configuration does not say.
const USUAL_SAMPLE_SIZE: usize = 128;

/// How the weights of products and convolutions are kept in UNet and text encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightFormat {
    /// As the model's files have them; on a GPU in 16 bits.
    #[default]
    Own,
    /// In eight bits with a scale for 32 channels: half the memory of 16. GGUF's four bits stay four.
    Q8,
}

/// A model that was opened and looked through once. Any number of engines draw with it, on any devices.
pub struct Model {
    id: u64,
    pub(super) checkpoint: Checkpoint,
    pub(super) outlook: Outlook,
    pub(super) text: TextEncoders,
    pub(super) unet: UNet,
    pub(super) vae: Vae,
    /// What previews are decoded with, where it is another.
    pub(super) preview_vae: Option<Vae>,
    /// Whether no negative prompt means zeros, not the empty prompt.
    pub(super) force_zeros: bool,
}

impl Model {
    /// Opens what `options` name. Every tensor is looked through here, so that drawing cannot fail for a damaged file.
    pub(crate) fn open(options: &Options) -> Result<Self> {
        options.defaults.validate()?;
        check_lora_folder(options.lora_folder.as_deref())?;
        threads::start();
        let mut checkpoint = match &options.model {
            None => Checkpoint::embedded_demo()?,
            Some(path) => Checkpoint::open(path)?,
        };
        checkpoint = checkpoint.with_parts(&options.parts)?;
        if let Some(path) = &options.preview_vae {
            checkpoint = checkpoint.with_preview_vae(path)?;
        }
        checkpoint.verify()?;
        let checkpoint = checkpoint.quantised(options.weights == WeightFormat::Q8);
        let checkpoint = with_loras(checkpoint, &options.loras, &CancelToken::default())?;
        let model = Self::load(&checkpoint, options.defaults.clone())?;
        let outlook = model.outlook.with_lora_folder(options.lora_folder.clone());
        Ok(Self { outlook, ..model })
    }

    /// This model changed by further LoRAs. Weights that they do not touch are the same, so that devices keep their
    /// copies.
    pub(super) fn with_loras(&self, loras: &[LoraFile], cancel: &CancelToken) -> Result<Self> {
        let checkpoint = with_loras(self.checkpoint.clone(), loras, cancel)?;
        cancel.check()?;
        Self::load(&checkpoint, Request::default())
    }

    /// Bytes that its LoRAs take in this machine's memory.
    pub(super) fn lora_bytes(&self) -> u64 {
        self.checkpoint.loras().iter().map(|lora| lora.adapter().bytes() as u64).sum()
    }

    /// What tells its programs from those of the same model under other LoRAs.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// A model of a checkpoint that was looked through. `defaults` are settings of requests that leave them open,
    /// instead of what the model asks for.
    pub(super) fn load(checkpoint: &Checkpoint, defaults: Request) -> Result<Self> {
        let model = Self::read(checkpoint.clone(), defaults);
        checkpoint.still(model)
    }

    fn read(checkpoint: Checkpoint, defaults: Request) -> Result<Self> {
        let unet = UNetConfig::read(checkpoint.configs())?;
        let vae = NetworkConfig::read(checkpoint.configs())?;
        let preview = checkpoint.preview_vae();
        let preview =
            preview.map(|(weights, configs)| Ok((weights, NetworkConfig::read(configs)?))).transpose()?;
        let text = TextEncoders::load(&checkpoint)?;
        let previewed = preview.as_ref().map_or(vae.latents(), |(_, preview)| preview.latents());
        let laid = [Part::TextEncoder, Part::TextEncoder2].into_iter().find_map(|part| checkpoint.laid(part));
        if let Some(encoder) = laid.filter(|_| unet.cross_attention_dim != text.context_channels()) {
            let (wanted, found) = (unet.cross_attention_dim, text.context_channels());
            let what = format!(
                "is a text encoder of another size than the model's: its UNet reads {wanted} channels of text, and both \
                 encoders would make {found}; give one of that model's kind"
            );
            return Err(Error::File { file: encoder.to_owned(), what });
        }
        if let Some(what) = misfit(&unet, [vae.latents(), previewed], &text) {
            return Err(Error::File { file: checkpoint.configs().file(Part::Unet), what });
        }
        let grain = vae.latents().scale;
        let side = unet.sample_size.unwrap_or(USUAL_SAMPLE_SIZE) * grain;
        let beside = unet.in_channels.saturating_sub(unet.out_channels);
        let vae = vae.load(&checkpoint.weights(Part::Vae)?)?;
        let tokenizers = Arc::new(Tokenizer::load(&checkpoint)?);
        let index = checkpoint.config::<serde_json::Value>(Part::ModelIndex);
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            text,
            unet: UNet::load(&checkpoint.weights(Part::Unet)?, unet)?,
            preview_vae: preview.map(|(weights, config)| config.load(&weights)).transpose()?,
            outlook: Outlook::new(&checkpoint, defaults, tokenizers, side, grain)?
                .beside(beside, vae.why_no_encoder()),
            vae,
            force_zeros: index.is_ok_and(|index| index["force_zeros_for_empty_prompt"] == true),
            checkpoint,
        })
    }

    /// A folder may bring a vocabulary that its text encoders do not know.
    pub(super) fn check_ids(&self, ids: [&[u32]; 2]) -> Result<()> {
        for (ids, known) in ids.into_iter().zip(self.text.vocabulary()) {
            if let Some(id) = ids.iter().find(|&&id| id as usize >= known) {
                let what = format!("the tokenizer made id {id}, the text encoder knows {known}");
                return Err(Error::File { file: "tokenizer/vocab.json".into(), what });
            }
        }
        Ok(())
    }
}

/// A name that is mistyped would make every LoRA of a prompt one that is not there.
fn check_lora_folder(folder: Option<&Path>) -> Result<()> {
    match folder.map(|folder| (folder, folder.metadata())) {
        Some((folder, Err(source))) => Err(Error::Read { file: folder.to_owned(), source }),
        Some((folder, Ok(about))) if !about.is_dir() => {
            let what = "is a file; name the folder that the LoRAs are in".into();
            Err(Error::File { file: folder.to_owned(), what })
        }
        _ => Ok(()),
    }
}

/// A checkpoint under LoRAs. Between files, and between layers of one, it is asked whether anybody still wants it.
fn with_loras(checkpoint: Checkpoint, loras: &[LoraFile], cancel: &CancelToken) -> Result<Checkpoint> {
    loras.iter().try_fold(checkpoint, |checkpoint, lora| {
        cancel.check()?;
        checkpoint.with_lora(lora, &|| cancel.check())
    })
}

/// Which parts of a pipeline do not fit together.
fn misfit(unet: &UNetConfig, [drawn, previewed]: [LatentSpace; 2], text: &TextEncoders) -> Option<String> {
    // Made for more than latents and what is masked: a picture to edit.
    let latents = if unet.is_inpainting() { unet.out_channels } else { unet.in_channels };
    if let Some(what) = other_channels(latents, unet.out_channels) {
        return Some(what);
    }
    let checks = [
        ("in_channels", latents, drawn.channels, "the VAE's latent_channels"),
        ("in_channels", latents, previewed.channels, "the latent_channels of the VAE for previews"),
        ("cross_attention_dim", unet.cross_attention_dim, text.context_channels(), "both text encoders"),
        (
            "projection_class_embeddings_input_dim",
            unet.pooled_channels(),
            text.pooled_channels(),
            "the second text encoder's projection_dim",
        ),
    ];
    let (field, found, wanted, of) = checks.into_iter().find(|(_, found, wanted, _)| found != wanted)?;
    Some(format!("`{field}` gives {found} channels, {of} {wanted}"))
}
