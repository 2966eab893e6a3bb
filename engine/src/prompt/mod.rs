//! Prompts as AUTOMATIC1111 writes them: which words weigh more, where a new chunk begins, which LoRAs are asked for.
//!
//! `tags` takes `<lora:…>` out of the text, `weights` reads the brackets of what is left, `unread` finds what people
//! write for other programs and what stays plain words here. Prompts are long at times, and hostile at others: each of
//! them passes over the text a bounded number of times and keeps a few times its size.

mod tags;
mod unread;
mod weights;

#[cfg(test)]
mod tests;

pub use tags::LoraTag;

use self::weights::Weighted;
use crate::message::{Message, Setting};
use crate::quote;
use crate::tokens::Span;

/// What is read of a prompt besides its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PromptSyntax {
    /// Weights in brackets, `BREAK` and LoRA tags, as AUTOMATIC1111 has them.
    #[default]
    A1111,
    /// Nothing: every character is a word's.
    Plain,
}

impl PromptSyntax {
    /// All of them, by the words that callers use.
    pub const WORDS: [(&'static str, Self); 2] = [("a1111", Self::A1111), ("plain", Self::Plain)];
}

/// How a prompt of more than 75 tokens is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongPrompts {
    /// It is encoded in chunks of 75 tokens, and all of them are drawn with.
    Chunk,
    /// Its first 75 tokens are read.
    Cut,
}

impl LongPrompts {
    /// All of them, by the words that callers use.
    pub const WORDS: [(&'static str, Self); 2] = [("chunk", Self::Chunk), ("cut", Self::Cut)];
}

/// A prompt, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    weighted: Weighted,
    loras: Vec<LoraTag>,
    /// What is to be said of it; the prompt is each sentence's subject.
    notes: Vec<String>,
}

impl Prompt {
    /// Whatever the text is, it is read; what is odd about it is noted.
    #[must_use]
    pub fn read(text: &str, syntax: PromptSyntax) -> Self {
        if syntax == PromptSyntax::Plain {
            return Self { weighted: Weighted::plain(text), loras: vec![], notes: vec![] };
        }
        let (rest, loras, odd) = tags::take(text);
        let (weighted, mut notes) = Weighted::read(&rest);
        notes.extend(odd);
        notes.extend(unread::notes(&rest));
        Self { weighted, loras, notes }
    }

    /// Its words with their weights, and the places where a new chunk begins.
    pub fn parts(&self) -> impl Iterator<Item = Span<'_>> {
        self.weighted.parts()
    }

    /// The LoRAs that it asks for, in order.
    pub(crate) fn loras(&self) -> &[LoraTag] {
        &self.loras
    }

    /// What its writer should know.
    pub(crate) fn warnings(&self, setting: Setting) -> impl Iterator<Item = Message> + '_ {
        self.notes.iter().map(move |note| Message::of(setting).text(note.clone()))
    }
}

/// A sentence about something in the prompt, which is quoted.
fn note(what: &str, becomes: &str) -> String {
    format!(" has `{}`: {becomes}", quote::quoted(what))
}
