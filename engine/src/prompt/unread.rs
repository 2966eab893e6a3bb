//! What people write into prompts for other programs, and what is read as plain words here: other programs' weights,
//! tags, choices. A prompt is passed over once, and nothing looks back further than a weight is long.

use std::collections::VecDeque;
use std::ops::Range;

/// Characters of what was found that are quoted.
const QUOTED: usize = 40;

/// Bytes of the longest weight with its colon: `: -1.30000000000000004 `.
const WEIGHT: usize = 32;

/// From here on a number is a weight only if it follows its colon closely, as in prose it does not.
const GREAT: f32 = 10.0;

/// No one means a weight as great as this.
const GREATEST: f32 = 100.0;

/// Round brackets in each other that are kept in mind, from the innermost.
const DEEPEST: usize = 64;

/// Bytes of the longest name of a tag.
const TAG: usize = 20;

/// A kind of syntax that is not read, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// `{{word}}`, `(word)++`, `word++`, `"two words"--`
    Weight,
    /// `[from:to:0.5]`, `[one|two]`
    Change,
    /// `<hypernet:name:1>`
    Hypernet,
    /// `embedding:name`
    Embedding,
    /// `AND`
    And,
    /// `{a|b}`
    Choice,
    /// `__name__`
    Wildcard,
    /// `<segment:face>`
    Tag,
}

const ALL: [Syntax; 8] = [
    Syntax::Weight,
    Syntax::Change,
    Syntax::Hypernet,
    Syntax::Embedding,
    Syntax::And,
    Syntax::Choice,
    Syntax::Wildcard,
    Syntax::Tag,
];

impl Syntax {
    /// What becomes of it, behind a colon.
    fn becomes(self) -> &'static str {
        match self {
            Self::Weight => "weights are read as in `(word:1.3)`, this is read as plain words",
            Self::Change => "words do not change from step to step, these are all read, with less weight",
            Self::Hypernet => "no hypernetwork is applied, this is read as plain words",
            Self::Embedding => "no embedding is loaded, this is read as plain words",
            Self::And => "prompts are not combined, this is read as a plain word",
            Self::Choice => "nothing is chosen, this is read as plain words",
            Self::Wildcard => "no wildcard is filled in, this is read as plain words",
            Self::Tag => "tags are not supported, this is read as plain words",
        }
    }
}

/// A sentence for each kind of syntax in a prompt that is read as plain words.
pub(super) fn notes(prompt: &str) -> Vec<String> {
    let mut found = [None; ALL.len()];
    let mut see = |syntax: Syntax, what: &str, at: usize| {
        let length = what.len();
        found[syntax as usize].get_or_insert((at, at + length));
    };
    look(prompt, &mut see);
    let told = ALL.into_iter().zip(found).filter_map(|(syntax, found)| Some((syntax, found?)));
    told.map(|(syntax, (start, end))| {
        let what = &prompt[start..end];
        let more = if what.chars().nth(QUOTED).is_some() { "…" } else { "" };
        let quoted: String =
            what.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!(" has `{quoted}{more}`: {}", syntax.becomes())
    })
    .collect()
}

/// Tells `see` what is found, and where.
fn look(prompt: &str, see: &mut dyn FnMut(Syntax, &str, usize)) {
    enclosed(prompt, see);
    // Someone who shouts means no operators; but not every script has small letters.
    let separates = |c: char| c.is_whitespace() || matches!(c, ',' | '，' | '、');
    let is_loud = |word: &str| !matches!(word, "BREAK" | "AND") && word.chars().any(char::is_uppercase);
    let shouts = !prompt.chars().any(char::is_lowercase) && prompt.split(separates).any(is_loud);
    let mut at = 0;
    for word in prompt.split(separates) {
        let bare = word.trim_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '+' | '-')));
        let start = at + word.find(bare).unwrap_or(0);
        match bare {
            "AND" if !shouts => see(Syntax::And, bare, start),
            _ if is_wildcard(bare) => see(Syntax::Wildcard, bare, start),
            _ if is_raised(bare) => see(Syntax::Weight, bare, start),
            _ if is_raised_quote(word) => see(Syntax::Weight, word, at),
            _ => {}
        }
        if let Some(place) = word.find("embedding:").filter(|place| word.len() > place + "embedding:".len()) {
            see(Syntax::Embedding, &word[place..], at + place);
        }
        at += word.len() + prompt[at + word.len()..].chars().next().map_or(0, char::len_utf8);
    }
}

/// What stands between brackets of any form.
fn enclosed(prompt: &str, see: &mut dyn FnMut(Syntax, &str, usize)) {
    let bytes = prompt.as_bytes();
    let mut open = OpenBrackets::default();
    let mut at = 0;
    while at < bytes.len() {
        let is_escape = bytes[at] == b'\\';
        if is_escape && matches!(bytes.get(at + 1), Some(b'(' | b')' | b'[' | b']' | b'\\')) {
            at += 1;
        } else if !open.begin(prompt, at)
            && let Some((syntax, place)) = open.end(prompt, at)
        {
            see(syntax, &prompt[place.clone()], place.start);
        }
        at += 1;
    }
}

/// Where brackets stand that were not closed yet.
#[derive(Default)]
struct OpenBrackets {
    round: VecDeque<usize>,
    square: Option<usize>,
    curly: Option<usize>,
    angle: Option<usize>,
    /// As wide as a Chinese character.
    wide: Option<usize>,
}

impl OpenBrackets {
    /// Whether a bracket opens here.
    fn begin(&mut self, prompt: &str, at: usize) -> bool {
        match prompt.as_bytes()[at] {
            b'(' => {
                self.round.push_back(at);
                if self.round.len() > DEEPEST {
                    self.round.pop_front();
                }
            }
            b'[' => self.square = self.square.or(Some(at)),
            b'{' => self.curly = Some(at),
            b'<' => self.angle = Some(at),
            0xef if prompt[at..].starts_with('（') => self.wide = Some(at),
            _ => return false,
        }
        true
    }

    /// What the brackets ask for that close here, and from where to where.
    fn end(&mut self, prompt: &str, at: usize) -> Option<(Syntax, Range<usize>)> {
        match prompt.as_bytes()[at] {
            b')' => {
                let start = self.round.pop_back()?;
                is_weighted(&prompt.as_bytes()[at + 1..]).then_some((Syntax::Weight, start..at + 1))
            }
            b']' => {
                let start = self.square.take()?;
                changes(prompt, start + 1, at).then_some((Syntax::Change, start..at + 1))
            }
            b'}' => {
                let start = self.curly.take()?;
                let (syntax, more) = in_curly(prompt, start, at)?;
                Some((syntax, start - more..at + 1 + more))
            }
            b'>' => {
                let start = self.angle.take()?;
                Some((tag(&prompt[start + 1..at])?, start..at + 1))
            }
            0xef if prompt[at..].starts_with('）') => {
                let start = self.wide.take()?;
                let is_weight = ends_in_weight(prompt, start + '（'.len_utf8(), at);
                is_weight.then_some((Syntax::Weight, start..at + '）'.len_utf8()))
            }
            _ => None,
        }
    }
}

/// What curly brackets ask for, and how many more of them stand on each side: a choice, or in pairs a weight.
fn in_curly(prompt: &str, start: usize, end: usize) -> Option<(Syntax, usize)> {
    let is_double = prompt[..start].ends_with('{') && prompt[end + 1..].starts_with('}') && end > start + 1;
    match prompt[start..end].contains('|') {
        true => Some((Syntax::Choice, 0)),
        false => is_double.then_some((Syntax::Weight, 1)),
    }
}

/// Whether what stands behind round brackets is a weight: `(word)1.3`, `(word)^1.3`, `(word)++`.
fn is_weighted(behind: &[u8]) -> bool {
    match behind.strip_prefix(b"^").unwrap_or(behind) {
        [b'+', ..] | [b'-', b'-', ..] => true,
        [digit, b'.', ..] => digit.is_ascii_digit(),
        _ => false,
    }
}

/// Whether square brackets ask for other words from some step on, or at every other one.
fn changes(prompt: &str, start: usize, end: usize) -> bool {
    let last = (end.saturating_sub(WEIGHT).max(start)..end).find(|at| prompt.is_char_boundary(*at));
    let is_step = |when: &str| when.trim().parse::<f32>().is_ok();
    prompt[start..end].contains('|')
        || last.and_then(|last| prompt[last..end].rsplit_once(':')).is_some_and(|(_, when)| is_step(when))
}

/// Whether what stands between two places ends in a colon, of either width, and a weight.
fn ends_in_weight(prompt: &str, start: usize, end: usize) -> bool {
    let last = (end.saturating_sub(WEIGHT).max(start)..end).find(|at| prompt.is_char_boundary(*at));
    let Some(last) = last else { return false };
    let Some((before, number)) = prompt[last..end].rsplit_once([':', '：']) else { return false };
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    // 16:9 is a shape, not a weight, and 10:30 a time.
    let is_ratio = last == start && before.bytes().all(|byte| is_digit(&byte));
    let follows_number = before.bytes().next_back().is_some_and(|byte| is_digit(&byte));
    let is_close = number.trim_start() == number && !follows_number;
    let most = if is_close { GREATEST } else { GREAT };
    !is_ratio && number.trim().parse::<f32>().is_ok_and(|weight| weight.abs() < most)
}

/// A word that is raised or lowered: `fluffy++`, `fluffy--`. Languages of that name have shorter words before it, and
/// years may have dashes behind them.
fn is_raised(word: &str) -> bool {
    let (up, down) = (word.trim_end_matches('+'), word.trim_end_matches('-'));
    let is_word = |plain: &str| {
        word.len() >= plain.len() + 2 && plain.len() > 1 && plain.chars().all(char::is_alphanumeric)
    };
    is_word(up) || is_word(down) && !down.bytes().all(|byte| byte.is_ascii_digit())
}

/// The last of several words that are raised or lowered: `cat"++`.
fn is_raised_quote(word: &str) -> bool {
    let quote = word.trim_end_matches(['+', '-']);
    word.len() >= quote.len() + 2 && quote.len() > 1 && quote.ends_with(['"', '”'])
}

/// `__name__`
fn is_wildcard(word: &str) -> bool {
    let name = word.strip_prefix("__").and_then(|word| word.strip_suffix("__"));
    name.is_some_and(|name| !name.is_empty())
}

/// What a tag in angle brackets asks for.
fn tag(tag: &str) -> Option<Syntax> {
    let (name, rest) = tag.split_once(':')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match name.trim().to_ascii_lowercase().as_str() {
        "hypernet" | "hn" => Some(Syntax::Hypernet),
        "embedding" | "ti" => Some(Syntax::Embedding),
        "wildcard" => Some(Syntax::Wildcard),
        // An address in angle brackets is none.
        _ if rest.is_empty() || rest.starts_with("//") || name.len() > TAG => None,
        _ => (name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_name))
            .then_some(Syntax::Tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_foreign_syntax_is_told_once_with_what_was_found() {
        let cases = [
            ("a (fluffy cat)++", "`(fluffy cat)`: weights"),
            ("a (fluffy cat)1.3", "`(fluffy cat)`: weights"),
            ("a (fluffy cat)^1.2", "`(fluffy cat)`: weights"),
            ("a fluffy++ cat", "`fluffy++`: weights"),
            ("a fluffy-- cat", "`fluffy--`: weights"),
            ("a \"fluffy cat\"++ here", "`cat\"++`: weights"),
            ("a \"fluffy cat\"--", "`cat\"--`: weights"),
            ("a {{fluffy}} cat", "`{{fluffy}}`: weights"),
            ("红（圆：1.3）", "`（圆：1.3）`: weights"),
            ("红（圆:1.3）", "`（圆:1.3）`: weights"),
            ("a [cat:dog:0.5]", "`[cat:dog:0.5]`: words do not change"),
            ("a [dog:10]", "`[dog:10]`: words do not change"),
            ("a [cat|dog]", "`[cat|dog]`: words do not change"),
            ("a cat <hypernet:x:1>", "`<hypernet:x:1>`: no hypernetwork"),
            ("a <hn:x> cat", "`<hn:x>`: no hypernetwork"),
            ("a cat, embedding:easynegative", "`embedding:easynegative`: no embedding"),
            ("a cat AND a dog AND a cow", "`AND`: prompts are not combined"),
            ("红圆 AND 蓝天", "`AND`: prompts are not combined"),
            ("a {red|blue} cat", "`{red|blue}`: nothing is chosen"),
            ("a __colour__ cat", "`__colour__`: no wildcard"),
            ("a <wildcard:x> cat", "`<wildcard:x>`: no wildcard"),
            ("a <random:1,2> cat", "`<random:1,2>`: tags are not supported"),
            ("a cat <segment:face>", "`<segment:face>`: tags are not supported"),
        ];
        for (prompt, want) in cases {
            let told = notes(prompt);
            assert_eq!(told.len(), 1, "{prompt}: {told:?}");
            assert!(told[0].starts_with(" has ") && told[0].contains(want), "{prompt}: {told:?}");
        }
        assert_eq!(notes("a++++ bb++ [c|d] <hn:x> __y__ [e|f]").len(), 4);
    }

    #[test]
    fn plain_words_and_what_is_read_are_not_told() {
        for prompt in [
            "",
            "a cat (orange) and a dog (brown, with spots)",
            "a (red:1.3) circle, ((masterpiece)), [dark] sky, (very (red:1.2))",
            "a screen (16:9), 3:2",
            "a book: volume 1 (of 2), [sic: thus]",
            "a C++ book, g++",
            "bread and butter, sand, AND-gate",
            "A CAT AND A DOG",
            "a cat BREAK a dog",
            r"saber \(fate\)++",
            "1 < 2 > 0, a <b> c, <3",
            "smile :) :( ;-)",
            "snake_case, __init",
            "{one}",
            "[]",
            "embedding: a jewel",
            "日本語（赤い丸）",
            "日本語（16：9）、（笑）",
            "日本語 CG",
            "a cat -- and a dog--here, 1990--, 1990--1995",
            "a cat --ar 16:9",
            "(^_^) (o_o) >:( <3 :> (:3)",
            "(a + b)^2",
            "see <https://example.com>, a < b: c > d",
            "{{}} {one} {}",
            "a \\ b",
        ] {
            assert_eq!(notes(prompt), [""; 0], "{prompt}");
        }
    }
}
