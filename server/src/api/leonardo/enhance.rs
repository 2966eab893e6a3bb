//! What `enhancePrompt` means here: words for detail follow the prompt, always the same ones.
//!
//! Services ask a language model for a longer prompt. Here the same request must make the same picture again, so the
//! expansion is fixed: the prompt, what was instructed, the words of the style, the words for detail. A text encoder
//! reads about 60 words, so what the caller wrote stands first.

use super::styles;

/// What is added to every prompt that is enhanced.
pub(super) const DETAIL: &str = "highly detailed, natural light, sharp focus";

/// The prompt that is drawn.
pub(super) fn expanded(prompt: &str, style: &str, enhance: Option<&str>) -> String {
    let instruction = enhance.map_or("", str::trim);
    let detail = if enhance.is_some() { DETAIL } else { "" };
    let parts = [prompt, instruction, styles::words(style), detail];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_prompt_is_drawn_as_it_is() {
        assert_eq!(expanded("a cat", "NONE", None), "a cat");
    }

    #[test]
    fn a_style_follows_the_prompt() {
        assert_eq!(expanded("a cat", "VIBRANT", None), "a cat, vibrant saturated colours");
    }

    #[test]
    fn what_the_caller_wrote_stands_before_what_is_added() {
        let words = expanded("a cat", "VIBRANT", Some(" in a garden "));
        assert_eq!(words, format!("a cat, in a garden, vibrant saturated colours, {DETAIL}"));
        assert_eq!(expanded("a cat", "NONE", Some("")), format!("a cat, {DETAIL}"));
    }
}
