//! Tokens and how words merge into them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use bytes::Bytes;

use super::alphabet::{END_OF_WORD, byte_alphabet, letters};
use super::table::{self, Merge, NUMBERS};
use super::{BEGIN, END, fail, parse, whole};
use crate::weights::{TokenizerFiles, instead_of_lines};
use crate::{Result, quote};

/// CLIP's own, as the build script prepared it.
static CLIP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/clip.vocabulary"));

/// A vocabulary, in the form of [`table`]. Clones are cheap.
#[derive(Clone)]
pub(super) struct Vocabulary(Bytes);

impl Vocabulary {
    /// That of these files, checked.
    pub(super) fn read(files: &TokenizerFiles) -> Result<Self> {
        if files.are_clips_own() {
            return Ok(Self(Bytes::from_static(CLIP)));
        }
        Self::prepare(files)
    }

    /// The same whatever was prepared before.
    fn prepare(files: &TokenizerFiles) -> Result<Self> {
        let ids: HashMap<String, u32> = parse(files, "vocab.json", &files.vocab)?;
        if let Some(token) = [END, BEGIN].iter().find(|token| !ids.contains_key(**token)) {
            return Err(fail(files, "vocab.json", &format!("it has no `{token}`; is it CLIP's?")));
        }
        if let Some(what) = instead_of_lines(&files.merges).filter(|_| !files.merges.is_empty()) {
            return Err(fail(files, "merges.txt", &what));
        }
        let merges = merges(files)?;
        let broken = |what: &str| fail(files, "merges.txt", what);
        let made = products(&ids, &merges).map_err(|what| broken(&what))?;
        let letters = whole::of_tokens(&ids, letters()).map_err(|what| fail(files, "vocab.json", &what))?;
        whole::of_merges(&ids, &made).map_err(|what| broken(&what))?;
        let parts = merges.iter().map(|(left, right)| Some([*ids.get(*left)?, *ids.get(*right)?]));
        let rows = parts.zip(&merges).zip(&made).map(|((parts, (left, right)), (_, made))| {
            let [left, right] = parts.ok_or_else(|| {
                let pair = quote::quoted(&format!("{left} {right}"));
                broken(&format!("merges `{pair}`, and vocab.json does not have both of them"))
            })?;
            Ok([left, right, *made])
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let marks = [ids[BEGIN], ids[END]];
        let numbers: Vec<u32> = letters.into_iter().chain(marks).collect();
        let numbers = numbers.try_into().expect("two letters for every byte, and two marks");
        Ok(Self(table::table(numbers, &rows).into()))
    }

    pub(super) fn begin(&self) -> u32 {
        table::number(&self.0, NUMBERS - 2)
    }

    pub(super) fn end(&self) -> u32 {
        table::number(&self.0, NUMBERS - 1)
    }

    /// The token of a byte, within a word or at its end.
    pub(super) fn letter(&self, byte: u8, is_last: bool) -> u32 {
        table::number(&self.0, usize::from(byte) + if is_last { 256 } else { 0 })
    }

    /// The number of any token of these files, which this vocabulary is of. Marks and letters are at hand; for others
    /// the file is read.
    pub(super) fn number(&self, files: &TokenizerFiles, token: &str) -> Result<Option<u32>> {
        match token {
            BEGIN => return Ok(Some(self.begin())),
            END => return Ok(Some(self.end())),
            _ => {}
        }
        let (letter, is_last) =
            token.strip_suffix(END_OF_WORD).map_or((token, false), |letter| (letter, true));
        let mut letters = letter.chars();
        if let (Some(letter), None) = (letters.next(), letters.next())
            && let Some(byte) = byte_alphabet().iter().position(|known| *known == letter)
        {
            return Ok(Some(self.letter(byte as u8, is_last)));
        }
        let ids: HashMap<String, u32> = parse(files, "vocab.json", &files.vocab)?;
        Ok(ids.get(token).copied())
    }

    /// The tokens of a word, given as its bytes: of all neighbours those merge first whose merge is the strongest, of
    /// equals the first.
    pub(super) fn push(&self, word: &[u8], tokens: &mut Vec<u32>) {
        let last = word.len().saturating_sub(1);
        let letters = word.iter().enumerate().map(|(at, byte)| self.letter(*byte, at == last));
        let mut row = Row::new(letters.collect());
        let merge_at = |row: &Row, at: usize| {
            let (left, right) = row.pair(at)?;
            table::merge(&self.0, left, right)
        };
        let mut waiting = BinaryHeap::new();
        let first = (0..last).filter_map(|at| Some(Reverse((merge_at(&row, at)?.rank, at))));
        waiting.extend(first);
        while let Some(Reverse((rank, at))) = waiting.pop() {
            // What stood there may have merged with others meanwhile.
            let Some(Merge { made, .. }) = merge_at(&row, at).filter(|merge| merge.rank == rank) else {
                continue;
            };
            row.merge(at, made);
            let changed = [row.before(at), Some(at)].into_iter().flatten();
            waiting.extend(changed.filter_map(|at| Some(Reverse((merge_at(&row, at)?.rank, at)))));
        }
        tokens.extend(row.tokens());
    }
}

/// Tokens beside each other. One that merged into its left neighbour leaves a gap.
struct Row {
    tokens: Vec<u32>,
    /// Where the next one stands; the length behind the last.
    next: Vec<usize>,
    /// Where the one before stands; the length before the first.
    before: Vec<usize>,
    /// Whether there is a gap.
    gone: Vec<bool>,
}

impl Row {
    fn new(tokens: Vec<u32>) -> Self {
        let length = tokens.len();
        let before = (0..length).map(|at| if at == 0 { length } else { at - 1 }).collect();
        Self { tokens, next: (1..=length).collect(), before, gone: vec![false; length] }
    }

    /// The token that stands there, and its right neighbour.
    fn pair(&self, at: usize) -> Option<(u32, u32)> {
        let right = *self.tokens.get(self.next[at])?;
        (!self.gone[at]).then_some((self.tokens[at], right))
    }

    fn before(&self, at: usize) -> Option<usize> {
        Some(self.before[at]).filter(|at| *at < self.tokens.len())
    }

    /// Puts `made` in the place of a token and its right neighbour.
    fn merge(&mut self, at: usize, made: u32) {
        let right = self.next[at];
        self.tokens[at] = made;
        self.gone[right] = true;
        self.next[at] = self.next[right];
        if let Some(before) = self.before.get_mut(self.next[at]) {
            *before = at;
        }
    }

    fn tokens(&self) -> impl Iterator<Item = u32> {
        self.tokens.iter().zip(&self.gone).filter(|(_, gone)| !**gone).map(|(token, _)| *token)
    }
}

/// What each merge makes: the token and its number.
fn products<'a>(
    ids: &'a HashMap<String, u32>,
    merges: &[(&str, &str)],
) -> std::result::Result<Vec<(&'a str, u32)>, String> {
    let mut whole = String::new();
    let product = |(left, right): &(&str, &str)| {
        whole.clear();
        whole.push_str(left);
        whole.push_str(right);
        ids.get_key_value(&whole).map(|(token, id)| (&**token, *id)).ok_or_else(|| {
            let pair = quote::quoted(&format!("{left} {right}"));
            format!("makes a token of `{pair}` that vocab.json does not have")
        })
    };
    merges.iter().map(product).collect()
}

/// `merges.txt`: a version line, then a pair of tokens a line, the strongest first.
fn merges(files: &TokenizerFiles) -> Result<Vec<(&str, &str)>> {
    let text = std::str::from_utf8(&files.merges).map_err(|e| fail(files, "merges.txt", &e.to_string()))?;
    let text = text.trim_start_matches('\u{feff}');
    let version = |(i, line): &(usize, &str)| *i == 0 && line.starts_with("#version");
    let lines = text.lines().enumerate().filter(|line| !version(line) && !line.1.is_empty());
    let mut pairs = vec![];
    for (i, line) in lines {
        let pair = line.split_once(' ').ok_or_else(|| {
            let what = format!("line {} is not two tokens: `{}`", i + 1, quote::quoted(line));
            fail(files, "merges.txt", &what)
        })?;
        pairs.push(pair);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::Model as _;
    use tokenizers::models::bpe::BPE;

    use super::*;
    use crate::weights::Part;

    #[test]
    fn what_the_build_script_prepared_is_what_the_files_say() {
        let files = TokenizerFiles::clip(Part::TextEncoder);
        assert!(files.are_clips_own());
        let prepared = Vocabulary::prepare(&files).unwrap();
        assert!(prepared.0 == CLIP, "the table of the build script and that of its files differ");
    }

    #[test]
    fn marks_letters_and_other_tokens_have_the_numbers_of_the_file() {
        let files = TokenizerFiles::clip(Part::TextEncoder);
        let vocabulary = Vocabulary::read(&files).unwrap();
        for (token, id) in
            [(BEGIN, 49406), (END, 49407), ("!", 0), ("!</w>", 256), ("a</w>", 320), ("cat</w>", 2368)]
        {
            assert_eq!(vocabulary.number(&files, token).unwrap(), Some(id), "{token}");
        }
        assert_eq!(vocabulary.number(&files, "no such token").unwrap(), None);
    }

    /// The merging of the `tokenizers` crate, which transformers uses.
    fn peer() -> BPE {
        let files = TokenizerFiles::clip(Part::TextEncoder);
        let vocab: HashMap<String, u32> = parse(&files, "vocab.json", &files.vocab).unwrap();
        let pairs =
            merges(&files).unwrap().into_iter().map(|(left, right)| (left.to_owned(), right.to_owned()));
        BPE::builder()
            .vocab_and_merges(vocab.into_iter().collect::<tokenizers::models::bpe::Vocab>(), pairs.collect())
            .unk_token(END.into())
            .end_of_word_suffix(END_OF_WORD.into())
            .build()
            .unwrap()
    }

    #[test]
    fn words_merge_as_the_tokenizers_crate_merges_them() {
        let (peer, alphabet) = (peer(), byte_alphabet());
        let vocabulary = Vocabulary::read(&TokenizerFiles::clip(Part::TextEncoder)).unwrap();
        let word = prop_oneof!["[a-z]{0,40}", "(a|aa|aaa|ha|the|ing|er|s){0,60}", any::<String>()];
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 2000,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let same = runner.run(&word, |word| {
            let spelled: String = word.bytes().map(|byte| alphabet[usize::from(byte)]).collect();
            let expected: Vec<u32> = peer.tokenize(&spelled).unwrap().iter().map(|token| token.id).collect();
            let mut tokens = vec![];
            vocabulary.push(word.as_bytes(), &mut tokens);
            prop_assert_eq!(tokens, expected);
            Ok(())
        });
        same.unwrap();
    }
}
