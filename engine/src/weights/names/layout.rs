//! Where a part stands in a single file: behind which prefix, and under whose names.
//!
//! Published checkpoints have four prefixes, but trainers and wrappers put others before them or in
//! their place (`unet.`, `module.`, `diffusion_model.`), so the prefix is read off the file: it is what
//! stands before a tensor that every network of the kind has.

use super::{Dialect, Layout};
use crate::weights::archive::Archive;
use crate::weights::part::Part;

/// Tensors by which a part is known, in each dialect.
struct Anchors {
    part: Part,
    dialect: Dialect,
    /// Any of these; the first that a file has.
    tensors: &'static [&'static str],
    /// Words of which the prefix must have one, where the tensors alone do not tell.
    words: &'static [&'static str],
}

/// What a prefix has in it before the first text encoder.
const FIRST: &[&str] = &["embedders.0.", "text_encoder.", "clip_l", "te1.", "cond_stage_model.transformer."];
/// And before the second.
const SECOND: &[&str] = &["embedders.1.", "text_encoder_2.", "clip_g", "te2.", "cond_stage_model.1."];

const ANCHORS: &[Anchors] = &[
    Anchors {
        part: Part::Unet,
        dialect: Dialect::Original,
        tensors: &["input_blocks.0.0.weight", "middle_block.0.in_layers.0.weight", "out.2.weight"],
        words: &[],
    },
    Anchors {
        part: Part::Unet,
        dialect: Dialect::Diffusers,
        tensors: &["time_embedding.linear_1.weight", "mid_block.resnets.0.time_emb_proj.weight"],
        words: &[],
    },
    Anchors {
        part: Part::Vae,
        dialect: Dialect::Original,
        tensors: &["decoder.mid.block_1.norm1.weight", "decoder.mid.block_2.norm1.weight"],
        words: &[],
    },
    Anchors {
        part: Part::Vae,
        dialect: Dialect::Diffusers,
        tensors: &["decoder.mid_block.resnets.0.norm1.weight", "decoder.mid_block.resnets.1.norm1.weight"],
        words: &[],
    },
    Anchors { part: Part::Vae, dialect: Dialect::Diffusers, tensors: &[TINY_VAE], words: &[] },
    // No layer of its encoder has this number.
    Anchors { part: Part::Vae, dialect: Dialect::Numbered, tensors: &["18.conv.0.weight"], words: &[] },
    Anchors { part: Part::TextEncoder, dialect: Dialect::Diffusers, tensors: CLIP, words: FIRST },
    Anchors {
        part: Part::TextEncoder2,
        dialect: Dialect::Original,
        tensors: &["transformer.resblocks.0.ln_1.weight", "ln_final.weight"],
        words: SECOND,
    },
    Anchors { part: Part::TextEncoder2, dialect: Dialect::Diffusers, tensors: CLIP, words: SECOND },
];

/// A tensor of a tiny VAE's decoder.
const TINY_VAE: &str = "decoder.layers.2.conv.0.weight";

/// With and without the model's own name before it, as [`super`] reads them.
const CLIP: &[&str] = &[
    "text_model.embeddings.token_embedding.weight",
    "embeddings.token_embedding.weight",
    "text_model.final_layer_norm.weight",
];

impl Archive {
    /// How this file names the tensors of a part; `None` if it has no such part.
    pub(crate) fn layout(&self, part: Part) -> Option<Layout> {
        self.layout_of(part, true)
    }

    /// The same for a file that holds this part and no other: its prefix need not tell which.
    pub(crate) fn own_layout(&self, part: Part) -> Option<Layout> {
        self.layout_of(part, false)
    }

    /// Whether the VAE behind this layout is a tiny one.
    pub(crate) fn is_tiny_vae(&self, layout: &Layout) -> bool {
        let has = |name| self.tensors.contains_key(&format!("{}{name}", layout.prefix));
        layout.dialect == Dialect::Numbered || has(TINY_VAE)
    }

    /// Whether its VAE is a tiny one.
    pub(crate) fn has_tiny_vae(&self) -> bool {
        self.layout(Part::Vae).is_some_and(|layout| self.is_tiny_vae(&layout))
    }

    fn layout_of(&self, part: Part, by_words: bool) -> Option<Layout> {
        ANCHORS.iter().filter(|anchors| anchors.part == part).find_map(|anchors| {
            let anchors = Anchors { words: if by_words { anchors.words } else { &[] }, ..*anchors };
            let prefix = anchors.tensors.iter().find_map(|tensor| self.prefix(tensor, &anchors))?;
            Some(Layout { dialect: anchors.dialect, prefix: prefix.to_owned() })
        })
    }

    /// What stands before a tensor; of several the usual one, else the shortest: averages and copies
    /// have longer ones.
    fn prefix(&self, tensor: &str, anchors: &Anchors) -> Option<&str> {
        let usual = Layout::single_file(anchors.part).prefix;
        let is_one = |prefix: &&str| {
            let is_whole = prefix.is_empty() || prefix.ends_with('.');
            let is_named = anchors.words.is_empty() || anchors.words.iter().any(|word| prefix.contains(word));
            is_whole && is_named && !prefix.contains("control")
        };
        let prefixes = self.tensors.keys().filter_map(|key| key.strip_suffix(tensor)).filter(is_one);
        prefixes.min_by_key(|prefix| (*prefix != usual, prefix.len(), *prefix))
    }
}
