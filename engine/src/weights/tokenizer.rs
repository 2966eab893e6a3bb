//! The files of the two tokenizers.

use std::path::PathBuf;

use bytes::Bytes;

use super::file;
use super::part::Part;
use super::source::{self, Source};
use crate::error::Result;

/// A CLIP tokenizer's files as they are.
#[derive(Debug, Clone)]
pub struct TokenizerFiles {
    /// Where they lie, for messages.
    pub folder: PathBuf,
    /// `vocab.json`: each token and its number.
    pub vocab: Bytes,
    /// `merges.txt`: which pairs become one token, most frequent first.
    pub merges: Bytes,
    /// `tokenizer_config.json`: among others the token that pads.
    pub config: Bytes,
    /// Whose it is: that decides what pads where `config` does not.
    pub encoder: Part,
}

impl TokenizerFiles {
    /// CLIP's own, for the first or second encoder.
    pub(crate) fn clip(encoder: Part) -> Self {
        let config = match encoder {
            Part::TextEncoder2 => source::TOKENIZER_2,
            _ => source::TOKENIZER,
        };
        Self {
            folder: PathBuf::from("the built-in CLIP tokenizer"),
            vocab: Bytes::from_static(source::VOCAB),
            merges: Bytes::from_static(source::MERGES),
            config: Bytes::from_static(config),
            encoder,
        }
    }

    /// Whether the vocabulary is CLIP's own, byte for byte.
    pub(crate) fn are_clips_own(&self) -> bool {
        self.vocab == source::VOCAB && self.merges == source::MERGES
    }

    /// Those of a folder; what is not in it is CLIP's own.
    pub(crate) fn read(source: &Source, encoder: Part) -> Result<Self> {
        let folder = match encoder {
            Part::TextEncoder2 => "tokenizer_2",
            _ => "tokenizer",
        };
        let clip = Self::clip(encoder);
        let read = |name: &str| source.read(&format!("{folder}/{name}"), file::VOCABULARY);
        let config = read("tokenizer_config.json")?.unwrap_or_else(|| clip.config.clone());
        // One without the other would number the wrong tokens.
        Ok(match (read("vocab.json")?, read("merges.txt")?) {
            (Some(vocab), Some(merges)) => {
                Self { folder: source.path(folder), vocab, merges, config, encoder }
            }
            _ => Self { config, ..clip },
        })
    }
}
