//! `fulmen models inspect` of what sees pictures: encoders of pictures, IP-Adapters, and LayerDiffuse's decoder of opacity.

use std::collections::BTreeSet;

use fulmen_engine::ip_adapter::{ImageNetAbout, ImageNetKind};
use fulmen_engine::weights::NetworkAbout;
use serde::Serialize;

use crate::console;

/// Such a file in short.
#[derive(Debug, Serialize)]
struct About<'a> {
    /// `encoder of pictures`, `IP-Adapter`, `IP-Adapter Plus` or `LayerDiffuse decoder`.
    kind: &'static str,
    /// What it is called, where it is one of those that were published.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    /// Tokens that an adapter makes of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<usize>,
    /// Whether an adapter was made for SDXL.
    #[serde(skip_serializing_if = "Option::is_none")]
    fits: Option<bool>,
    bytes: u64,
    tensors: usize,
    parameters: usize,
    formats: &'a BTreeSet<String>,
    /// What it reads, and what to do with it.
    #[serde(skip)]
    lines: [String; 2],
}

pub(super) fn say(about: &ImageNetAbout, json: bool) {
    let ImageNetAbout { kind, file } = about;
    let about = match kind {
        ImageNetKind::Encoder { name, config } => About {
            name: *name,
            lines: [
                format!(
                    "sees {0}×{0} pixels in patches of {1}: {2} channels of the whole picture, {3} of each patch",
                    config.image_size, config.patch_size, config.projection_dim, config.hidden_size
                ),
                "give it with --image-encoder, beside an IP-Adapter that reads it".into(),
            ],
            ..About::new("encoder of pictures", file)
        },
        ImageNetKind::Adapter { plus, tokens, reads, attentions, text_channels, fits } => About {
            tokens: Some(*tokens),
            fits: Some(*fits),
            lines: [
                format!("makes {tokens} tokens of a picture, {}", reading(*plus, *reads)),
                match fits {
                    true => "give it with --ip-adapter, and that encoder with --image-encoder".into(),
                    false => format!(
                        "made for a model with {attentions} cross-attentions whose text has {text_channels} channels; SDXL \
                         has 70, and 2048"
                    ),
                },
            ],
            ..About::new(if *plus { "IP-Adapter Plus" } else { "IP-Adapter" }, file)
        },
    };
    about.say(json);
}

/// What an adapter reads of an encoder.
fn reading(plus: bool, channels: usize) -> String {
    let (of, name) = match (plus, channels) {
        (false, 1024) | (true, 1280) => ("", " (ViT-H)"),
        (false, 1280) | (true, 1664) => ("", " (ViT-bigG)"),
        (_, 512) => (" of a face", " (InsightFace)"),
        _ => ("", ""),
    };
    let what = if plus { "of each part of it" } else { "of the whole" };
    format!("of {channels} channels{of} that an encoder{name} gives {what}")
}

pub(super) fn say_decoder(file: &NetworkAbout, json: bool) {
    let lines = [
        "reads from a picture and its latents how opaque each pixel is".to_owned(),
        "give its folder, with what changes the UNet in it, with --transparent and --layer-diffuse"
            .to_owned(),
    ];
    About { lines, ..About::new("LayerDiffuse decoder", file) }.say(json);
}

impl<'a> About<'a> {
    fn new(kind: &'static str, file: &'a NetworkAbout) -> Self {
        let NetworkAbout { bytes, tensors } = file;
        Self {
            kind,
            name: None,
            tokens: None,
            fits: None,
            bytes: *bytes,
            tensors: tensors.tensors,
            parameters: tensors.parameters,
            formats: &tensors.formats,
            lines: Default::default(),
        }
    }

    fn say(&self, json: bool) {
        if json {
            return console::json(self);
        }
        let name = self.name.map(|name| format!(" ({name})")).unwrap_or_default();
        console::out(&format!("{}{name}, {:.1} MiB", self.kind, self.bytes as f64 / f64::from(1 << 20)));
        let formats: Vec<&str> = self.formats.iter().map(String::as_str).collect();
        console::out(&format!(
            "  {:.1} M parameters in {} tensors of {}",
            self.parameters as f64 / 1e6,
            self.tensors,
            formats.join(" and ")
        ));
        self.lines.iter().for_each(|line| console::out(&format!("  {line}")));
    }
}
