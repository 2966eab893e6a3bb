//! A prompt as numbers: CLIP's byte-pair encoding, 77 ids a chunk.
//!
//! The steps are those of transformers' `CLIPTokenizer`: NFC, lowercase, words by CLIP's own pattern, bytes, and
//! merges with `</w>` at the end of a word. SDXL has two tokenizers that differ in their padding: the first pads
//! by `<|endoftext|>`, the second by `!`. A padding token is special, so the second tokenizer also reads every
//! `!` of a prompt as padding (id 0) rather than as the mark (id 256), and so must we.

mod alphabet;
mod chunks;
mod table;
mod vocabulary;
mod whole;
mod words;

pub use chunks::{Chunks, MOST_CHUNKS, Span};

use serde_json::Value;

use self::vocabulary::Vocabulary;
use self::words::{Piece, PreTokenizer, Special};
use crate::quote;
use crate::weights::{Checkpoint, Part, TokenizerFiles, instead_of};
use crate::{Error, Result};

/// Ids that a text encoder reads at once, begin and end among them.
pub const LENGTH: usize = 77;

/// Ids of the prompt itself.
const ROOM: usize = LENGTH - 2;

/// Bytes of a word that are read. No token is longer than 32 bytes, so the longest prompt ends before; merges far
/// behind do not reach back.
const LONGEST_WORD: usize = (MOST_CHUNKS * ROOM + 1) * 32;

/// Characters of the prompt that a warning repeats.
const QUOTED: usize = 60;

const BEGIN: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// What a text encoder reads at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Tokens {
    /// Begin, at most 75 tokens, end, padding.
    pub ids: [u32; LENGTH],
    /// What each of them weighs; 1 is as much as everything else.
    pub weights: [f32; LENGTH],
    /// Where the first end is: its hidden state is the pooled one.
    pub end: usize,
}

/// One of SDXL's two tokenizers.
pub struct Tokenizer {
    words: PreTokenizer,
    vocabulary: Vocabulary,
    begin: u32,
    end: u32,
    padding: u32,
    comma: u32,
}

impl Tokenizer {
    /// The tokenizers of both text encoders; CLIP's own where the checkpoint brings none.
    ///
    /// # Errors
    /// A file that cannot be read or is not a tokenizer's.
    pub fn load(checkpoint: &Checkpoint) -> Result<[Self; 2]> {
        let files = |encoder| checkpoint.tokenizer(encoder);
        Self::pair(&files(Part::TextEncoder)?, &files(Part::TextEncoder2)?)
    }

    /// Build a tokenizer from the files of its folder.
    pub fn new(files: &TokenizerFiles) -> Result<Self> {
        Self::over(Vocabulary::read(files)?, files)
    }

    /// Both tokenizers of a model. They mostly differ in their padding alone, and then the vocabulary is shared.
    pub fn pair(first: &TokenizerFiles, second: &TokenizerFiles) -> Result<[Self; 2]> {
        let vocabulary = Vocabulary::read(first)?;
        let same = first.vocab == second.vocab && first.merges == second.merges;
        let other = if same { vocabulary.clone() } else { Vocabulary::read(second)? };
        Ok([Self::over(vocabulary, first)?, Self::over(other, second)?])
    }

    fn over(vocabulary: Vocabulary, files: &TokenizerFiles) -> Result<Self> {
        let pad_token = padding_token(files)?;
        let (begin, end) = (vocabulary.begin(), vocabulary.end());
        let padding = vocabulary.number(files, &pad_token)?.ok_or_else(|| {
            fail(files, "vocab.json", &format!("it has no `{}`; is it CLIP's?", quote::quoted(&pad_token)))
        })?;
        // As in transformers: begin and end are found after lowercasing, another padding before it.
        let special = |text: &str, id, normalized| Special { text: text.to_owned(), id, normalized };
        let mut specials = vec![special(BEGIN, begin, true), special(END, end, true)];
        if padding != begin && padding != end && !pad_token.is_empty() {
            specials.push(special(&pad_token, padding, false));
        }
        let words = PreTokenizer::new(specials);
        let comma = vocabulary.letter(b',', true);
        Ok(Self { words, vocabulary, begin, end, padding, comma })
    }

    /// How many tokens a text has; where they are more than `most`, one more than that.
    pub fn count(&self, text: &str, most: usize) -> usize {
        self.first(text, most + 1).len()
    }

    /// The ids of a prompt's first 75 tokens.
    pub fn encode(&self, prompt: &str) -> Tokens {
        let tokens: Vec<_> = self.first(prompt, ROOM).into_iter().map(|token| (token, 1.0)).collect();
        self.chunk(&tokens)
    }

    /// The first `count` tokens of a text: one of a megabyte costs no more.
    fn first(&self, text: &str, count: usize) -> Vec<u32> {
        let mut tokens = Vec::new();
        for (_, stretch) in stretches(text) {
            if tokens.len() >= count {
                break;
            }
            self.read(stretch, &mut tokens);
        }
        tokens.truncate(count);
        tokens
    }

    /// The tokens of text without white space, which no token crosses.
    fn read(&self, stretch: &str, tokens: &mut Vec<u32>) {
        self.words.each(first_bytes(stretch, LONGEST_WORD), |piece| self.push(piece, tokens));
    }

    fn push(&self, piece: Piece<'_>, tokens: &mut Vec<u32>) {
        match piece {
            Piece::Special(id) => tokens.push(id),
            Piece::Word(word) => self.vocabulary.push(word, tokens),
        }
    }
}

/// Text between white space, and where it stands.
fn stretches(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_whitespace().map(|stretch| (stretch.as_ptr() as usize - text.as_ptr() as usize, stretch))
}

/// At most `count` bytes of a text, cut between characters.
fn first_bytes(text: &str, count: usize) -> &str {
    let count = (0..=count.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..count.unwrap_or(0)]
}

/// The sentence about what was not read behind the first `read` tokens; its subject is the prompt.
fn warning(rest: &str, read: usize) -> String {
    let quoted: String = rest.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let more = if rest.chars().nth(QUOTED).is_some() { "…" } else { "" };
    format!(" is longer than {read} tokens; it is cut in or before “{quoted}{more}”")
}

fn fail(files: &TokenizerFiles, name: &str, what: &str) -> Error {
    Error::File { file: files.folder.join(name), what: what.to_owned() }
}

fn parse<T: serde::de::DeserializeOwned>(files: &TokenizerFiles, name: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json)
        .map_err(|e| fail(files, name, &instead_of(json, "not a tokenizer's JSON", &e)))
}

/// `pad_token` of the settings file, which holds it as a word or as an object with `content`.
fn padding_token(files: &TokenizerFiles) -> Result<String> {
    let json: Value = parse(files, "tokenizer_config.json", &files.config)?;
    let token = &json["pad_token"];
    let usual = if files.encoder == Part::TextEncoder2 { "!" } else { END };
    Ok(token.as_str().or(token["content"].as_str()).unwrap_or(usual).to_owned())
}
