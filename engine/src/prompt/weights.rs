//! Brackets: `(word)` weighs 1.1 times as much, `[word]` as much less, `(word:1.3)` what it says; `\(` is a character.
//! `BREAK` begins a new chunk.
//!
//! Round and square brackets are matched each among themselves, and what is never closed reaches to the end, as
//! AUTOMATIC1111 has it. Unlike there, `BREAK` is also read within brackets.

use super::note;
use crate::tokens::Span;

/// What a pair of brackets without a number does.
const STEP: f64 = 1.1;

/// Brackets in brackets that are read; with more of one kind a weight would be beyond all bounds.
const DEEPEST: usize = 64;

/// Stretches with weights of their own: many times the tokens that are read. What follows is as heavy as the last of them.
const MOST: usize = 16_384;

/// Weights end here: embeddings stay finite.
const GREATEST: f64 = 100.0;

/// What one pair of brackets does at the most: with as many as are read, products stay finite.
const STRONGEST: f64 = 1e4;

/// From here on a weight is mentioned, for few pictures bear it: `(16:9)` is one of 9.
const GREAT: f64 = 3.0;

/// Bytes around what is quoted.
const AROUND: usize = 40;

/// Text without its brackets, and what each stretch of it weighs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighted {
    text: String,
    stretches: Vec<Stretch>,
}

#[derive(Debug, Clone, PartialEq)]
struct Stretch {
    /// Where it ends in the text; it begins where the one before ends.
    end: usize,
    /// Whether a new chunk begins with it.
    breaks: bool,
    weight: f64,
}

impl Weighted {
    /// A text in which nothing is read.
    pub(super) fn plain(text: &str) -> Self {
        let stretch = Stretch { end: text.len(), breaks: false, weight: 1.0 };
        Self { text: text.to_owned(), stretches: vec![stretch] }
    }

    /// The text's brackets and breaks, with what is to be said of them.
    pub(super) fn read(text: &str) -> (Self, Vec<String>) {
        let mut reader = Reader::default();
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            at += reader.take(&text[at..], first);
        }
        let mut notes = vec![];
        if let Some(at) = reader.open_end() {
            let bracket = &text[at..=at];
            let what = format!(
                "this bracket is not closed, so all that follows has another weight; write `\\{bracket}` where the \
                 character is meant"
            );
            notes.push(note(excerpt(text, at), &what));
        }
        let mut weighted = reader.weighted;
        notes.extend(weighted.bound());
        weighted.stretches.dedup_by(|next, last| {
            let joins = !next.breaks && next.weight == last.weight;
            if joins {
                last.end = next.end;
            }
            joins
        });
        (weighted, notes)
    }

    /// Stretches of the text, none of them empty, and the breaks between them.
    pub(super) fn parts(&self) -> impl Iterator<Item = Span<'_>> {
        let starts = std::iter::once(0).chain(self.stretches.iter().map(|stretch| stretch.end));
        self.stretches.iter().zip(starts).flat_map(|(stretch, start)| {
            let text = &self.text[start..stretch.end];
            let words = Span::Words { text, weight: stretch.weight as f32 };
            [stretch.breaks.then_some(Span::Break), (!text.is_empty()).then_some(words)].into_iter().flatten()
        })
    }

    /// Keeps every weight within its bounds.
    fn bound(&mut self) -> Option<String> {
        let mut great = None;
        let mut start = 0;
        for stretch in &mut self.stretches {
            let end = stretch.end;
            if stretch.weight.abs() > GREAT && start < end {
                great = great.or(Some((start, end, stretch.weight)));
            }
            stretch.weight = stretch.weight.clamp(-GREATEST, GREATEST);
            start = end;
        }
        let (start, end, weight) = great?;
        let becomes = match weight.abs() > GREATEST {
            true => format!("its weight is taken as {}", weight.clamp(-GREATEST, GREATEST)),
            false => format!("it has a weight of {}", (weight * 1000.0).round() / 1000.0),
        };
        let advice = "few pictures tolerate more than 1.5; write `\\(` and `\\)` where brackets are meant";
        Some(note(&self.text[start..end], &format!("{becomes}; {advice}")))
    }
}

/// Brackets of one kind that are open.
#[derive(Debug, Default)]
struct Open {
    /// The stretch that each begins with, and where it stands in the text as it was written.
    places: Vec<(usize, usize)>,
    /// How many more are open, too deep to be read.
    deeper: usize,
}

impl Open {
    fn push(&mut self, place: (usize, usize)) {
        match self.places.len() < DEEPEST {
            true => self.places.push(place),
            false => self.deeper += 1,
        }
    }

    fn is_any(&self) -> bool {
        !self.places.is_empty()
    }

    /// The stretch that the last of them begins with; `None` where it is not read.
    fn pop(&mut self) -> Option<usize> {
        match self.deeper {
            0 => self.places.pop().map(|(stretch, _)| stretch),
            _ => {
                self.deeper -= 1;
                None
            }
        }
    }
}

/// The text so far.
#[derive(Debug)]
struct Reader {
    weighted: Weighted,
    round: Open,
    square: Open,
    /// Whether a bracket stands between the last stretch and what follows.
    cut: bool,
    /// Bytes of the written text that were taken.
    taken: usize,
}

impl Default for Reader {
    fn default() -> Self {
        let weighted = Weighted { text: String::new(), stretches: vec![] };
        Self { weighted, round: Open::default(), square: Open::default(), cut: true, taken: 0 }
    }
}

impl Reader {
    /// Takes what `rest` begins with, and says how many bytes that is.
    fn take(&mut self, rest: &str, first: char) -> usize {
        let length = match first {
            '\\' => self.escape(rest),
            '(' | '[' => self.open(first),
            ')' | ':' if self.round.is_any() => match closing(rest) {
                Some((factor, length)) => self.close(length, factor, true),
                None => self.push(&rest[..1], false),
            },
            ']' if self.square.is_any() => self.close(1, 1.0 / STEP, false),
            ':' | ')' | ']' => self.push(&rest[..1], false),
            _ => {
                let end = rest.find(['\\', '(', ')', '[', ']', ':']).unwrap_or(rest.len());
                self.words(&rest[..end])
            }
        };
        self.taken += length;
        length
    }

    /// `\(` is a bracket, `\\` a backslash, and one alone is nothing.
    fn escape(&mut self, rest: &str) -> usize {
        match rest.as_bytes().get(1) {
            Some(b'(' | b')' | b'[' | b']' | b'\\') => {
                self.push(&rest[1..2], false);
                2
            }
            _ => 1,
        }
    }

    fn open(&mut self, bracket: char) -> usize {
        let place = (self.weighted.stretches.len(), self.taken);
        match bracket {
            '(' => self.round.push(place),
            _ => self.square.push(place),
        }
        self.cut = true;
        1
    }

    /// Closes a bracket with `length` bytes; what it holds weighs `factor` times as much.
    fn close(&mut self, length: usize, factor: f64, is_round: bool) -> usize {
        let open = if is_round { &mut self.round } else { &mut self.square };
        if let Some(first) = open.pop() {
            self.weigh(first, factor);
        }
        length
    }

    fn weigh(&mut self, first: usize, factor: f64) {
        self.weighted.stretches[first..].iter_mut().for_each(|stretch| stretch.weight *= factor);
        self.cut = true;
    }

    /// Words between brackets, which may hold breaks.
    fn words(&mut self, words: &str) -> usize {
        let mut rest = words;
        let mut breaks = false;
        while let Some(at) = find_break(rest) {
            self.push(rest[..at].trim_end(), breaks);
            rest = rest[at + BREAK.len()..].trim_start();
            breaks = true;
        }
        self.push(rest, breaks);
        words.len()
    }

    fn push(&mut self, text: &str, breaks: bool) -> usize {
        self.weighted.text.push_str(text);
        let end = self.weighted.text.len();
        let is_full = self.weighted.stretches.len() == MOST;
        match self.weighted.stretches.last_mut() {
            Some(last) if is_full || !(breaks || self.cut) => last.end = end,
            _ => self.weighted.stretches.push(Stretch { end, breaks, weight: 1.0 }),
        }
        self.cut = false;
        text.len()
    }

    /// Brackets that nobody closed reach to the end; where the first of them stands.
    fn open_end(&mut self) -> Option<usize> {
        let round = std::mem::take(&mut self.round.places);
        let square = std::mem::take(&mut self.square.places);
        round.iter().for_each(|(first, _)| self.weigh(*first, STEP));
        square.iter().for_each(|(first, _)| self.weigh(*first, 1.0 / STEP));
        let count = self.weighted.stretches.len();
        round.iter().chain(&square).filter(|(first, _)| *first < count).map(|(_, at)| *at).min()
    }
}

const BREAK: &str = "BREAK";

/// Where the first `BREAK` stands that is a word of its own.
fn find_break(text: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(BREAK).map(|(at, _)| at).find(|&at| {
        let (before, behind) = (text[..at].chars().next_back(), text[at + BREAK.len()..].chars().next());
        !before.is_some_and(is_word) && !behind.is_some_and(is_word)
    })
}

/// What a round bracket that closes here does to its words, and its bytes: `)` or `: 1.3 )`. Anything else closes
/// none: `:1.2.3)`, `:one)`.
fn closing(rest: &str) -> Option<(f64, usize)> {
    if rest.starts_with(')') {
        return Some((STEP, 1));
    }
    let spaced = rest[1..].trim_start();
    let digits = spaced.strip_prefix(['+', '-']).unwrap_or(spaced);
    let digits = digits.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let behind = digits.trim_start().strip_prefix(')')?;
    let number: f64 = spaced[..spaced.len() - digits.len()].parse().ok()?;
    Some((number.clamp(-STRONGEST, STRONGEST), rest.len() - behind.len()))
}

/// What stands at a place, and a little of what follows.
fn excerpt(text: &str, at: usize) -> &str {
    let end = (at + 1..=(at + AROUND).min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[at..end.unwrap_or(text.len())]
}
