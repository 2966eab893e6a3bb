//! How pictures are drawn: flags of a run, and a server's defaults for requests that do not say.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use fulmen_engine::Request;
use fulmen_engine::prompt::{LongPrompts, PromptSyntax};
use fulmen_engine::request::{Guidance, Nag};
use fulmen_engine::schedule::{Prediction, SamplerName, Sigmas, TimestepSpacing};

use super::number::count;

/// What is left open is as the model was made for.
#[derive(Debug, clap::Args)]
pub(crate) struct DrawingArgs {
    /// Steps of the sampler [default: what the model was made for]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) steps: Option<usize>,

    /// How closely to follow the prompt; above 1 every step takes twice as long [default: what the model was
    /// made for]
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    pub(crate) guidance: Option<f32>,

    /// How far to steer attention away from the negative prompt without guidance; 1 has no effect
    /// [default: 3]
    #[arg(long, value_name = "S")]
    pub(crate) nag_scale: Option<f32>,

    /// How much larger the output of attention may become by that, as a multiple [default: 2.5]
    #[arg(long, value_name = "T")]
    pub(crate) nag_tau: Option<f32>,

    /// How much of that is blended in, 0 to 1 [default: 0.5]
    #[arg(long, value_name = "A")]
    pub(crate) nag_alpha: Option<f32>,

    /// The sampler, which moves the latents from step to step [default: what the model was made for]
    #[arg(long, value_name = "SAMPLER", value_parser = words(&SamplerName::WORDS))]
    pub(crate) sampler: Option<SamplerName>,

    /// The noise schedule [default: the model's own]
    #[arg(long, value_name = "SIGMAS", value_parser = words(&Sigmas::WORDS))]
    pub(crate) sigmas: Option<Sigmas>,

    /// The share of fresh noise in every step, 0 to 1; only euler-a, ddim and tcd use it [default: 1, 0
    /// and 0.3]
    #[arg(long, value_name = "ETA")]
    pub(crate) eta: Option<f32>,

    /// Which noise levels the steps use [default: what the model was made for]
    #[arg(long, value_name = "SPACING")]
    pub(crate) spacing: Option<SpacingArg>,

    /// What the model's UNet predicts: noise, velocity, or the picture [default: what the model was
    /// made for]
    #[arg(long, value_name = "P")]
    pub(crate) prediction: Option<PredictionArg>,

    /// How prompts are read: with AUTOMATIC1111's weights, BREAK and LoRA tags, or as plain words [default: a1111]
    #[arg(long, value_name = "SYNTAX")]
    pub(crate) prompt_syntax: Option<PromptSyntaxArg>,

    /// What to do with prompts of more than 75 tokens [default: chunk; cut with plain words]
    #[arg(long, value_name = "WHAT")]
    pub(crate) long_prompts: Option<LongPromptsArg>,
}

impl DrawingArgs {
    /// A request with these settings, and a server's defaults.
    pub(crate) fn request(&self) -> Request {
        Request {
            steps: self.steps,
            guidance: self.guidance.map(Guidance::Exactly),
            nag: Nag { scale: self.nag_scale, tau: self.nag_tau, alpha: self.nag_alpha },
            sampler: self.sampler,
            sigmas: self.sigmas,
            eta: self.eta,
            spacing: self.spacing.map(Into::into),
            prediction: self.prediction.map(Into::into),
            prompt_syntax: self.prompt_syntax.map(Into::into),
            long_prompts: self.long_prompts.map(Into::into),
            ..Request::default()
        }
    }
}

/// One of some words of the engine's, and what it means there.
pub(super) fn words<T: Copy + Send + Sync + 'static>(
    words: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).map(|chosen| {
        let (_, meaning) =
            words.iter().find(|(word, _)| *word == chosen).expect("only these words are taken");
        *meaning
    })
}

/// Which levels of noise.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SpacingArg {
    /// From the noisiest level in equal strides: distilled models
    #[value(alias = "sgm-uniform", alias = "sgm_uniform")]
    Trailing,
    /// Equal strides up from the cleanest level: SDXL's own
    Leading,
    /// From the noisiest level to the cleanest, both included
    Linspace,
}

impl From<SpacingArg> for TimestepSpacing {
    fn from(spacing: SpacingArg) -> Self {
        match spacing {
            SpacingArg::Trailing => Self::Trailing,
            SpacingArg::Leading => Self::Leading,
            SpacingArg::Linspace => Self::Linspace,
        }
    }
}

/// What the UNet predicts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PredictionArg {
    /// The noise in the picture: SDXL and most others
    #[value(alias = "eps")]
    Epsilon,
    /// The velocity between noise and picture: v-prediction models
    #[value(alias = "v_prediction", alias = "v-prediction", alias = "velocity")]
    V,
    /// The picture itself: one-step Lightning
    #[value(alias = "x0")]
    Sample,
}

impl From<PredictionArg> for Prediction {
    fn from(prediction: PredictionArg) -> Self {
        match prediction {
            PredictionArg::Epsilon => Self::Epsilon,
            PredictionArg::V => Self::Velocity,
            PredictionArg::Sample => Self::Sample,
        }
    }
}

/// How prompts are read.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PromptSyntaxArg {
    #[value(help = r"(word:1.3), ((word)), [word], \(, BREAK and <lora:name:weight>")]
    #[value(alias = "automatic1111")]
    A1111,
    /// Words alone
    Plain,
}

impl From<PromptSyntaxArg> for PromptSyntax {
    fn from(syntax: PromptSyntaxArg) -> Self {
        match syntax {
            PromptSyntaxArg::A1111 => Self::A1111,
            PromptSyntaxArg::Plain => Self::Plain,
        }
    }
}

/// What to do with long prompts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LongPromptsArg {
    /// All is read, 75 tokens at a time
    Chunk,
    /// The first 75 tokens are read
    Cut,
}

impl From<LongPromptsArg> for LongPrompts {
    fn from(long: LongPromptsArg) -> Self {
        match long {
            LongPromptsArg::Chunk => Self::Chunk,
            LongPromptsArg::Cut => Self::Cut,
        }
    }
}
