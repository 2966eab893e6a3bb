//! What callers should know of a job before it is drawn, and while another is: in the words of their family.

use fulmen_engine::engine::Outlook;
use fulmen_engine::message::{Message, Setting};
use fulmen_engine::{Error, Request};

use super::{ModelInfo, Pictures, Spec};
use crate::problem::{Family, Problem};
use crate::warning::Warning;

/// What can be said of a job without drawing it.
pub(crate) struct Foresight {
    outlook: Outlook,
    model: ModelInfo,
    /// What is to be said of every request alike: of the model, to whoever chose it.
    of_model: Vec<Message>,
}

impl Foresight {
    pub(super) fn new(outlook: Outlook, model: ModelInfo) -> Self {
        let of_model = outlook.plan(&Request::new("")).map(|plan| plan.warnings).unwrap_or_default();
        Self { outlook, model, of_model }
    }

    /// What the engine knows of its model.
    pub(super) fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    /// How many tokens are read of a prompt.
    pub(crate) fn tokens_read(&self) -> usize {
        self.outlook.tokens_read()
    }

    /// How many tokens a text has, up to one more than are read of a prompt.
    pub(crate) fn tokens(&self, text: &str) -> usize {
        self.outlook.tokens(text)
    }

    /// The LoRAs for the model that requests may name, as they are at this moment.
    pub(crate) fn lora_names(&self) -> Vec<String> {
        self.outlook.lora_names()
    }

    /// The sampler that draws this, in the engine's word; nothing where it cannot be drawn.
    pub(crate) fn sampler(&self, spec: &Spec) -> Option<&'static str> {
        let plan = self.outlook.plan(&self.model.request(spec, &Pictures::default())).ok()?;
        Some(plan.settings.scheduler.solver.sampler.word())
    }

    /// What the caller should know of this job.
    ///
    /// # Errors
    /// 400: it cannot be drawn at all.
    pub(crate) fn warnings(&self, family: Family, spec: &Spec) -> Result<Vec<Warning>, Problem> {
        let plan = self.outlook.plan(&self.model.request(spec, &Pictures::stand_ins(spec)));
        let plan = plan.map_err(|error| refusal(family, &error))?;
        let of_request = plan.warnings.iter().filter(|message| !self.of_model.contains(message));
        Ok(of_request.map(|message| warning(family, message)).collect())
    }
}

/// What the engine refuses, as the caller's mistake.
pub(super) fn refusal(family: Family, error: &Error) -> Problem {
    let message = error.message();
    let said = message.named(|setting| member(family, setting).said());
    let code = if error.is_of_memory() { "too_large" } else { "invalid_request" };
    let field = message.settings().find_map(|setting| member(family, setting).field());
    Problem { field, ..Problem::new(400, code, said) }
}

fn warning(family: Family, message: &Message) -> Warning {
    let field = message.settings().find_map(|setting| member(family, setting).field());
    Warning { code: "drawing", field, message: message.named(|setting| member(family, setting).said()) }
}

/// What a caller of a family calls a setting.
enum Member {
    /// By this name in a request.
    Field(&'static str),
    /// No request sets it; what it is.
    Words(&'static str),
}

impl Member {
    fn said(&self) -> String {
        match self {
            Self::Field(name) => format!("`{name}`"),
            Self::Words(words) => (*words).to_owned(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Field(name) => Some((*name).to_owned()),
            Self::Words(_) => None,
        }
    }
}

fn member(family: Family, setting: Setting) -> Member {
    use Member::{Field, Words};
    match (setting, family) {
        (Setting::Prompt, _) => Field("prompt"),
        (Setting::Negative, _) => Field("negative_prompt"),
        (Setting::Width, _) => Field("width"),
        (Setting::Height, _) => Field("height"),
        (Setting::Seed, _) => Field("seed"),
        (Setting::Guidance, _) => Field("guidance_scale"),
        (Setting::Steps, Family::Leonardo) => Field("num_inference_steps"),
        (Setting::Steps, _) => Field("steps"),
        (Setting::Images, Family::OpenAi) => Field("n"),
        (Setting::Images, Family::Leonardo) => Field("num_images"),
        (Setting::Images, Family::Images) => Words("the number of images"),
        (Setting::NagScale | Setting::NagTau | Setting::NagAlpha, Family::Leonardo) => {
            Words("the server's guidance of attention")
        }
        (Setting::NagScale, _) => Field("nag_scale"),
        (Setting::NagTau, _) => Field("nag_tau"),
        (Setting::NagAlpha, _) => Field("nag_alpha"),
        (Setting::Sampler, Family::Leonardo) => Words("the server's sampler"),
        (Setting::Sigmas, Family::Leonardo) => Words("the server's sigmas"),
        (Setting::Eta, Family::Leonardo) => Words("the server's eta"),
        (Setting::Sampler, _) => Field("sampler"),
        (Setting::Sigmas, _) => Field("sigmas"),
        (Setting::Eta, _) => Field("eta"),
        (Setting::Spacing, Family::Leonardo) => Words("the spacing of the server's timesteps"),
        (Setting::Prediction, Family::Leonardo) => Words("the server's prediction"),
        (Setting::Spacing, _) => Field("spacing"),
        (Setting::Prediction, _) => Field("prediction"),
        (Setting::LongPrompts, Family::Leonardo) => Words("what the server does with long prompts"),
        (Setting::LongPrompts, _) => Field("long_prompts"),
        (Setting::ImagePrompts, Family::Leonardo) => Field("imagePrompts"),
        (Setting::ImagePrompts, _) => Words("an image prompt"),
        (Setting::Control, Family::Leonardo) => Field("controlnets"),
        (Setting::Control, _) => Words("the picture that guides"),
        (Setting::ControlStart, _) => Words("the start of that picture's guidance"),
        (Setting::ControlEnd, _) => Words("the end of that picture's guidance"),
        (Setting::Rng, _) => Words("the generator of noise"),
        (Setting::Hires, Family::Images) => Field("hires"),
        (Setting::HiresStrength, Family::Images) => Field("hires_strength"),
        (Setting::UpscaleBy, Family::Images) => Field("upscale"),
        (Setting::Hires, _) => Words("the ratio of the second pass"),
        (Setting::HiresStrength, _) => Words("the strength of the second pass"),
        (Setting::UpscaleBy, Family::Leonardo) => Field("upscaleRatio"),
        (Setting::UpscaleBy, _) => Words("the ratio of enlargement"),
        (Setting::Model, _) => Words("the server's model"),
        (Setting::Unet, _) => Words("the server's UNet"),
        (Setting::Vae, _) => Words("the server's VAE"),
        (Setting::Init, Family::Leonardo) => Field("init_image_id"),
        (Setting::Init, _) => Field("image"),
        (Setting::Strength, Family::Leonardo) => Field("init_strength"),
        (Setting::Strength, _) => Field("strength"),
        (Setting::Mask, Family::Leonardo) => Field("canvasMaskId"),
        (Setting::Mask, _) => Field("mask"),
        (Setting::MaskBlur, Family::Images) => Field("mask_blur"),
        (Setting::OnlyMasked, Family::Images) => Field("only_masked"),
        (Setting::Outpaint, Family::Images) => Field("outpaint"),
        (Setting::MaskBlur, _) => Words("the blur of the mask"),
        (Setting::OnlyMasked, _) => Words("the padding of the masked area"),
        (Setting::Outpaint, _) => Words("the sides to extend"),
        (Setting::Device, _) => Words("device"),
        (Setting::Precision, _) => Words("precision"),
        (Setting::LowMemory, _) => Words("the server's low-memory mode"),
        (Setting::Weights, _) => Words("the server's weights"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: [Family; 3] = [Family::Images, Family::OpenAi, Family::Leonardo];

    /// Every setting there is.
    const SETTINGS: [Setting; 38] = [
        Setting::Prompt,
        Setting::Negative,
        Setting::Width,
        Setting::Height,
        Setting::Steps,
        Setting::Guidance,
        Setting::NagScale,
        Setting::NagTau,
        Setting::NagAlpha,
        Setting::Sampler,
        Setting::Sigmas,
        Setting::Eta,
        Setting::Spacing,
        Setting::Prediction,
        Setting::LongPrompts,
        Setting::ImagePrompts,
        Setting::Control,
        Setting::ControlStart,
        Setting::ControlEnd,
        Setting::Seed,
        Setting::Images,
        Setting::Rng,
        Setting::Model,
        Setting::Unet,
        Setting::Vae,
        Setting::Init,
        Setting::Strength,
        Setting::Mask,
        Setting::MaskBlur,
        Setting::OnlyMasked,
        Setting::Outpaint,
        Setting::Hires,
        Setting::HiresStrength,
        Setting::UpscaleBy,
        Setting::Device,
        Setting::Precision,
        Setting::LowMemory,
        Setting::Weights,
    ];

    #[test]
    fn no_flag_of_the_command_line_reaches_a_caller() {
        for family in FAMILIES {
            for setting in SETTINGS {
                let told = warning(family, &Message::of(setting).text(" is told"));
                assert!(!told.message.contains("--"), "{}", told.message);
            }
            let memory = Error::Memory { device: "cpu".into(), need: 9 << 20, have: 1 << 20 };
            let refused = refusal(family, &memory);
            assert!(!refused.message.contains("--"), "{}", refused.message);
            assert_eq!((refused.status, refused.code), (400, "too_large"));
        }
    }

    #[test]
    fn a_refusal_names_the_member_of_its_family() {
        let error = Error::Request(Message::of(Setting::Steps).text(" 0 is not possible"));
        let refused = FAMILIES.map(|family| refusal(family, &error));
        let fields = refused.each_ref().map(|refused| refused.field.as_deref());
        assert_eq!(fields, [Some("steps"), Some("steps"), Some("num_inference_steps")]);
        assert_eq!(refused[2].message, "`num_inference_steps` 0 is not possible");
    }
}
