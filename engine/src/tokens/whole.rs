//! Whether `vocab.json` and `merges.txt` are whole and belong together. Half a list of merges cuts words
//! into other tokens, and another picture comes out without a word.

use std::collections::{HashMap, HashSet};

use super::alphabet::END_OF_WORD;
use crate::quote;

/// Numbers of tokens beyond any vocabulary. Tables are as long as the largest.
const MOST_TOKENS: u32 = 1 << 20;

/// The numbers of `letters`, or what is wrong with the tokens and their numbers, as a sentence about `vocab.json`.
pub(super) fn of_tokens(
    ids: &HashMap<String, u32>,
    letters: impl Iterator<Item = String>,
) -> Result<Vec<u32>, String> {
    if let Some((token, id)) = ids.iter().find(|(_, id)| **id >= MOST_TOKENS) {
        return Err(format!("gives `{}` the number {id}; CLIP's end at 49407", quote::quoted(token)));
    }
    let number = |letter: String| {
        ids.get(&letter).copied().ok_or_else(|| {
            format!(
                "it has no `{letter}`, one of the letters that words are made of; fetch the tokenizer again"
            )
        })
    };
    letters.map(number).collect()
}

/// What is wrong with the merges, by the tokens that they make, as a sentence about `merges.txt`: every token of several
/// letters must come out of one.
pub(super) fn of_merges(ids: &HashMap<String, u32>, merges: &[(&str, u32)]) -> Result<(), String> {
    let made: HashSet<&str> = merges.iter().map(|(token, _)| *token).collect();
    let is_orphan = |token: &&String| {
        let word = token.strip_suffix(END_OF_WORD).unwrap_or(token);
        // Tokens that were added later stand in brackets, and are found as they are.
        let is_special = token.starts_with('<') && token.ends_with('>') && !token.ends_with(END_OF_WORD);
        word.chars().nth(1).is_some() && !is_special && !made.contains(token.as_str())
    };
    let orphans = || ids.keys().filter(is_orphan);
    let Some(first) = orphans().min_by_key(|token| ids[*token]) else { return Ok(()) };
    Err(format!(
        "its {} pairs do not make {} of the tokens in vocab.json, `{}` the first; it is cut off, or belongs to \
         another vocabulary: fetch the tokenizer again",
        merges.len(),
        orphans().count(),
        quote::quoted(first)
    ))
}
