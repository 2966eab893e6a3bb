//! A sentence for the caller that may name settings: by their flags on a command line, by their members in a request
//! over HTTP.

use std::fmt;

/// What a caller sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// What to draw.
    Prompt,
    /// What not to draw.
    Negative,
    /// Width in pixels.
    Width,
    /// Height in pixels.
    Height,
    /// Steps of the sampler.
    Steps,
    /// Classifier-free guidance.
    Guidance,
    /// How far attention is steered away from the negative prompt without guidance.
    NagScale,
    /// How much larger the output of attention may become by that.
    NagTau,
    /// How much of that is blended in.
    NagAlpha,
    /// Which sampler.
    Sampler,
    /// How the noise falls.
    Sigmas,
    /// The share of fresh noise in every step.
    Eta,
    /// Which levels of noise are picked.
    Spacing,
    /// What the UNet predicts.
    Prediction,
    /// What to do with long prompts.
    LongPrompts,
    /// Pictures that a picture is to be like.
    ImagePrompts,
    /// A picture that guides, and the net that reads it.
    Control,
    /// The share of the steps that are done without it at first.
    ControlStart,
    /// The share of the steps after which it is left out.
    ControlEnd,
    /// Where the noise starts.
    Seed,
    /// How many pictures.
    Images,
    /// Whose noise.
    Rng,
    /// The model's file or folder.
    Model,
    /// The UNet laid over the model's own.
    Unet,
    /// The VAE laid over the model's own.
    Vae,
    /// The picture to begin from.
    Init,
    /// How much of that is drawn anew.
    Strength,
    /// Where it is.
    Mask,
    /// How soft the mask's edge is.
    MaskBlur,
    /// Whether the masked area alone is drawn, and what around it.
    OnlyMasked,
    /// By how much the picture is extended.
    Outpaint,
    /// Where to draw.
    Device,
    /// How activations are stored.
    Precision,
    /// Whether little is taken of a GPU's memory.
    LowMemory,
    /// How weights are kept.
    Weights,
    /// What the sides are multiplied by before a second pass.
    Hires,
    /// How much of that is drawn anew.
    HiresStrength,
    /// What the sides of a finished picture are multiplied by.
    UpscaleBy,
}

impl Setting {
    /// Its name on the command line.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Prompt => "the prompt",
            Self::Negative => "--negative",
            Self::Width => "--width",
            Self::Height => "--height",
            Self::Steps => "--steps",
            Self::Guidance => "--guidance",
            Self::NagScale => "--nag-scale",
            Self::NagTau => "--nag-tau",
            Self::NagAlpha => "--nag-alpha",
            Self::Sampler => "--sampler",
            Self::Sigmas => "--sigmas",
            Self::Eta => "--eta",
            Self::Spacing => "--spacing",
            Self::Prediction => "--prediction",
            Self::LongPrompts => "--long-prompts",
            Self::ImagePrompts => "--ip-adapter",
            Self::Control => "--control",
            Self::ControlStart => "--control-start",
            Self::ControlEnd => "--control-end",
            Self::Seed => "--seed",
            Self::Images => "--images",
            Self::Rng => "--rng",
            Self::Model => "--model",
            Self::Unet => "--unet",
            Self::Vae => "--vae",
            Self::Init => "--init",
            Self::Strength => "--strength",
            Self::Mask => "--mask",
            Self::MaskBlur => "--mask-blur",
            Self::OnlyMasked => "--only-masked",
            Self::Outpaint => "--outpaint",
            Self::Device => "--device",
            Self::Precision => "--precision",
            Self::LowMemory => "--low-memory",
            Self::Weights => "--weights",
            Self::Hires => "--hires",
            Self::HiresStrength => "--hires-strength",
            Self::UpscaleBy => "--upscale-by",
        }
    }
}

/// A sentence in which settings are not yet called by any name. `Display` writes their flags.
///
/// ```
/// use fulmen_engine::message::{Message, Setting};
///
/// let message = Message::of(Setting::Steps).text(" 0 is not possible");
/// assert_eq!(message.to_string(), "--steps 0 is not possible");
/// assert_eq!(message.named(|_| "`steps`".into()), "`steps` 0 is not possible");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message(Vec<Fragment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fragment {
    Text(String),
    Setting(Setting),
}

impl Message {
    /// A sentence that begins with a setting.
    #[must_use]
    pub fn of(setting: Setting) -> Self {
        Self::default().setting(setting)
    }

    /// The sentence goes on with this text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Fragment::Text(text.into()));
        self
    }

    /// The sentence goes on with the name of this setting.
    pub(crate) fn setting(mut self, setting: Setting) -> Self {
        self.0.push(Fragment::Setting(setting));
        self
    }

    /// The sentence goes on with this one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The settings that it names, in order: the first one is what it is about.
    pub fn settings(&self) -> impl Iterator<Item = Setting> + '_ {
        self.0.iter().filter_map(|part| match part {
            Fragment::Setting(setting) => Some(*setting),
            Fragment::Text(_) => None,
        })
    }

    /// The sentence with every setting under the name that `name` gives it.
    #[must_use]
    pub fn named(&self, name: impl Fn(Setting) -> String) -> String {
        let written = self.0.iter().map(|part| match part {
            Fragment::Text(text) => text.clone(),
            Fragment::Setting(setting) => name(*setting),
        });
        written.collect()
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::default().text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::default().text(text)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named(|setting| setting.flag().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_the_name_that_the_reader_knows() {
        let message =
            Message::from("try ").setting(Setting::Spacing).text(" trailing or ").setting(Setting::Steps);
        assert_eq!(message.to_string(), "try --spacing trailing or --steps");
        let members = message.named(|setting| format!("`{setting:?}`").to_lowercase());
        assert_eq!(members, "try `spacing` trailing or `steps`");
        assert_eq!(message.settings().collect::<Vec<_>>(), [Setting::Spacing, Setting::Steps]);
    }
}
