//! What a file or folder is that pictures are drawn after others with, told without drawing.

use std::path::Path;

use super::adapter::{CrossAttention, IpAdapter};
use super::config::VisionConfig;
use super::vision::{Seen, VisionEncoder};
use crate::Result;
use crate::weights::{NetworkAbout, NetworkFile, NetworkFolder, class_in};

/// Cross-attentions of SDXL, and channels of the text that they read.
const SDXL: (usize, usize) = (70, 2048);

/// Such a file, in short.
#[derive(Debug, Clone)]
pub struct ImageNetAbout {
    /// What it is for.
    pub kind: ImageNetKind,
    /// Its file.
    pub file: NetworkAbout,
}

/// The two kinds of such files.
#[derive(Debug, Clone)]
pub enum ImageNetKind {
    /// What sees pictures.
    Encoder {
        /// What it is called, where it is one of those that were published.
        name: Option<&'static str>,
        /// What it is made of.
        config: VisionConfig,
    },
    /// What makes tokens of that.
    Adapter {
        /// Whether it looks at all parts of a picture, as IP-Adapter Plus does.
        plus: bool,
        /// Tokens of a picture.
        tokens: usize,
        /// Channels that it reads of an encoder, for the whole picture or for each of its parts.
        reads: usize,
        /// Cross-attentions of the model that it was made for.
        attentions: usize,
        /// Channels of that model's text.
        text_channels: usize,
        /// Whether that is SDXL.
        fits: bool,
    },
}

/// What a file or folder is if it holds an encoder of pictures or an IP-Adapter; `None` if it holds something else. Every
/// number is read.
///
/// # Errors
/// It is one, and cannot be read, is damaged, or is of a kind that is not drawn with.
pub fn about(path: &Path) -> Result<Option<ImageNetAbout>> {
    if path.join("model_index.json").is_file() {
        return Ok(None);
    }
    let of = |folder: &Path| class_in(&folder.join("config.json"));
    let classes =
        if path.is_dir() { [of(path)?, of(&path.join(VisionEncoder::WITHIN))?] } else { [None, None] };
    if classes.iter().flatten().any(|class| class.starts_with("CLIPVisionModel")) {
        return encoder(path).map(Some);
    }
    // What is wrong with other files is said where they are opened as models.
    let anything = NetworkFolder { stem: "model", within: VisionEncoder::WITHIN };
    let Ok(file) = NetworkFile::open(path, anything, "network") else { return Ok(None) };
    let has = |start: &str| file.names().any(|name| name.starts_with(start));
    if has("ip_adapter.") && has("image_proj.") {
        return adapter(path, &file).map(Some);
    }
    let is_encoder = has("vision_model.") && has("visual_projection.") && !has("text_model.");
    is_encoder.then(|| encoder(path)).transpose()
}

fn encoder(path: &Path) -> Result<ImageNetAbout> {
    let encoder = VisionEncoder::open(path)?;
    let config = encoder.config().clone();
    let name = match (config.hidden_size, config.projection_dim) {
        (1280, 1024) => Some("CLIP ViT-H"),
        (1664, 1280) => Some("CLIP ViT-bigG"),
        (1024, 768) => Some("CLIP ViT-L"),
        _ => None,
    };
    Ok(ImageNetAbout { kind: ImageNetKind::Encoder { name, config }, file: encoder.file().about() })
}

fn adapter(path: &Path, file: &NetworkFile) -> Result<ImageNetAbout> {
    let shape = |i: usize| file.shape(&format!("ip_adapter.{}.to_k_ip.weight", IpAdapter::number(i)));
    let keys = file.names().filter(|name| name.ends_with(".to_k_ip.weight")).count();
    let attention = |i| Some(CrossAttention { name: String::new(), channels: *shape(i)?.first()? });
    let attentions: Vec<_> = (0..keys).map_while(attention).collect();
    let text_channels = shape(0).and_then(|shape| shape.get(1)).copied();
    // A file without any has what is wrong with it told.
    let text_channels = text_channels.filter(|channels| *channels > 0).unwrap_or(SDXL.1);
    let adapter = IpAdapter::open(path, &attentions, text_channels)?;
    let kind = ImageNetKind::Adapter {
        plus: adapter.seen() == Seen::Penultimate,
        tokens: adapter.tokens(),
        reads: adapter.reads(),
        attentions: keys,
        text_channels,
        fits: (keys, text_channels) == SDXL,
    };
    Ok(ImageNetAbout { kind, file: file.about() })
}
