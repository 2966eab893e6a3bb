//! The pictures that guide a job, with the networks that read them.

use fulmen_engine::edit::Preprocessor;
use fulmen_engine::request::{Control, ControlMode, ImagePrompt};

use super::spec::{ControlSpec, ImagePromptSpec};
use super::{Pictures, Spec};
use crate::config::Nets;

/// Pictures that count as part of the prompt.
pub(super) fn image_prompt(nets: &Nets, spec: &Spec, pictures: &Pictures) -> Option<ImagePrompt> {
    let ImagePromptSpec { pictures: ids, scale } = spec.image_prompt.as_ref()?;
    let pictures: Vec<_> = ids.iter().filter_map(|id| pictures.get(id)).collect();
    let (file, encoder) = (nets.ip_adapter.clone()?, nets.image_encoder.clone()?);
    (!pictures.is_empty()).then_some(ImagePrompt { file, encoder, pictures, scale: *scale })
}

/// Pictures that a net reads. Edges are found in the picture; every other kind is a map already.
pub(super) fn controls(nets: &Nets, spec: &Spec, pictures: &Pictures) -> Vec<Control> {
    let control = |ControlSpec { kind, picture, scale }: &ControlSpec| {
        let control = Control::new(nets.controls.get(kind)?, pictures.get(picture)?);
        let preprocessor = (kind == "canny").then_some(Preprocessor::Canny);
        Some(Control { preprocessor, scale: *scale, mode: ControlMode::of_word(kind), ..control })
    };
    spec.controls.iter().filter_map(control).collect()
}
