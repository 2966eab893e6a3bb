//! What a caller wants drawn, checked once before any work begins.

mod control;
mod guidance;
mod image_prompt;
mod second_pass;
mod transparency;
mod upscale;

pub(crate) use self::control::MOST_CONTROLS;
pub use self::control::{Control, ControlMode};
pub use self::guidance::{Guidance, Nag};
pub use self::image_prompt::ImagePrompt;
pub use self::second_pass::{Enlarged, SecondPass};
pub use self::transparency::Transparency;
pub use self::upscale::Upscale;
use crate::graph::Tiling;
use crate::init::{Init, InitLatents};
use crate::message::{Message, Setting};
use crate::noise::Rng;
use crate::picture::{LONGEST_SIDE, MOST_PIXELS};
use crate::prompt::{LongPrompts, LoraTag, PromptSyntax};
use crate::schedule::{Prediction, SamplerName, Sigmas, TimestepSpacing};
use crate::tokens::MOST_CHUNKS;
use crate::{Error, Result};

/// A latent covers this many pixels each way, so a picture is made of squares of 8×8.
pub(crate) const GRAIN: usize = 8;

/// Most steps: the levels of noise that SDXL is trained on.
pub(crate) const MOST_STEPS: usize = 1000;

/// Largest weight of a prompt as a whole.
const MOST_WEIGHT: f32 = 10.0;

/// Most pictures of one request.
pub(crate) const MOST_IMAGES: usize = 100;

/// Longest prompt, in bytes: many times what is read. A file given by mistake should be told, not drawn.
pub const LONGEST_PROMPT: usize = 1 << 20;

/// What a caller wants drawn. `None` is left to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What to draw.
    pub prompt: String,
    /// What not to draw.
    pub negative_prompt: Option<String>,
    /// Width in pixels, a multiple of 8.
    pub width: Option<usize>,
    /// Height in pixels, a multiple of 8.
    pub height: Option<usize>,
    /// Steps of the sampler.
    pub steps: Option<usize>,
    /// Classifier-free guidance.
    pub guidance: Option<Guidance>,
    /// What a negative prompt does without guidance.
    pub nag: Nag,
    /// Which sampler.
    pub sampler: Option<SamplerName>,
    /// How the noise falls.
    pub sigmas: Option<Sigmas>,
    /// The share of fresh noise in every step, 0 to 1, for samplers that use it.
    pub eta: Option<f32>,
    /// Which levels of noise are picked.
    pub spacing: Option<TimestepSpacing>,
    /// What the UNet predicts.
    pub prediction: Option<Prediction>,
    /// What is read of the prompts besides their words; AUTOMATIC1111's syntax by default.
    pub prompt_syntax: Option<PromptSyntax>,
    /// What to do with prompts of more than 75 tokens; chunks by default, unless prompts are plain.
    pub long_prompts: Option<LongPrompts>,
    /// What the prompt weighs as a whole; 1 is as it is written.
    pub weight: f32,
    /// LoRAs from the folder of those that prompts ask for, beside those that this one names.
    pub loras: Vec<LoraTag>,
    /// A picture to draw over, in place of noise alone.
    pub init: Option<Init>,
    /// Pictures that it is to be like.
    pub image_prompts: Vec<ImagePrompt>,
    /// Latents to begin from, where there is no such picture.
    pub init_latents: Option<InitLatents>,
    /// Pictures that guide what is drawn.
    pub controls: Vec<Control>,
    /// How it becomes transparent, if it does.
    pub transparency: Option<Transparency>,
    /// Where pictures continue on their opposite sides.
    pub tiling: Tiling,
    /// A second pass over what was drawn, enlarged.
    pub second_pass: Option<SecondPass>,
    /// How finished pictures are enlarged.
    pub upscale: Option<Upscale>,
    /// Where the noise starts; picture i of several has seed + i. `None` is a random one.
    pub seed: Option<u64>,
    /// How many pictures.
    pub images: usize,
    /// Whose noise.
    pub rng: Rng,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            negative_prompt: None,
            width: None,
            height: None,
            steps: None,
            guidance: None,
            nag: Nag::default(),
            sampler: None,
            sigmas: None,
            eta: None,
            spacing: None,
            prediction: None,
            prompt_syntax: None,
            long_prompts: None,
            weight: 1.0,
            loras: vec![],
            init: None,
            image_prompts: vec![],
            init_latents: None,
            controls: vec![],
            transparency: None,
            tiling: Tiling::default(),
            second_pass: None,
            upscale: None,
            seed: None,
            images: 1,
            rng: Rng::default(),
        }
    }
}

impl Request {
    /// A prompt, everything else being left to the model.
    #[must_use]
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { prompt: prompt.into(), ..Self::default() }
    }

    /// Whether there is something not to draw.
    pub(crate) fn has_negative(&self) -> bool {
        self.negative_prompt.as_deref().is_some_and(|text| !text.trim().is_empty())
    }

    /// Whether the request can be met at all; if not, a sentence that says what to ask for instead.
    pub fn validate(&self) -> Result<()> {
        let sides = [(Setting::Width, self.width), (Setting::Height, self.height)];
        for (setting, side) in sides {
            side.map_or(Ok(()), |side| check_side(setting, side))?;
        }
        if let (Some(width), Some(height)) = (self.width, self.height) {
            check_pixels(width, height)?;
        }
        if let Some(steps) = self.steps
            && !(1..=MOST_STEPS).contains(&steps)
        {
            return refuse(Setting::Steps, format!(" {steps} is not possible; use 1 to {MOST_STEPS}"));
        }
        if let Some(guidance) = self.guidance.map(Guidance::value)
            && !(guidance.is_finite() && guidance >= 0.0)
        {
            let what = format!(" {guidance} is not possible; use 0 for none, or for instance 5");
            return refuse(Setting::Guidance, what);
        }
        if let Some(eta) = self.eta
            && !(0.0..=1.0).contains(&eta)
        {
            return refuse(Setting::Eta, format!(" {eta} is not possible; use 0 to 1"));
        }
        if !(self.weight.is_finite() && (0.0..=MOST_WEIGHT).contains(&self.weight)) {
            return refuse(
                Setting::Prompt,
                format!("'s weight {} is not possible; use 0 to {MOST_WEIGHT}", self.weight),
            );
        }
        self.nag.validate()?;
        image_prompt::validate(&self.image_prompts)?;
        self.init.as_ref().map_or(Ok(()), Init::validate)?;
        if self.controls.len() > MOST_CONTROLS {
            return refuse(Setting::Control, format!(" was given more than {MOST_CONTROLS} times"));
        }
        self.controls.iter().try_for_each(Control::validate)?;
        self.second_pass.as_ref().map_or(Ok(()), SecondPass::validate)?;
        self.upscale.as_ref().map_or(Ok(()), Upscale::validate)?;
        if !(1..=MOST_IMAGES).contains(&self.images) {
            let what = format!(" {} is not possible; use 1 to {MOST_IMAGES}", self.images);
            return refuse(Setting::Images, what);
        }
        self.check_prompts()
    }

    fn check_prompts(&self) -> Result<()> {
        let negative = self.negative_prompt.as_ref();
        for (setting, prompt) in [(Setting::Prompt, Some(&self.prompt)), (Setting::Negative, negative)] {
            let length = prompt.map_or(0, String::len);
            if length > LONGEST_PROMPT {
                let what = format!(
                    " has {length} bytes, more than {LONGEST_PROMPT}; at most {} tokens (about {} words) are read",
                    MOST_CHUNKS * 75,
                    MOST_CHUNKS * 60
                );
                return refuse(setting, what);
            }
        }
        Ok(())
    }
}

/// A width and a height that were filled in by a model are checked together too.
pub(crate) fn check_pixels(width: usize, height: usize) -> Result<()> {
    if width.saturating_mul(height) <= MOST_PIXELS {
        return Ok(());
    }
    let what = format!("{width}x{height} is more than {} million pixels; try ", MOST_PIXELS >> 20);
    let sides = Message::from(what).setting(Setting::Width).text(" 1024 ").setting(Setting::Height);
    Err(Error::Request(sides.text(" 1024")))
}

fn check_side(setting: Setting, side: usize) -> Result<()> {
    if side < GRAIN {
        let what = format!(
            " {side} is too small; the smallest is {GRAIN}, because one latent covers {GRAIN}x{GRAIN} pixels"
        );
        return refuse(setting, what);
    }
    if side > LONGEST_SIDE {
        return refuse(setting, format!(" {side} is too large; the largest is {LONGEST_SIDE}"));
    }
    if !side.is_multiple_of(GRAIN) {
        let below = side / GRAIN * GRAIN;
        let above = below + GRAIN;
        return refuse(setting, format!(" {side} is not a multiple of {GRAIN}; try {below} or {above}"));
    }
    Ok(())
}

/// `what` is said of a setting, whose name stands in front.
fn refuse(setting: Setting, what: String) -> Result<()> {
    Err(Error::Request(Message::of(setting).text(what)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(change: impl FnOnce(&mut Request)) -> String {
        let mut request = Request { prompt: "a cat".into(), ..Request::default() };
        change(&mut request);
        request.validate().map_or_else(|e| e.to_string(), |()| "fine".into())
    }

    #[test]
    fn a_size_that_is_no_multiple_of_8_is_told_its_neighbours() {
        assert_eq!(verdict(|r| r.width = Some(500)), "--width 500 is not a multiple of 8; try 496 or 504");
        assert_eq!(verdict(|r| r.height = Some(9)), "--height 9 is not a multiple of 8; try 8 or 16");
    }

    #[test]
    fn sizes_that_cannot_be_are_told_the_limit() {
        assert!(verdict(|r| r.width = Some(0)).contains("the smallest is 8, because one latent covers 8x8"));
        assert!(verdict(|r| r.height = Some(usize::MAX)).contains("the largest is 16384"));
        let both = verdict(|r| (r.width, r.height) = (Some(16_384), Some(8192)));
        assert!(both.contains("16384x8192 is more than 64 million pixels"), "{both}");
    }

    #[test]
    fn numbers_out_of_range_name_their_flag() {
        assert_eq!(verdict(|r| r.steps = Some(0)), "--steps 0 is not possible; use 1 to 1000");
        assert!(verdict(|r| r.steps = Some(1001)).contains("--steps 1001"));
        assert!(verdict(|r| r.guidance = Some(Guidance::Exactly(f32::NAN))).contains("--guidance NaN"));
        assert!(verdict(|r| r.guidance = Some(Guidance::Suggested(-1.0))).contains("--guidance -1"));
        assert_eq!(verdict(|r| r.eta = Some(1.5)), "--eta 1.5 is not possible; use 0 to 1");
        assert!(verdict(|r| r.eta = Some(f32::NAN)).contains("--eta NaN"));
        assert!(
            verdict(|r| r.nag.scale = Some(-1.0))
                .starts_with("--nag-scale -1 is not possible; use 1 for none")
        );
        assert!(verdict(|r| r.nag.tau = Some(0.5)).starts_with("--nag-tau 0.5 is not possible"));
        assert!(verdict(|r| r.nag.alpha = Some(f32::NAN)).starts_with("--nag-alpha NaN is not possible"));
        assert!(verdict(|r| r.images = 0).contains("--images 0"));
        assert!(verdict(|r| r.images = 101).contains("use 1 to 100"));
        assert!(verdict(|r| r.prompt = "a".repeat((1 << 20) + 1)).contains("1048577 bytes"));
    }

    #[test]
    fn whatever_the_limits_allow_is_fine() {
        assert_eq!(verdict(|_| ()), "fine");
        assert_eq!(verdict(|r| (r.width, r.height) = (Some(8), Some(16_384))), "fine");
        assert_eq!(
            verdict(|r| (r.steps, r.guidance, r.images) = (Some(1000), Some(Guidance::Exactly(0.0)), 100)),
            "fine"
        );
        assert_eq!(verdict(|r| (r.prompt, r.seed) = (String::new(), Some(u64::MAX))), "fine");
    }
}
