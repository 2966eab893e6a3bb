//! Files that are no LoRA of SDXL's, or one that is not understood: what they are, and what to do.

use super::names;
use crate::weights::archive::Archive;
use crate::weights::part::Part;

/// Ways of changing a model that are not understood, by how their tensors' names end or what is in them.
const METHODS: &[(&str, &[&str])] = &[
    ("OFT", &["oft_blocks", "oft_diag", "oft_R", "boft_"]),
    ("GLoRA", &[".a1.weight", ".b1.weight"]),
    ("IA³", &[".on_input", "ia3_l"]),
    ("VeRA", &["vera_lambda"]),
];

/// That a file changes a model in a way that is not understood.
pub(super) fn unknown_method(archive: &Archive) -> Option<String> {
    let has = |marks: &&[&str]| archive.tensors.keys().any(|key| marks.iter().any(|mark| key.contains(mark)));
    let (method, _) = METHODS.iter().find(|(_, marks)| has(marks))?;
    Some(format!(
        "changes a model by {method}, which Fulmen does not apply; take a LoRA, DoRA, LoHa or LoKr, or a model \
         that it was merged into"
    ))
}

/// Other families, by what their layers are called.
const FAMILIES: &[(&str, &[&str])] = &[
    ("Flux", &["double_blocks", "single_blocks", "single_transformer_blocks"]),
    ("Stable Diffusion 3", &["joint_blocks", "attn_add_q_proj", "attn.add_q_proj"]),
    ("Stable Cascade", &["lora_prior_"]),
    ("Wan", &["cross_attn_k_img", "cross_attn.k_img", "blocks_0_cross_attn", "blocks.0.cross_attn"]),
    ("Qwen-Image", &["img_mlp", "txt_mlp"]),
    ("Lumina or Z-Image", &["context_refiner", "noise_refiner"]),
    ("a transformer, not a UNet", &["transformer_blocks_0_attn_to", "transformer.transformer_blocks"]),
];

/// For what other model these layers are, which are given by name with their inputs.
pub(super) fn family<'a>(
    layers: impl Iterator<Item = (&'a str, Option<usize>)> + Clone,
) -> Option<&'static str> {
    let has = |marks: &&[&str]| layers.clone().any(|(name, _)| marks.iter().any(|mark| name.contains(mark)));
    FAMILIES.iter().find(|(_, marks)| has(marks)).map(|(family, _)| *family).or_else(|| by_text(layers))
}

/// The family by the text's width, which all cross-attentions read.
fn by_text<'a>(mut layers: impl Iterator<Item = (&'a str, Option<usize>)>) -> Option<&'static str> {
    let reads_text = |(name, _): &(&str, _)| {
        let (part, name) = names::part(name);
        let name = name.replace('.', "_");
        part == Part::Unet && (name.ends_with("attn2_to_k") || name.ends_with("attn2_to_v"))
    };
    let (_, width) = layers.find(reads_text)?;
    match width? {
        768 => Some("Stable Diffusion 1"),
        1024 => Some("Stable Diffusion 2"),
        1280 => Some("the SDXL refiner"),
        _ => None,
    }
}
