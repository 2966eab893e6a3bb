//! Parts that are laid over a model's own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fulmen_engine::weights::Part;

/// Each is a file or a folder, of the part alone or of a whole model.
#[derive(Debug, clap::Args)]
pub(crate) struct PartArgs {
    /// A .safetensors or .gguf file with a UNet, or a folder with one, laid over the model's own UNet
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    unet: Option<PathBuf>,

    /// A .safetensors or .gguf file with a VAE or TAESDXL, or a folder with one, in place of the model's own
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    vae: Option<PathBuf>,

    /// The same, but for previews alone; TAESDXL is meant, which decodes them whole
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    pub(crate) preview_vae: Option<PathBuf>,

    /// A .safetensors or .gguf file with the first text encoder, CLIP ViT-L, or a folder with it
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    text_encoder: Option<PathBuf>,

    /// The same for the second text encoder, OpenCLIP ViT-bigG
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    text_encoder_2: Option<PathBuf>,
}

impl PartArgs {
    /// Those that were given.
    pub(crate) fn paths(&self) -> BTreeMap<Part, PathBuf> {
        let parts = [
            (Part::Unet, &self.unet),
            (Part::Vae, &self.vae),
            (Part::TextEncoder, &self.text_encoder),
            (Part::TextEncoder2, &self.text_encoder_2),
        ];
        parts.into_iter().filter_map(|(part, path)| Some((part, path.clone()?))).collect()
    }
}
