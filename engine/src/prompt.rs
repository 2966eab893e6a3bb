//! What people write into prompts for other programs, and what is read as plain words here: weights, tags, choices.
//!
//! Prompts are long at times, and hostile at others: a prompt is passed over once, and nothing looks back further than
//! a weight is long.

use crate::message::{Message, Setting};

/// Characters of what was found that are quoted.
const QUOTED: usize = 40;

/// Bytes of the longest weight with its colon: `: -1.30000000000000004 `.
const WEIGHT: usize = 32;

/// From here on a number is a weight only if it follows its colon closely, as in prose it does not.
const GREAT: f32 = 10.0;

/// No one means a weight as great as this.
const GREATEST: f32 = 100.0;

/// Bytes of the longest name of a tag.
const TAG: usize = 20;

/// A kind of syntax that is not read, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// `(word:1.3)`, `((word))`, `{{word}}`, `(word)++`, `word++`, `"two words"--`
    Weight,
    /// `[word]`, `[from:to:0.5]`
    Bracket,
    /// `<lora:name:0.8>`
    Lora,
    /// `<hypernet:name:1>`
    Hypernet,
    /// `embedding:name`
    Embedding,
    /// `BREAK`
    Break,
    /// `AND`
    And,
    /// `{a|b}`
    Choice,
    /// `__name__`
    Wildcard,
    /// `\(`
    Escape,
    /// `<segment:face>`
    Tag,
}

const ALL: [Syntax; 11] = [
    Syntax::Weight,
    Syntax::Bracket,
    Syntax::Lora,
    Syntax::Hypernet,
    Syntax::Embedding,
    Syntax::Break,
    Syntax::And,
    Syntax::Choice,
    Syntax::Wildcard,
    Syntax::Escape,
    Syntax::Tag,
];

impl Syntax {
    /// What becomes of it, behind a colon.
    fn becomes(self) -> &'static str {
        match self {
            Self::Weight => "weights are not supported, they are read as plain words",
            Self::Bracket => "brackets are not supported, they are read as plain words",
            Self::Lora => "no LoRA is applied, this is read as plain words",
            Self::Hypernet => "no hypernetwork is applied, this is read as plain words",
            Self::Embedding => "no embedding is loaded, this is read as plain words",
            Self::Break => "prompts are not broken into parts, this is read as a plain word",
            Self::And => "prompts are not combined, this is read as a plain word",
            Self::Choice => "nothing is chosen, this is read as plain words",
            Self::Wildcard => "no wildcard is filled in, this is read as plain words",
            Self::Escape => "nothing needs a backslash, it is read as a character",
            Self::Tag => "tags are not supported, this is read as plain words",
        }
    }
}

/// A sentence for each kind of syntax in a prompt that is read as plain words.
#[must_use]
pub fn unread(setting: Setting, prompt: &str) -> Vec<Message> {
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
        Message::of(setting).text(format!(" has `{quoted}{more}`: {}", syntax.becomes()))
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
            "BREAK" if !shouts => see(Syntax::Break, bare, start),
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
    let (mut round, mut square, mut curly, mut angle, mut wide) = (vec![], None, None, None, None);
    let mut at = 0;
    while at < bytes.len() {
        let whole = |start: usize| &prompt[start..=at];
        match bytes[at] {
            b'\\' if matches!(bytes.get(at + 1), Some(b'(' | b')' | b'[' | b']')) => {
                see(Syntax::Escape, &prompt[at..at + 2], at);
                at += 1;
            }
            b'(' => round.push(at),
            b')' => {
                if let Some(start) = round.pop()
                    && (is_weighted(prompt, start, at) || bytes.get(start + 1) == Some(&b'('))
                {
                    see(Syntax::Weight, whole(start), start);
                }
            }
            b'[' => square = square.or(Some(at)),
            b']' => square
                .take()
                .filter(|start| start + 1 < at)
                .into_iter()
                .for_each(|start| see(Syntax::Bracket, whole(start), start)),
            b'{' => curly = Some(at),
            b'}' => {
                if let Some(start) = curly.take()
                    && let Some((syntax, more)) = in_curly(prompt, start, at)
                {
                    see(syntax, &prompt[start - more..=at + more], start - more);
                }
            }
            b'<' => angle = Some(at),
            b'>' => {
                if let Some(start) = angle.take()
                    && let Some(syntax) = tag(&prompt[start + 1..at])
                {
                    see(syntax, whole(start), start);
                }
            }
            // The first byte of what is as wide as a Chinese character.
            0xef if prompt[at..].starts_with('（') => wide = Some(at),
            0xef if prompt[at..].starts_with('）') => {
                if let Some(start) = wide.take()
                    && ends_in_weight(prompt, start + '（'.len_utf8(), at)
                {
                    see(Syntax::Weight, &prompt[start..at + '）'.len_utf8()], start);
                }
            }
            _ => {}
        }
        at += 1;
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

/// Whether round brackets end in a weight, or are followed by one: `(word:1.3)`, `(word)1.3`, `(word)^1.3`,
/// `(word)++`.
fn is_weighted(prompt: &str, start: usize, end: usize) -> bool {
    let behind = &prompt.as_bytes()[end + 1..];
    let followed = match behind.strip_prefix(b"^").unwrap_or(behind) {
        [b'+', ..] | [b'-', b'-', ..] => true,
        [digit, b'.', ..] => digit.is_ascii_digit(),
        _ => false,
    };
    followed || ends_in_weight(prompt, start + 1, end)
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
        "lora" | "lyco" | "lycoris" | "locon" | "loha" | "lokr" | "dora" | "oft" => Some(Syntax::Lora),
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

    fn told(prompt: &str) -> Vec<String> {
        unread(Setting::Prompt, prompt).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_kind_of_syntax_is_told_once_with_what_was_found() {
        let cases = [
            ("a (red:1.3) circle, (blue:0.5) sky", "`(red:1.3)`: weights"),
            ("a ( red circle : -1 )", "`( red circle : -1 )`: weights"),
            ("((masterpiece)), ((best))", "`((masterpiece))`: weights"),
            ("a (very (red:1.2)) circle", "`(red:1.2)`: weights"),
            ("a (fluffy cat)++", "`(fluffy cat)`: weights"),
            ("a (fluffy cat)1.3", "`(fluffy cat)`: weights"),
            ("a fluffy++ cat", "`fluffy++`: weights"),
            ("a [dark] sky, [cat|dog]", "`[dark]`: brackets"),
            ("a cat <lora:x:0.8>, <lora:y:1>", "`<lora:x:0.8>`: no LoRA is applied"),
            ("a cat <LyCO:x:0.8>", "`<LyCO:x:0.8>`: no LoRA is applied"),
            ("a cat <hypernet:x:1>", "`<hypernet:x:1>`: no hypernetwork"),
            ("a cat, embedding:easynegative", "`embedding:easynegative`: no embedding"),
            ("a cat BREAK a dog", "`BREAK`: prompts are not broken"),
            ("a cat, BREAK, a dog", "`BREAK`: prompts are not broken"),
            ("a cat AND a dog AND a cow", "`AND`: prompts are not combined"),
            ("a {red|blue} cat", "`{red|blue}`: nothing is chosen"),
            ("a __colour__ cat", "`__colour__`: no wildcard"),
            ("赤い丸 BREAK 青い空", "`BREAK`: prompts are not broken"),
            ("赤い丸、BREAK、青い空", "`BREAK`: prompts are not broken"),
            ("红圆 AND 蓝天", "`AND`: prompts are not combined"),
            ("a <lokr:x:1> cat", "`<lokr:x:1>`: no LoRA is applied"),
            ("a <oft:x:1> cat", "`<oft:x:1>`: no LoRA is applied"),
            ("a <lycoris:x:1> cat", "`<lycoris:x:1>`: no LoRA is applied"),
            ("a <hn:x> cat", "`<hn:x>`: no hypernetwork"),
            ("a <wildcard:x> cat", "`<wildcard:x>`: no wildcard"),
            ("a <random:1,2> cat", "`<random:1,2>`: tags are not supported"),
            ("a cat <segment:face>", "`<segment:face>`: tags are not supported"),
            ("a (cat:15)", "`(cat:15)`: weights"),
            ("a (cat:1.30000000000001)", "`(cat:1.30000000000001)`: weights"),
            ("红（圆：1.3）", "`（圆：1.3）`: weights"),
            ("红（圆:1.3）", "`（圆:1.3）`: weights"),
            ("红(圆：1.3)", "`(圆：1.3)`: weights"),
            ("a \"fluffy cat\"++ here", "`cat\"++`: weights"),
            ("a \"fluffy cat\"--", "`cat\"--`: weights"),
            ("a fluffy-- cat", "`fluffy--`: weights"),
            ("a {{fluffy}} cat", "`{{fluffy}}`: weights"),
            ("a (fluffy cat)^1.2", "`(fluffy cat)`: weights"),
            (r"saber \(fate\)", r"`\(`: nothing needs a backslash"),
        ];
        for (prompt, want) in cases {
            let told = told(prompt);
            assert_eq!(told.len(), 1, "{prompt}: {told:?}");
            assert!(told[0].starts_with("the prompt has ") && told[0].contains(want), "{prompt}: {told:?}");
        }
        let several = told("(a:1.2) [b] <lora:c:1> BREAK d (e:1.2)");
        assert_eq!(several.len(), 4, "{several:?}");
        let negative = unread(Setting::Negative, "[x]")[0].named(|_| "`negative_prompt`".into());
        assert_eq!(
            negative,
            "`negative_prompt` has `[x]`: brackets are not supported, they are read as plain words"
        );
    }

    #[test]
    fn plain_words_and_brackets_are_not_told() {
        for prompt in [
            "",
            "a cat (orange)",
            "a cat (orange) and a dog (brown, with spots)",
            "a screen (16:9), 3:2",
            "a book: volume 1 (of 2)",
            "(at 10:30)",
            "a C++ book, g++",
            "bread and butter, sand, AND-gate",
            "A CAT AND A DOG",
            "1 < 2 > 0, a <b> c, <3",
            "smile :) :( ;-)",
            "snake_case, __init",
            "{one}",
            "[]",
            "BREAKFAST on a table",
            "embedding: a jewel",
            "日本語（赤い丸）",
            "日本語（16：9）、（笑）",
            "日本語 CG",
            "(open at 10:30), (John 3:16)",
            "a label (price: 15), (15.99 or $5.99)",
            "(born: 1990)",
            "a cat -- and a dog--here, 1990--, 1990--1995",
            "a cat --ar 16:9",
            "(^_^) (o_o) >:( <3 :> (:3)",
            "(a + b)^2",
            "a \"fluffy\" cat, \"a\" - b",
            "see <https://example.com>, a < b: c > d",
            "{{}} {one} {}",
            "a \\ b",
        ] {
            assert_eq!(told(prompt), [""; 0], "{prompt}");
        }
    }

    #[test]
    fn long_and_hostile_prompts_are_passed_over_once() {
        for piece in [
            "(",
            ")",
            "((x:1))",
            "[",
            "{|",
            "<lora:",
            "\\(",
            "é:1)",
            "__",
            "+",
            "embedding:é ",
            "（1：",
            "：1）",
            "{{",
        ] {
            let told = told(&piece.repeat((1 << 20) / piece.len()));
            assert!(told.iter().all(|told| told.chars().count() < 200), "{piece}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_prompt_is_read(prompt in r#"([(){}<>（）：\[\]:|_+\\é 1.A^"-]|lora|BREAK|embedding:){0,40}"#) {
            let _ = told(&prompt);
        }
    }
}
