//! What `enhancePrompt` means here: words for detail follow the prompt, always the same ones.
//!
//! Services ask a language model for a longer prompt. Here the same request must make the same picture again, so the
//! expansion is fixed: the prompt, what was instructed, the words of the style, the words for detail. A text encoder
//! reads about 60 words. What comes last must be read all the same, for it was requested by name: where all together
//! is too long, the prompt gives way at its end.

use super::styles;
use crate::warning::Warning;

/// What is added to every prompt that is enhanced.
pub(super) const DETAIL: &str = "highly detailed, natural light, sharp focus";

/// Tokens that an instruction may always have of those that are read.
const INSTRUCTION: usize = 25;

/// Characters that a warning repeats of what is cut.
const QUOTED: usize = 60;

/// Between the parts.
const COMMA: &str = ", ";

/// How many tokens are read of a prompt, and how many a text has.
pub(super) struct Reader<'a> {
    pub(super) most: usize,
    pub(super) tokens: &'a dyn Fn(&str) -> usize,
}

/// What is added to a prompt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Added<'a> {
    /// The `presetStyle`.
    pub(super) style: &'a str,
    /// Words of recipes.
    pub(super) words: &'a [&'static str],
    /// The instruction, where the prompt is to be enhanced.
    pub(super) enhance: Option<&'a str>,
}

impl Added<'_> {
    fn ours(self) -> String {
        let detail = if self.enhance.is_some() { DETAIL } else { "" };
        joined(&[styles::words(self.style), &joined(self.words), detail])
    }

    /// The members that it comes from.
    fn cause(self) -> String {
        let members = [
            ("`presetStyle`", !styles::words(self.style).is_empty()),
            ("recipes", !self.words.is_empty()),
            ("`enhancePrompt`", self.enhance.is_some()),
        ];
        let members: Vec<&str> = members.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        members.join(" and ")
    }
}

/// The prompt that is drawn.
pub(super) fn expanded(
    prompt: &str,
    added: Added<'_>,
    reader: &Reader<'_>,
    warnings: &mut Vec<Warning>,
) -> String {
    let instruction = added.enhance.map_or("", str::trim);
    let ours = added.ours();
    let whole = joined(&[prompt, instruction, &ours]);
    // A prompt to which nothing is added is cut where it is read, with a warning from there.
    if whole == prompt || (reader.tokens)(&whole) <= reader.most {
        return whole;
    }
    let beside = (reader.tokens)(&joined(&[prompt, &ours])) + 1;
    let kept = reader.fitting(instruction, "", INSTRUCTION.max(reader.most.saturating_sub(beside)));
    let cause = added.cause();
    let cut = |field, whole, read| {
        cut(
            field,
            whole,
            read,
            &format!("{} tokens are read, and the words of {cause} are among them", reader.most),
        )
    };
    warnings.extend(cut("enhancePromptInstruction", instruction, kept));
    let tail = format!("{COMMA}{}", joined(&[kept, &ours]));
    let read = reader.fitting(prompt, &tail, reader.most);
    warnings.extend(cut("prompt", prompt, read));
    format!("{read}{tail}")
}

/// The parts that are not empty, in one line.
fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(COMMA)
}

/// That not all of a member is read, and why.
fn cut(field: &str, whole: &str, read: &str, why: &str) -> Option<Warning> {
    let rest = whole.get(read.len()..).unwrap_or_default().trim_start_matches([' ', ',']);
    if rest.is_empty() {
        return None;
    }
    let quoted: String = rest.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let more = if rest.chars().nth(QUOTED).is_some() { "…" } else { "" };
    let message = format!("`{field}` is cut before “{quoted}{more}”: {why}");
    Some(Warning::new("prompt_cut", field, message))
}

impl Reader<'_> {
    /// As much of a text as has no more than `most` tokens together with what follows it: all of it, or what goes
    /// before a word that is too much.
    fn fitting<'a>(&self, text: &'a str, tail: &str, most: usize) -> &'a str {
        let fits = |end: usize| (self.tokens)(&format!("{}{tail}", &text[..end])) <= most;
        if fits(text.len()) {
            return text;
        }
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let fitting = ends.partition_point(|end| fits(*end));
        let read = &text[..ends.get(fitting.saturating_sub(1)).copied().unwrap_or(0)];
        // Not within a word, where there are words.
        let whole = read.rfind(char::is_whitespace).map_or(read, |at| &read[..at]);
        whole.trim_end_matches(|c: char| c.is_whitespace() || c == ',')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever counts letters reads ten words at most.
    fn drawn(prompt: &str, style: &str, enhance: Option<&str>) -> (String, Vec<String>) {
        let tokens = |text: &str| text.split_whitespace().map(|word| word.chars().count().div_ceil(12)).sum();
        let mut warnings = vec![];
        let added = Added { style, enhance, ..Added::default() };
        let words = expanded(prompt, added, &Reader { most: 40, tokens: &tokens }, &mut warnings);
        assert!(tokens(&words) <= 40 || warnings.is_empty(), "{words}");
        (words, warnings.into_iter().map(|warning| warning.message).collect())
    }

    fn expanded_to(prompt: &str, style: &str, enhance: Option<&str>) -> String {
        let (words, warnings) = drawn(prompt, style, enhance);
        assert_eq!(warnings, [""; 0]);
        words
    }

    #[test]
    fn a_plain_prompt_is_drawn_as_it_is() {
        assert_eq!(expanded_to("a cat", "NONE", None), "a cat");
        let long = "a cat ".repeat(90);
        assert_eq!(expanded_to(&long, "NONE", None), long);
    }

    #[test]
    fn a_style_follows_the_prompt() {
        assert_eq!(expanded_to("a cat", "VIBRANT", None), "a cat, vibrant saturated colours");
    }

    #[test]
    fn what_the_caller_wrote_stands_before_what_is_added() {
        let words = expanded_to("a cat", "VIBRANT", Some(" in a garden "));
        assert_eq!(words, format!("a cat, in a garden, vibrant saturated colours, {DETAIL}"));
        assert_eq!(expanded_to("a cat", "NONE", Some("")), format!("a cat, {DETAIL}"));
    }

    #[test]
    fn the_words_of_a_style_are_read_however_long_the_prompt_is() {
        for prompt in
            ["a red circle, ".repeat(40), "круг".repeat(300), "赤い丸".repeat(300), "a ".repeat(9000)]
        {
            let (words, warnings) = drawn(&prompt, "VIBRANT", None);
            assert!(words.ends_with(", vibrant saturated colours") && words.len() > 60, "{words}");
            let kept = words.strip_suffix(", vibrant saturated colours").unwrap();
            assert!(prompt.starts_with(kept), "{kept}");
            assert!(
                warnings[0].starts_with("`prompt` is cut before “") && warnings.len() == 1,
                "{warnings:?}"
            );
        }
    }

    #[test]
    fn an_instruction_is_read_beside_a_long_prompt_and_a_long_one_leaves_room_for_it() {
        let (words, warnings) = drawn(&"cat ".repeat(90), "VIBRANT", Some("in a garden"));
        assert!(words.contains(", in a garden, vibrant") && words.ends_with(DETAIL), "{words}");
        assert!(warnings[0].starts_with("`prompt`") && warnings.len() == 1, "{warnings:?}");

        let (words, warnings) = drawn("a cat", "NONE", Some(&"garden ".repeat(90)));
        assert!(words.starts_with("a cat, garden garden") && words.ends_with(DETAIL), "{words}");
        assert!(warnings[0].starts_with("`enhancePromptInstruction`") && warnings.len() == 1, "{warnings:?}");

        let (words, warnings) = drawn(&"cat ".repeat(90), "NONE", Some(&"garden ".repeat(90)));
        assert!(words.starts_with("cat cat") && words.contains("garden"), "{words}");
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}
