//! What a job is, in plain data: kept as JSON with a generation, so that a server that was killed draws it again.
//!
//! Pictures are named by the store's ids. Members that came later are optional: what an
//! older server wrote down is read as it was meant.

use serde::{Deserialize, Serialize};

use crate::fields::{Finish, Pass};

/// What is to be drawn, decided to the last seed: drawn again after a crash, it is the same picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The model's name; `None` is the first.
    pub(crate) model: Option<String>,
    pub(crate) prompt: String,
    pub(crate) negative_prompt: Option<String>,
    /// Pixels of the finished picture.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// How many; picture i has seed + i.
    pub(crate) images: usize,
    pub(crate) seed: u64,
    /// `None`: as many as the model was made for.
    pub(crate) steps: Option<usize>,
    /// `None`: the model's own.
    pub(crate) guidance: Option<f32>,
    /// Scale, tau and alpha of attention guidance; `None`: as usual.
    pub(crate) nag_scale: Option<f32>,
    pub(crate) nag_tau: Option<f32>,
    pub(crate) nag_alpha: Option<f32>,
    /// The sampler, in the engine's word; `None`: the model's own.
    pub(crate) sampler: Option<String>,
    /// How the noise falls, in the engine's word; `None`: as the model wants it.
    pub(crate) sigmas: Option<String>,
    /// The share of fresh noise in every step; `None`: the sampler's own.
    pub(crate) eta: Option<f32>,
    /// Which levels of noise are picked, in the engine's word; `None`: as the model wants it.
    pub(crate) spacing: Option<String>,
    /// What the UNet predicts, in the engine's word; `None`: what the model says.
    pub(crate) prediction: Option<String>,
    /// What is read of the prompts besides their words, in the engine's word; `None`: as the server was started.
    pub(crate) prompt_syntax: Option<String>,
    /// What to do with long prompts, in the engine's word; `None`: as the server was started.
    pub(crate) long_prompts: Option<String>,
    /// How much more contrast the finished picture gets; `None` and 1 leave it as it is.
    pub(crate) contrast: Option<f32>,
    /// What else is done to it.
    #[serde(default)]
    pub(crate) finish: Finish,
    /// Pixels that are drawn first, where the picture is drawn again or resampled; `None` is the finished size.
    pub(crate) drawn: Option<[usize; 2]>,
    /// Drawn again, larger.
    pub(crate) pass: Option<Pass>,
    /// How many times as long the sides of the finished picture are than of what was drawn last.
    pub(crate) upscale: Option<f64>,
    /// What the prompt weighs, as a whole; `None` and 1 leave it as it is.
    pub(crate) weight: Option<f32>,
    /// LoRAs beside those that the prompt names, from the same folder, with their weights.
    #[serde(default)]
    pub(crate) loras: Vec<(String, f32)>,
    /// Whether its background is transparent.
    #[serde(default)]
    pub(crate) transparent: bool,
    /// Whether it continues at its opposite borders.
    #[serde(default)]
    pub(crate) tiling: bool,
    /// The one axis along which it does; `None`: both.
    pub(crate) tiling_axis: Option<Axis>,
    /// Whether files say how they were drawn; `None`: as the server was started.
    pub(crate) png_text: Option<bool>,
    /// The picture that it is drawn over; `None`: noise alone.
    pub(crate) init: Option<InitSpec>,
    /// Pictures that count as part of the prompt.
    pub(crate) image_prompt: Option<ImagePromptSpec>,
    /// Pictures that guide it by nets of the server's.
    #[serde(default)]
    pub(crate) controls: Vec<ControlSpec>,
    /// What is done with the picture of `init`, in place of drawing over it.
    pub(crate) rework: Option<Rework>,
}

/// An axis of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Axis {
    /// From left to right.
    X,
    /// From top to bottom.
    Y,
}

/// What is done with a picture without a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rework {
    /// It is enlarged to the spec's width and height.
    Upscale,
    /// Its background becomes transparent.
    Matte,
}

/// A picture that another is drawn over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct InitSpec {
    /// The store's id of the picture.
    pub(crate) picture: String,
    /// How it is brought to the size that is drawn, in the engine's word; `None`: cropped.
    pub(crate) fit: Option<String>,
    /// The share of the steps that is taken, 0 to 1. The less, the more of the picture is kept.
    pub(crate) denoising_strength: f64,
    /// Whether it is enlarged by the server's upscaler before it is drawn over in a larger size.
    #[serde(default)]
    pub(crate) enlarged: bool,
    /// Width and height that it is brought to before anything else; `None`: its own.
    #[serde(default)]
    pub(crate) size: Option<[usize; 2]>,
    /// What of it is drawn; `None`: all.
    pub(crate) mask: Option<MaskSpec>,
    /// Pixels over which the edge of that is blurred.
    #[serde(default)]
    pub(crate) mask_blur: f32,
    /// Only the masked region is drawn, at full size, with so many pixels around it.
    #[serde(default)]
    pub(crate) only_masked: Option<usize>,
    /// Pixels that are added on the left, at the top, on the right and at the bottom.
    pub(crate) outpaint: Option<[usize; 4]>,
}

/// What of a picture is drawn anew.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MaskSpec {
    /// The store's id of the mask. What is transparent in it is drawn anew; where nothing is, what is white. It may be the
    /// picture itself.
    pub(crate) picture: String,
    /// Whether what is white in it is drawn anew, and nothing else.
    #[serde(default)]
    pub(crate) by_white: bool,
}

/// Pictures that count as part of the prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImagePromptSpec {
    /// The store's ids of the pictures.
    pub(crate) pictures: Vec<String>,
    /// How much they count.
    pub(crate) scale: f32,
}

/// A picture that guides by a net.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ControlSpec {
    /// What the net reads, which is what it was named by when the server was started.
    pub(crate) kind: String,
    /// The store's id of the picture.
    pub(crate) picture: String,
    /// How strongly; 1 is as it was trained.
    pub(crate) scale: f32,
}

impl Spec {
    /// Whether anything is done to the colours of the finished picture.
    pub(super) fn is_finished(&self) -> bool {
        self.contrast.is_some() || self.finish != Finish::NONE
    }

    /// Whether a part of a picture is drawn, in a size of its own, and put back.
    pub(super) fn is_of_part(&self) -> bool {
        self.init.as_ref().is_some_and(|init| init.only_masked.is_some())
    }

    /// The store's ids of all pictures that are needed to draw this, each once.
    pub(crate) fn pictures(&self) -> Vec<&str> {
        let init = self.init.iter().flat_map(InitSpec::pictures);
        let prompt = self.image_prompt.iter().flat_map(|prompt| &prompt.pictures).map(String::as_str);
        let controls = self.controls.iter().map(|control| control.picture.as_str());
        let mut pictures: Vec<&str> = init.chain(prompt).chain(controls).collect();
        pictures.sort_unstable();
        pictures.dedup();
        pictures
    }
}

impl Spec {
    /// Whether it is drawn beside no other: what it takes beside the model is not known for several, or it is not drawn.
    pub(crate) fn is_alone(&self) -> bool {
        let partly = |init: &InitSpec| init.enlarged || init.outpaint.is_some() || init.only_masked.is_some();
        let is_guided = self.image_prompt.is_some() || !self.controls.is_empty();
        self.rework.is_some() || is_guided || self.init.as_ref().is_some_and(partly)
    }
}

impl InitSpec {
    /// The id of a mask whose white is drawn anew.
    pub(super) fn white_mask(&self) -> Option<&str> {
        self.mask.as_ref().filter(|mask| mask.by_white).map(|mask| mask.picture.as_str())
    }

    fn pictures(&self) -> impl Iterator<Item = &str> {
        let mask = self.mask.as_ref().map(|mask| mask.picture.as_str());
        std::iter::once(self.picture.as_str()).chain(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_server_wrote_down_is_read_as_it_was_meant() {
        let older = r#"{"prompt": "a cat", "negative_prompt": null, "width": 64, "height": 64, "images": 2, "seed": 7, "steps": null, "guidance": 1.5}"#;
        let spec: Spec = serde_json::from_str(older).unwrap();
        let expected = Spec {
            prompt: "a cat".into(),
            width: 64,
            height: 64,
            images: 2,
            seed: 7,
            guidance: Some(1.5),
            ..Spec::default()
        };
        assert_eq!(spec, expected);
    }

    #[test]
    fn every_picture_is_named_once() {
        let mask = MaskSpec { picture: "b".into(), ..MaskSpec::default() };
        let init = InitSpec { picture: "a".into(), mask: Some(mask), ..InitSpec::default() };
        let image_prompt = ImagePromptSpec { pictures: vec!["c".into(), "a".into()], scale: 1.0 };
        let spec = Spec { init: Some(init), image_prompt: Some(image_prompt), ..Spec::default() };
        assert_eq!(spec.pictures(), ["a", "b", "c"]);
        assert_eq!(Spec::default().pictures(), [""; 0]);
        let again: Spec = serde_json::from_value(serde_json::json!(spec)).unwrap();
        assert_eq!(again, spec);
    }
}
