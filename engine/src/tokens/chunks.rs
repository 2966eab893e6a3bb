//! Prompts of any length, as chunks that a text encoder reads at once, with a weight for every token.
//!
//! A chunk that is full ends behind its last comma if there is one among its last 20 tokens, so that what belongs
//! together stays together; so AUTOMATIC1111 has it. Each tokenizer fills chunks of its own, for they may cut words
//! differently; where a prompt breaks, both begin a new one.

use super::{LENGTH, ROOM, Tokenizer, Tokens, stretches, warning};

/// Most chunks of a prompt: 1200 tokens. The UNet looks at all of them at every step.
pub const MOST_CHUNKS: usize = 16;

/// Tokens behind a comma that move to the next chunk rather than be parted from what follows them.
const BACKTRACK: usize = 20;

/// A stretch of a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span<'a> {
    /// Words, and what each of their tokens weighs.
    Words {
        /// The words.
        text: &'a str,
        /// 1 is as much as everything else.
        weight: f32,
    },
    /// A new chunk begins.
    Break,
}

impl Span<'_> {
    /// The same, of so many times the weight.
    #[must_use]
    pub fn weighing(self, times: f32) -> Self {
        match self {
            Self::Words { text, weight } => Self::Words { text, weight: weight * times },
            Self::Break => Self::Break,
        }
    }
}

/// A prompt for both text encoders.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunks {
    /// At least one; each as the first and as the second tokenizer reads it.
    pub pairs: Vec<[Tokens; 2]>,
    /// What is to be said of a prompt that is too long: from where on it is not read.
    pub dropped: Option<String>,
}

impl Chunks {
    /// A prompt in at most `most` chunks. With one chunk a prompt is cut, wherever its commas are.
    pub fn of<'a, I: Iterator<Item = Span<'a>>>(
        tokenizers: &[Tokenizer; 2],
        parts: impl Fn() -> I,
        most: usize,
    ) -> Self {
        let [first, second] = tokenizers.each_ref().map(|tokenizer| Filling::fill(tokenizer, parts(), most));
        let sections = first.sections.len().max(second.sections.len());
        let mut pairs = vec![];
        for section in 0..sections {
            let [one, two] =
                [&first, &second].map(|filled| filled.sections.get(section).map_or(&[][..], |s| s));
            for chunk in 0..one.len().max(two.len()) {
                let tokens = |tokenizer: &Tokenizer, chunks: &[Tokens]| {
                    chunks.get(chunk).cloned().unwrap_or_else(|| tokenizer.empty())
                };
                pairs.push([tokens(&tokenizers[0], one), tokens(&tokenizers[1], two)]);
            }
        }
        pairs.truncate(most);
        Self { pairs, dropped: first.dropped.or(second.dropped) }
    }

    /// Empty chunks follow until there are `count`: both prompts of guidance need equally many.
    pub fn pad(&mut self, tokenizers: &[Tokenizer; 2], count: usize) {
        let empty = || tokenizers.each_ref().map(Tokenizer::empty);
        let missing = count.saturating_sub(self.pairs.len());
        self.pairs.extend(std::iter::repeat_with(empty).take(missing));
    }
}

/// Chunks of one tokenizer.
struct Filling<'a> {
    tokenizer: &'a Tokenizer,
    most: usize,
    /// Chunks that are full or closed, by the breaks between them.
    sections: Vec<Vec<Tokens>>,
    closed: usize,
    /// Tokens of the chunk that is being filled, and their weights.
    open: Vec<(u32, f32)>,
    /// Where its last comma is.
    comma: Option<usize>,
    dropped: Option<String>,
}

impl<'a> Filling<'a> {
    fn fill<'b>(tokenizer: &'a Tokenizer, parts: impl Iterator<Item = Span<'b>>, most: usize) -> Self {
        let (sections, open) = (vec![vec![]], Vec::with_capacity(ROOM));
        let mut filling = Self { tokenizer, most, sections, closed: 0, open, comma: None, dropped: None };
        for part in parts {
            match part {
                Span::Words { text, weight } => filling.words(text, weight),
                // Where there is one chunk, none can begin.
                Span::Break if most > 1 => filling.start_section(),
                Span::Break => {}
            }
            if filling.dropped.is_some() {
                break;
            }
        }
        if !filling.open.is_empty() || filling.closed == 0 {
            filling.close();
        }
        filling
    }

    fn words(&mut self, text: &str, weight: f32) {
        let mut tokens = vec![];
        for (at, stretch) in stretches(text) {
            tokens.clear();
            self.tokenizer.read(stretch, &mut tokens);
            for &token in &tokens {
                if !self.push(token, weight) {
                    self.dropped = Some(warning(&text[at..], self.most * ROOM));
                    return;
                }
            }
        }
    }

    /// Whether there was room.
    fn push(&mut self, token: u32, weight: f32) -> bool {
        let is_full = self.open.len() == ROOM;
        if self.closed == self.most || (is_full && self.closed + 1 == self.most) {
            return false;
        }
        if token == self.tokenizer.comma {
            self.comma = Some(self.open.len());
        } else if is_full && let Some(comma) = self.comma.filter(|comma| ROOM - comma <= BACKTRACK) {
            let moved = self.open.split_off(comma + 1);
            self.close();
            self.open = moved;
        }
        if self.open.len() == ROOM {
            self.close();
        }
        self.open.push((token, weight));
        true
    }

    fn start_section(&mut self) {
        if self.closed < self.most {
            self.close();
            self.sections.push(vec![]);
        }
    }

    fn close(&mut self) {
        let chunk = self.tokenizer.chunk(&self.open);
        if let Some(section) = self.sections.last_mut() {
            section.push(chunk);
        }
        self.closed += 1;
        self.open.clear();
        self.comma = None;
    }
}

impl Tokenizer {
    /// A chunk without words.
    pub(crate) fn empty(&self) -> Tokens {
        self.chunk(&[])
    }

    /// Begin, at most 75 tokens, end, padding.
    pub(super) fn chunk(&self, tokens: &[(u32, f32)]) -> Tokens {
        let mut chunk = Tokens { ids: [self.padding; LENGTH], weights: [1.0; LENGTH], end: 0 };
        chunk.ids[0] = self.begin;
        for (place, (id, weight)) in (1..=ROOM).zip(tokens) {
            chunk.ids[place] = *id;
            chunk.weights[place] = *weight;
        }
        chunk.ids[tokens.len().min(ROOM) + 1] = self.end;
        chunk.end = chunk.ids.iter().position(|id| *id == self.end).unwrap_or(LENGTH - 1);
        chunk
    }
}
