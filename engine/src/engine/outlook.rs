//! What can be said of a request before anything is computed, and while the engine draws something else.

use std::path::Path;
use std::sync::Arc;

use super::DrawPlan;
use super::models::Models;
use crate::Result;
use crate::message::{Message, Setting};
use crate::prompt;
use crate::request::Request;
use crate::settings::{Asked, Clues, Settings};
use crate::tokens::Tokenizer;
use crate::weights::Checkpoint;

/// What is known of a model without its weights. Clones are cheap.
#[derive(Clone)]
pub struct Outlook {
    /// Picture pixels of a side that the model was trained at.
    pub(super) own_size: usize,
    /// How it wants to be drawn.
    clues: Clues,
    /// What is drawn with where a request leaves it open, instead of what the model asks for.
    asked: Asked,
    tokenizers: Arc<[Tokenizer; 2]>,
}

impl Outlook {
    /// # Errors
    /// The model cannot be drawn, or not as its operator wants it.
    pub(super) fn new(models: &Models, checkpoint: &Checkpoint) -> Result<Self> {
        let clues = Clues::of(checkpoint, models.scheduler.clone());
        let settings = Settings::choose(&clues, models.asked, Asked::default())?;
        let own_size = settings.side.unwrap_or(models.own_size());
        Ok(Self { own_size, clues, asked: models.asked, tokenizers: models.tokenizers.clone() })
    }

    /// How the model is drawn where requests leave it open, with what its operator should know of that.
    ///
    /// # Errors
    /// As [`Outlook::plan`].
    pub fn usual(&self) -> Result<Settings> {
        let warned = Settings::choose(&self.clues, Asked::default(), self.asked)?;
        Ok(Settings { warnings: warned.warnings, ..self.settings(Asked::default())? })
    }

    /// Everything that a request leaves open, decided, with all that its caller should know.
    ///
    /// # Errors
    /// [`crate::Error::Request`].
    pub fn plan(&self, request: &Request) -> Result<DrawPlan> {
        DrawPlan::new(request, self)
    }

    /// As much of a prompt as is read together with `tail`, which follows it: all of it, or what goes before a word
    /// that is too much.
    #[must_use]
    pub fn fitting<'a>(&self, prompt: &'a str, tail: &str) -> &'a str {
        let fits = |end: usize| self.cut(&format!("{}{tail}", &prompt[..end])).is_none();
        if fits(prompt.len()) {
            return prompt;
        }
        let ends: Vec<usize> = prompt.char_indices().map(|(at, _)| at).collect();
        let read = ends.partition_point(|end| fits(*end));
        let read = &prompt[..ends[read.saturating_sub(1)]];
        // Not within a word, where there are words.
        let whole = read.rfind(char::is_whitespace).map_or(read, |at| &read[..at]);
        whole.trim_end_matches(|c: char| c.is_whitespace() || c == ',')
    }

    pub(super) fn settings(&self, asked: Asked) -> Result<Settings> {
        Settings::choose(&self.clues, self.asked, asked)
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
        self.cut(prompt).map(|what| Message::of(setting).text(what))
    }

    fn cut(&self, prompt: &str) -> Option<String> {
        self.tokenizers[0].encode(prompt).dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Guidance;

    fn demo() -> Outlook {
        let checkpoint = Checkpoint::embedded_demo().unwrap();
        Outlook::new(&Models::load(&checkpoint, Asked::default()).unwrap(), &checkpoint).unwrap()
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
    fn what_follows_a_prompt_is_always_read() {
        let (outlook, tail) = (demo(), ", black and white pencil sketch");
        assert_eq!(outlook.fitting("a red circle", tail), "a red circle");
        for prompt in
            ["a red circle, ".repeat(40), "круг".repeat(100), "赤い丸".repeat(100), "a ".repeat(9000)]
        {
            let read = outlook.fitting(&prompt, tail);
            assert!(!read.is_empty() && prompt.starts_with(read), "{read}");
            assert_eq!(outlook.cut(&format!("{read}{tail}")), None, "{read}");
            assert!(
                outlook.cut(&format!("{read} {}{tail}", "word ".repeat(12))).is_some(),
                "{read} is short"
            );
        }
        assert_eq!(outlook.fitting("a red circle", &"word ".repeat(90)), "");
    }
}
