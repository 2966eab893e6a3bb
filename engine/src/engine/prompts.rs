//! Both prompts of a request as the text encoders read them, and what is to be said of them.

use crate::message::{Message, Setting};
use crate::prompt::{LongPrompts, LoraTag, Prompt, PromptSyntax};
use crate::quote;
use crate::tokens::{Chunks, LENGTH, MOST_CHUNKS, Tokenizer};

/// How prompts are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) syntax: PromptSyntax,
    pub(super) long: LongPrompts,
}

impl Reading {
    /// What a caller leaves open: whoever asks for plain words means no chunks either.
    pub(super) fn new(syntax: Option<PromptSyntax>, long: Option<LongPrompts>) -> Self {
        let syntax = syntax.unwrap_or_default();
        let long = long.unwrap_or(match syntax {
            PromptSyntax::A1111 => LongPrompts::Chunk,
            PromptSyntax::Plain => LongPrompts::Cut,
        });
        Self { syntax, long }
    }

    /// How many tokens are read at the most.
    pub(super) fn tokens(self) -> usize {
        self.chunks() * (LENGTH - 2)
    }

    /// That a prompt is longer than what is read, and where more would be.
    fn dropped(self, setting: Setting, what: &str) -> Message {
        let message = Message::of(setting).text(what);
        match self.long {
            LongPrompts::Chunk => message,
            LongPrompts::Cut => message.text("; see ").setting(Setting::LongPrompts),
        }
    }

    fn chunks(self) -> usize {
        match self.long {
            LongPrompts::Chunk => MOST_CHUNKS,
            LongPrompts::Cut => 1,
        }
    }
}

/// Both prompts in equally many chunks.
#[derive(Debug, Clone)]
pub struct Prompts {
    /// What to draw.
    pub(super) prompt: Chunks,
    /// What not to draw; `None` where that is not read.
    pub(super) negative: Option<Chunks>,
}

impl Prompts {
    /// The prompt comes with what it weighs as a whole; `negative` where the picture is drawn with guidance.
    pub(super) fn read(
        reading: Reading,
        tokenizers: &[Tokenizer; 2],
        (prompt, weight): (&str, f32),
        negative: Option<&str>,
    ) -> (Self, Vec<Message>) {
        let mut warnings = vec![];
        let take = |setting, text: &str, warnings: &mut Vec<Message>| {
            let read = Prompt::read(text, reading.syntax);
            let whole = if setting == Setting::Prompt { weight } else { 1.0 };
            let parts = || read.parts().map(|span| span.weighing(whole));
            let chunks = Chunks::of(tokenizers, parts, reading.chunks());
            warnings.extend(chunks.dropped.as_ref().map(|what| reading.dropped(setting, what)));
            warnings.extend(read.warnings(setting));
            (chunks, read.loras().to_vec())
        };
        let (mut prompt, _) = take(Setting::Prompt, prompt, &mut warnings);
        let mut negative = negative.map(|text| {
            let (chunks, loras) = take(Setting::Negative, text, &mut warnings);
            warnings.extend(loras.first().map(unused));
            chunks
        });
        if let Some(negative) = &mut negative {
            let count = prompt.pairs.len().max(negative.pairs.len());
            prompt.pad(tokenizers, count);
            negative.pad(tokenizers, count);
        }
        (Self { prompt, negative }, warnings)
    }

    /// Tokens that the UNet looks at, begin and end of each chunk among them.
    pub(super) fn tokens(&self) -> usize {
        self.prompt.pairs.len() * LENGTH
    }
}

/// A model is changed as a whole: what a negative prompt asks for has no place.
fn unused(lora: &LoraTag) -> Message {
    let name = quote::quoted(&lora.name);
    let what = format!(" asks for the LoRA `{name}`, but only the prompt itself can; its tag is ignored");
    Message::of(Setting::Negative).text(what)
}
