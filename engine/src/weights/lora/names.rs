//! Which layer of a model a name in a LoRA's file means, and what of that layer it has.
//!
//! Trainers write the names of the original code or of diffusers, with dots or with underscores, behind
//! prefixes of their own. With underscores throughout, all of them are found in one table.

use std::collections::HashMap;

use crate::weights::names::{Dialect, Layout, NameTable};
use crate::weights::network::NetworkSpec;
use crate::weights::part::Part;

/// What a tensor is in its layer's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Role {
    Down,
    Up,
    Mid,
    /// A difference of the bias, scaled as the layer's own.
    UpBias,
    Alpha,
    /// DoRA's magnitudes, of rows or of columns as their shape says.
    Magnitude,
    /// DoRA's magnitudes of rows, whatever their shape: PEFT puts those of convolutions into the second place.
    RowMagnitude,
    HadaW1A,
    HadaW1B,
    HadaW2A,
    HadaW2B,
    HadaT1,
    HadaT2,
    LokrW1,
    LokrW1A,
    LokrW1B,
    LokrW2,
    LokrW2A,
    LokrW2B,
    LokrT2,
    Diff,
    DiffBias,
}

/// How names end, and what that means. Longer ones first where one ends like another.
const ENDINGS: &[(&str, Role)] = &[
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".lora_mid.weight", Role::Mid),
    (".lora_up.bias", Role::UpBias),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    ("_lora.down.weight", Role::Down),
    ("_lora.up.weight", Role::Up),
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_B.bias", Role::UpBias),
    (".lora_magnitude_vector", Role::RowMagnitude),
    (".lora_magnitude_vector.weight", Role::RowMagnitude),
    (".dora_scale", Role::Magnitude),
    (".alpha", Role::Alpha),
    (".hada_w1_a", Role::HadaW1A),
    (".hada_w1_b", Role::HadaW1B),
    (".hada_w2_a", Role::HadaW2A),
    (".hada_w2_b", Role::HadaW2B),
    (".hada_t1", Role::HadaT1),
    (".hada_t2", Role::HadaT2),
    (".lokr_w1", Role::LokrW1),
    (".lokr_w1_a", Role::LokrW1A),
    (".lokr_w1_b", Role::LokrW1B),
    (".lokr_w2", Role::LokrW2),
    (".lokr_w2_a", Role::LokrW2A),
    (".lokr_w2_b", Role::LokrW2B),
    (".lokr_t2", Role::LokrT2),
    (".diff", Role::Diff),
    (".diff_b", Role::DiffBias),
    // LayerDiffuse: the tensor that is changed, how, and the number of what it is changed by.
    (".weight::lora::0", Role::Up),
    (".weight::lora::1", Role::Down),
    (".weight::lora::2", Role::Alpha),
    (".weight::diff::0", Role::Diff),
    (".bias::diff::0", Role::DiffBias),
    (".w_norm", Role::Diff),
    (".b_norm", Role::DiffBias),
];

/// A tensor's name, taken apart: the layer as the file calls it, and what of it this is.
pub(super) fn split(key: &str) -> Option<(&str, Role)> {
    let ending = |(end, role): &(&str, Role)| Some((key.strip_suffix(end)?, *role));
    ENDINGS.iter().find_map(ending).or_else(|| of_named_adapter(key))
}

/// PEFT's names where it keeps several adapters apart: `….lora_A.default.weight`.
fn of_named_adapter(key: &str) -> Option<(&str, Role)> {
    let (before, _adapter) = key.strip_suffix(".weight").unwrap_or(key).rsplit_once('.')?;
    let endings =
        [(".lora_A", Role::Down), (".lora_B", Role::Up), (".lora_magnitude_vector", Role::RowMagnitude)];
    endings.into_iter().find_map(|(end, role)| Some((before.strip_suffix(end)?, role)))
}

/// What stands before a layer's name, and whose layer it is. Longer ones first.
const PREFIXES: &[(&str, Part)] = &[
    ("lora_unet_", Part::Unet),
    ("lora_te1_", Part::TextEncoder),
    ("lora_te2_", Part::TextEncoder2),
    ("lora_te_", Part::TextEncoder),
    ("lycoris_unet_", Part::Unet),
    ("lycoris_te1_", Part::TextEncoder),
    ("lycoris_te2_", Part::TextEncoder2),
    ("lycoris_", Part::Unet),
    ("model.diffusion_model.", Part::Unet),
    ("diffusion_model.", Part::Unet),
    ("unet.", Part::Unet),
    ("text_encoders.clip_l.transformer.", Part::TextEncoder),
    ("text_encoders.clip_g.transformer.", Part::TextEncoder2),
    ("text_encoder_2.", Part::TextEncoder2),
    ("text_encoder.", Part::TextEncoder),
];

/// The layers of a model by all the names that LoRAs have for them.
pub(super) struct Layers(HashMap<(Part, String), String>);

impl Layers {
    pub(super) fn of(networks: &[(Part, NetworkSpec)]) -> Self {
        let mut layers = HashMap::new();
        for (part, network) in networks {
            let original = Layout { dialect: Dialect::Original, prefix: String::new() };
            let originals = NameTable::new(*part, original, &network.levels);
            for name in network.tensors.iter().map(|spec| &spec.name) {
                let Some(layer) = layer(name) else { continue };
                layers.insert((*part, underscored(layer)), layer.to_owned());
                // Text encoders have transformers' names in every dialect.
                if *part == Part::Unet
                    && let Some(original) = layer_of_original(&originals, name)
                {
                    layers.insert((*part, underscored(&original)), layer.to_owned());
                }
                if let Some(bare) = layer.strip_prefix("text_model.") {
                    layers.insert((*part, underscored(bare)), layer.to_owned());
                }
            }
        }
        Self(layers)
    }

    /// The layer that the file calls so.
    pub(super) fn find(&self, name: &str) -> Option<(Part, &str)> {
        let (part, name) = part(name);
        let layer = self.0.get(&(part, underscored(&today(part, name))))?;
        Some((part, layer))
    }
}

/// The part that a layer's name in a file speaks of, and the rest of the name. Adapters of a network
/// alone have no prefix; of such there are the UNet's.
pub(super) fn part(name: &str) -> (Part, &str) {
    let name = name.strip_prefix("base_model.model.").unwrap_or(name);
    let prefixed = PREFIXES.iter().find_map(|(prefix, part)| Some((*part, name.strip_prefix(prefix)?)));
    prefixed.unwrap_or((Part::Unet, name))
}

/// A layer's name as diffusers has it today: before, LoRAs belonged to processors of attention.
fn today(part: Part, name: &str) -> String {
    let name = name.replace(".processor.", ".");
    let Some((before, last)) = name.rsplit_once('.') else { return name };
    let last = match (part, last) {
        (Part::Unet, "to_out") => "to_out.0",
        (Part::TextEncoder | Part::TextEncoder2, "to_q") => "q_proj",
        (Part::TextEncoder | Part::TextEncoder2, "to_k") => "k_proj",
        (Part::TextEncoder | Part::TextEncoder2, "to_v") => "v_proj",
        (Part::TextEncoder | Part::TextEncoder2, "to_out") => "out_proj",
        _ => last,
    };
    format!("{before}.{last}")
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

/// A layer's name out of a tensor's.
fn layer(tensor: &str) -> Option<&str> {
    tensor.rsplit_once('.').map(|(layer, _)| layer)
}

fn layer_of_original(names: &NameTable, tensor: &str) -> Option<String> {
    layer(&names.usual_place(tensor).key).map(str::to_owned)
}
