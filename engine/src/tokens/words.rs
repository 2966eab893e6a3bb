//! A prompt's words as CLIP cuts them: special tokens first, then NFC, lowercase, a pattern, and bytes as letters.

use tokenizers::NormalizedString;
use tokenizers::utils::SysRegex;

/// The special tokens, English endings, letters, single digits, and runs of all else.
const PATTERN: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

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
    /// A word in the alphabet of bytes.
    Word(&'a str),
}

/// Cuts text into pieces.
pub(super) struct PreTokenizer {
    special: Vec<Special>,
    pattern: SysRegex,
    /// The letter that stands for each byte.
    alphabet: [char; 256],
}

impl PreTokenizer {
    pub(super) fn new(special: Vec<Special>) -> tokenizers::Result<Self> {
        Ok(Self { special, pattern: SysRegex::new(PATTERN)?, alphabet: byte_alphabet() })
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
        for (start, end) in self.pattern.find_iter(text) {
            let word: String =
                text[start..end].bytes().map(|byte| self.alphabet[usize::from(byte)]).collect();
            take(Piece::Word(&word));
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

/// GPT-2's alphabet: bytes that are printable in Latin-1 stand for themselves, the others in order for the
/// letters from U+0100 on, so that a vocabulary of bytes is readable text.
pub(super) fn byte_alphabet() -> [char; 256] {
    let printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..);
    let mut others = '\u{100}'..;
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if printable(byte) {
            char::from(byte)
        } else {
            others.next().expect("there are far more letters than bytes")
        }
    })
}
