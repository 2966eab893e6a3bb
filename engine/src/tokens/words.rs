//! A prompt's words as CLIP cuts them: special tokens first, then NFC, lowercase, a pattern.

use std::sync::LazyLock;

use tokenizers::NormalizedString;
use tokenizers::utils::SysRegex;

/// The special tokens, English endings, letters, single digits, and runs of all else.
const PATTERN: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

static WORDS: LazyLock<SysRegex> =
    LazyLock::new(|| SysRegex::new(PATTERN).expect("the pattern is a constant, and tested"));

/// A token that is found as it stands, and its id.
pub(super) struct Special {
    pub(super) text: String,
    pub(super) id: u32,
    /// Looked for after NFC and lowercase rather than before.
    pub(super) normalized: bool,
}

/// What a prompt falls into.
#[derive(Clone, Copy)]
pub(super) enum Piece<'a> {
    /// A special token's id.
    Special(u32),
    /// A word, as its bytes.
    Word(&'a [u8]),
}

/// Cuts text into pieces.
pub(super) struct PreTokenizer {
    special: Vec<Special>,
}

impl PreTokenizer {
    pub(super) fn new(special: Vec<Special>) -> Self {
        Self { special }
    }

    /// The pieces of a text without white space, in order.
    pub(super) fn each(&self, text: &str, mut take: impl FnMut(Piece<'_>)) {
        for raw in self.cut(text, false) {
            let raw = match raw {
                Cut::Special(id) => {
                    take(Piece::Special(id));
                    continue;
                }
                Cut::Text(raw) => raw,
            };
            let mut normal = NormalizedString::from(raw);
            normal.nfc().lowercase();
            for part in self.cut(normal.get(), true) {
                match part {
                    Cut::Special(id) => take(Piece::Special(id)),
                    Cut::Text(part) => self.each_word(part, &mut take),
                }
            }
        }
    }

    fn each_word(&self, text: &str, take: &mut impl FnMut(Piece<'_>)) {
        for (start, end) in WORDS.find_iter(text) {
            take(Piece::Word(&text.as_bytes()[start..end]));
        }
    }

    /// Text between special tokens, and them.
    fn cut<'a>(&self, mut text: &'a str, normalized: bool) -> Vec<Cut<'a>> {
        let mut cuts = Vec::new();
        while !text.is_empty() {
            let wanted = self.special.iter().filter(|special| special.normalized == normalized);
            let found = wanted.filter_map(|s| text.find(&s.text).map(|at| (at, s))).min_by_key(|(at, _)| *at);
            let Some((at, special)) = found else {
                cuts.push(Cut::Text(text));
                break;
            };
            if at > 0 {
                cuts.push(Cut::Text(&text[..at]));
            }
            cuts.push(Cut::Special(special.id));
            text = &text[at + special.text.len()..];
        }
        cuts
    }
}

enum Cut<'a> {
    Special(u32),
    Text(&'a str),
}
