//! The tokenizers of a checkpoint.

use super::{Padding, Tokenizer, TokenizerFiles};
use crate::Result;
use crate::weights::{Checkpoint, Part, TokenizerFiles as CheckpointFiles};

impl Tokenizer {
    /// The tokenizers of both text encoders; CLIP's own where the checkpoint brings none.
    ///
    /// # Errors
    /// A file that cannot be read or is not a tokenizer's.
    pub fn load(checkpoint: &Checkpoint) -> Result<[Self; 2]> {
        let first = checkpoint.tokenizer(Part::TextEncoder)?;
        let second = checkpoint.tokenizer(Part::TextEncoder2)?;
        Self::pair(&borrow(&first, Padding::End), &borrow(&second, Padding::Exclamation))
    }
}

fn borrow(files: &CheckpointFiles, padding: Padding) -> TokenizerFiles<'_> {
    let CheckpointFiles { folder, vocab, merges, config } = files;
    TokenizerFiles { folder, vocab, merges, config: Some(config), padding }
}
