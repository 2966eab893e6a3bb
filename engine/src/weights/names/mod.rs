//! What a tensor is called in each dialect of checkpoint.
//!
//! The table is asked in one direction only: from the canonical name, which the model uses, to the
//! names that a file may have for it, likeliest first. Blocks are numbered as the network's levels say, so the table holds for any number of levels, blocks and layers.

mod clip;
mod control;
mod layout;
mod unet;
mod vae;

pub(crate) use self::control::{ADAPTER_LAYERS, HINT_BLOCKS};
use super::network::Level;
use super::part::Part;
use super::weight::View;

/// A name in a file, and what of that tensor is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) key: String,
    pub(crate) view: View,
}

impl Origin {
    fn whole(key: String) -> Self {
        Self { key, view: View::Whole }
    }
}

/// Whose names a file has for its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// diffusers' and transformers' names.
    Diffusers,
    /// The names of the original code.
    Original,
    /// Numbers alone, one for each layer in a row, as the original code of tiny VAEs has them.
    Numbered,
}

/// What a part's tensors are called in a file: whose names, and what stands before each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) dialect: Dialect,
    /// Empty, or with a dot at its end.
    pub(crate) prefix: String,
}

impl Layout {
    /// That of a part's own file in a diffusers folder.
    pub(crate) const FOLDER: Self = Self { dialect: Dialect::Diffusers, prefix: String::new() };

    /// That of a single file as the original code writes it.
    pub(crate) fn single_file(part: Part) -> Self {
        let (dialect, prefix) = match part {
            Part::Vae => (Dialect::Original, "first_stage_model."),
            // The first encoder comes from transformers in either case.
            Part::TextEncoder => (Dialect::Diffusers, "conditioner.embedders.0.transformer."),
            Part::TextEncoder2 => (Dialect::Original, "conditioner.embedders.1.model."),
            _ => (Dialect::Original, "model.diffusion_model."),
        };
        Self { dialect, prefix: prefix.to_owned() }
    }
}

/// The names of one part's tensors in one file.
#[derive(Debug, Clone)]
pub(crate) struct NameTable {
    rule: Rule,
    prefix: String,
}

#[derive(Debug, Clone)]
enum Rule {
    Diffusers(Part),
    Unet(Vec<Level>),
    Vae(Vec<Level>),
    TinyVae,
    OpenClip,
    ControlNet { original: bool, levels: Vec<Level> },
    Adapter { flat: bool },
}

impl NameTable {
    /// `levels`: of the part's network, outermost first.
    pub(crate) fn new(part: Part, layout: Layout, levels: &[Level]) -> Self {
        let Layout { dialect, prefix } = layout;
        let rule = match (dialect, part) {
            (Dialect::Original, Part::Unet) => Rule::Unet(levels.to_vec()),
            (Dialect::Original, Part::Vae) => Rule::Vae(levels.to_vec()),
            (Dialect::Original, Part::TextEncoder2) => Rule::OpenClip,
            (Dialect::Numbered, Part::Vae) => Rule::TinyVae,
            _ => Rule::Diffusers(part),
        };
        Self { rule, prefix }
    }

    /// The names of a ControlNet for a UNet with these levels.
    pub(crate) fn control_net(layout: Layout, levels: &[Level]) -> Self {
        let original = layout.dialect == Dialect::Original;
        Self { rule: Rule::ControlNet { original, levels: levels.to_vec() }, prefix: layout.prefix }
    }

    /// The names of a T2I-Adapter.
    pub(crate) fn adapter(layout: Layout) -> Self {
        let flat = layout.dialect == Dialect::Original;
        Self { rule: Rule::Adapter { flat }, prefix: layout.prefix }
    }

    /// The names that a file may have for a canonical name, likeliest first.
    pub(crate) fn places(&self, name: &str) -> Vec<Origin> {
        let mut places = match &self.rule {
            Rule::TinyVae => return vec![Origin::whole(vae::numbered(&self.prefix, name))],
            Rule::Diffusers(part) => diffusers(*part, name),
            Rule::Unet(levels) => vec![Origin::whole(unet::original(levels, name))],
            Rule::Vae(levels) => vae::originals(levels.len(), name).map(Origin::whole).collect(),
            Rule::OpenClip => clip::originals(name),
            Rule::ControlNet { original: false, .. } => vec![control::diffusers(name)],
            Rule::ControlNet { original: true, levels } => vec![control::original(levels, name)],
            Rule::Adapter { flat: false } => vec![Origin::whole(name.to_owned())],
            Rule::Adapter { flat: true } => vec![Origin::whole(control::flat_adapter(name))],
        };
        places.iter_mut().for_each(|place| place.key.insert_str(0, &self.prefix));
        places
    }

    /// The likeliest of them: the one to write, and to speak of in messages.
    pub(crate) fn usual_place(&self, name: &str) -> Origin {
        self.places(name).swap_remove(0)
    }

    /// The shape that the original code gives to a stored tensor which is canonically of `shape`.
    pub(crate) fn shape_in_file(&self, name: &str, mut shape: Vec<usize>) -> Vec<usize> {
        let is_matrix = shape.len() == 2;
        if is_matrix && matches!(self.rule, Rule::Vae(_)) && name.contains(".attentions.") {
            shape.extend([1, 1]);
        }
        shape
    }
}

/// diffusers' own names, today's and those of older and newer releases.
fn diffusers(part: Part, name: &str) -> Vec<Origin> {
    let mut places = vec![Origin::whole(name.to_owned())];
    match part {
        Part::Vae => places.extend(vae::before_attention_was_renamed(name).map(Origin::whole)),
        // transformers 5 writes text encoders without the model's own name.
        Part::TextEncoder | Part::TextEncoder2 => {
            places.extend(name.strip_prefix("text_model.").map(|name| Origin::whole(name.to_owned())));
        }
        _ => {}
    }
    if name == clip::PROJECTION {
        places.extend(clip::originals(name));
    }
    if part == Part::TextEncoder2 {
        places.extend(clip::converted(name));
    }
    places
}
