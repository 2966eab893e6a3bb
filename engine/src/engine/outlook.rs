//! What can be said of a request before anything is computed, and while the engine draws something else.

use std::path::Path;
use std::sync::Arc;

use super::DrawPlan;
use crate::Result;
use crate::message::{Message, Setting};
use crate::prompt;
use crate::request::Request;
use crate::schedule::SchedulerConfig;
use crate::settings::{Asked, Clues, Settings};
use crate::tokens::{LENGTH, Tokenizer};
use crate::weights::Checkpoint;

/// Tokens of a prompt that are read.
pub const READ: usize = LENGTH - 2;

/// What is known of a model without its weights. Clones are cheap.
#[derive(Clone)]
pub struct Outlook {
    /// Picture pixels of a side that the model was trained at.
    pub(super) own_size: usize,
    /// Picture pixels that one latent covers each way.
    pub(super) grain: usize,
    /// What is to be known of the model's files.
    notes: Vec<Message>,
    /// How it wants to be drawn.
    clues: Clues,
    /// What is drawn with where a request leaves it open, instead of what the model asks for.
    asked: Asked,
    tokenizers: Arc<[Tokenizer; 2]>,
}

impl Outlook {
    /// `asked` is what is drawn with where a request leaves it open; `side` what the model was trained at, in pixels,
    /// and `grain` the pixels that one latent covers.
    ///
    /// # Errors
    /// The model cannot be drawn, or not as its operator wants it.
    pub(super) fn new(
        checkpoint: &Checkpoint,
        asked: Asked,
        tokenizers: Arc<[Tokenizer; 2]>,
        side: usize,
        grain: usize,
    ) -> Result<Self> {
        let clues = Clues::of(checkpoint, SchedulerConfig::load(checkpoint)?);
        let settings = Settings::choose(&clues, asked, Asked::default())?;
        Ok(Self {
            own_size: settings.side.unwrap_or(side),
            grain,
            notes: checkpoint.warnings().iter().cloned().map(Message::from).collect(),
            clues,
            asked,
            tokenizers,
        })
    }

    /// How the model is drawn where requests leave it open, with what its operator should know of that.
    ///
    /// # Errors
    /// As [`Outlook::plan`].
    pub fn usual(&self) -> Result<Settings> {
        let warned = Settings::choose(&self.clues, Asked::default(), self.asked)?;
        let warnings = warned.warnings.into_iter().chain(self.notes.iter().cloned()).collect();
        Ok(Settings { warnings, ..self.settings(Asked::default())? })
    }

    /// Everything that a request leaves open, decided, with all that its caller should know.
    ///
    /// # Errors
    /// [`crate::Error::Request`].
    pub fn plan(&self, request: &Request) -> Result<DrawPlan> {
        DrawPlan::new(request, self)
    }

    /// How many tokens a text has; one more than are read of a prompt where it has more.
    #[must_use]
    pub fn tokens(&self, text: &str) -> usize {
        self.tokenizers[0].count(text)
    }

    pub(super) fn settings(&self, asked: Asked) -> Result<Settings> {
        Settings::choose(&self.clues, self.asked, asked)
    }

    /// What is to be known of the model's files, whatever is drawn with them.
    pub(super) fn notes(&self) -> &[Message] {
        &self.notes
    }

    pub(super) fn file(&self) -> &Path {
        &self.clues.path
    }

    /// What is to be said of a prompt for what not to draw.
    pub(super) fn about_negative(&self, negative: &str, settings: &Settings) -> Vec<Message> {
        if !settings.guided() {
            let what = " has no effect: the picture is drawn without guidance";
            return vec![Message::of(Setting::Negative).text(what)];
        }
        let unread = prompt::unread(Setting::Negative, negative);
        self.too_long(Setting::Negative, negative).into_iter().chain(unread).collect()
    }

    /// That a prompt is too long to be read, and from where on.
    pub(super) fn too_long(&self, setting: Setting, prompt: &str) -> Option<Message> {
        self.tokenizers[0].encode(prompt).dropped.map(|what| Message::of(setting).text(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Model;
    use crate::request::Guidance;

    fn demo() -> Outlook {
        let checkpoint = Checkpoint::embedded_demo().unwrap();
        Model::load(&checkpoint, Asked::default()).unwrap().outlook
    }

    fn told(request: &Request) -> Vec<String> {
        demo().plan(request).unwrap().warnings.iter().map(|told| told.named(|s| format!("`{s:?}`"))).collect()
    }

    #[test]
    fn prompts_that_are_cut_are_told_before_anything_is_drawn() {
        let long = "a red circle ".repeat(40);
        let told = told(&Request {
            guidance: Some(Guidance::Exactly(5.0)),
            negative_prompt: Some(long.clone()),
            ..Request::new(long)
        });
        let about = |name: &str| told.iter().filter(|told| told.starts_with(name)).count();
        assert_eq!(
            (about("`Prompt` is longer than 75 tokens"), about("`Negative` is longer")),
            (1, 1),
            "{told:?}"
        );
    }

    #[test]
    fn what_is_read_as_plain_words_is_told_of_both_prompts() {
        let request = |guidance| Request {
            guidance: Some(Guidance::Exactly(guidance)),
            negative_prompt: Some("[ugly], <lora:x:1>".into()),
            ..Request::new("a (red:1.3) circle")
        };
        let of = |told: &[String]| -> Vec<String> {
            told.iter()
                .filter(|told| told.contains(" has "))
                .map(|told| told.split(": ").next().unwrap().into())
                .collect()
        };
        let guided = told(&request(5.0));
        assert_eq!(
            of(&guided),
            ["`Prompt` has `(red:1.3)`", "`Negative` has `[ugly]`", "`Negative` has `<lora:x:1>`"]
        );
        let unguided = told(&request(1.0));
        assert_eq!(of(&unguided), ["`Prompt` has `(red:1.3)`", "`Negative` has no effect"]);
    }

    #[test]
    fn a_negative_prompt_that_nothing_reads_is_told_unless_it_is_empty() {
        let of = |negative: &str| {
            told(&Request { negative_prompt: Some(negative.into()), ..Request::new("a cat") })
        };
        assert_eq!(of("a dog"), ["`Negative` has no effect: the picture is drawn without guidance"]);
        assert_eq!(of(" "), [""; 0]);
    }

    #[test]
    fn tokens_are_counted_up_to_one_more_than_are_read() {
        let outlook = demo();
        assert_eq!((outlook.tokens(""), outlook.tokens("a red circle,")), (0, 4));
        assert_eq!(
            (outlook.tokens(&"red ".repeat(75)), outlook.tokens(&"red ".repeat(9000))),
            (75, READ + 1)
        );
    }
}
