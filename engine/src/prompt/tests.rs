//! Prompts and what is read of them.

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Prompt {
    Prompt::read(text, PromptSyntax::A1111)
}

/// Its parts as AUTOMATIC1111's documentation writes them.
fn parts(prompt: &Prompt) -> Vec<(&str, f32)> {
    let pair = |part| match part {
        Span::Words { text, weight } => (text, weight),
        Span::Break => ("BREAK", -1.0),
    };
    prompt.parts().map(pair).collect()
}

fn notes(text: &str) -> Vec<String> {
    read(text).warnings(Setting::Prompt).map(|warning| warning.to_string()).collect()
}

fn assert_parts(text: &str, want: &[(&str, f32)]) {
    let prompt = read(text);
    let found = parts(&prompt);
    assert_eq!(found.len(), want.len(), "{text}: {found:?}");
    for ((text, weight), (want_text, want_weight)) in found.iter().zip(want) {
        assert_eq!(text, want_text);
        assert!((weight - want_weight).abs() < 1e-6, "{text}: {weight} instead of {want_weight}");
    }
}

#[test]
fn the_six_published_cases_of_automatic1111_come_out() {
    assert_parts("normal text", &[("normal text", 1.0)]);
    assert_parts("an (important) word", &[("an ", 1.0), ("important", 1.1), (" word", 1.0)]);
    assert_parts("(unbalanced", &[("unbalanced", 1.1)]);
    assert_parts(r"\(literal\]", &[("(literal]", 1.0)]);
    assert_parts("(unnecessary)(parens)", &[("unnecessaryparens", 1.1)]);
    let want = [
        ("a ", 1.0),
        ("house", 1.573),
        (" ", 1.1),
        ("on", 1.0),
        (" a ", 1.1),
        ("hill", 0.55),
        (", sun, ", 1.1),
        ("sky", 1.464_1),
        (".", 1.1),
    ];
    assert_parts("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", &want);
}

#[test]
fn brackets_weigh_what_stands_within_them() {
    assert_parts("a [dark] sky", &[("a ", 1.0), ("dark", 1.0 / 1.1), (" sky", 1.0)]);
    assert_parts("(a: -1.5 ) b", &[("a", -1.5), (" b", 1.0)]);
    assert_parts("(a:.5)(b:2.)", &[("a", 0.5), ("b", 2.0)]);
    assert_parts("(a:0) b", &[("a", 0.0), (" b", 1.0)]);
    // Brackets of two kinds may cross, and none is needed on both sides.
    assert_parts("(a [b) c]", &[("a ", 1.1), ("b", 1.0), (" c", 1.0 / 1.1)]);
    assert_parts("a) b] c:1.3)", &[("a) b] c:1.3)", 1.0)]);
    // What is not a number is words.
    assert_parts("(a:1.2.3) b", &[("a:1.2.3", 1.1), (" b", 1.0)]);
    assert_parts("(a:b) 3:2", &[("a:b", 1.1), (" 3:2", 1.0)]);
    assert_parts(r"a \\ b \c", &[(r"a \ b c", 1.0)]);
    assert_parts("", &[]);
    assert_parts("()", &[]);
    assert_parts("(日本:1.2)語", &[("日本", 1.2), ("語", 1.0)]);
}

#[test]
fn break_begins_a_chunk_where_it_is_a_word() {
    let two = [("a cat", 1.0), ("BREAK", -1.0), ("a dog", 1.0)];
    assert_parts("a cat BREAK a dog", &two);
    assert_parts("a cat\nBREAK\na dog", &two);
    assert_parts("赤 BREAK、青", &[("赤", 1.0), ("BREAK", -1.0), ("、青", 1.0)]);
    assert_parts("BREAKFAST OUTBREAK a_BREAK", &[("BREAKFAST OUTBREAK a_BREAK", 1.0)]);
    assert_parts("BREAK BREAK a", &[("BREAK", -1.0), ("BREAK", -1.0), ("a", 1.0)]);
    // Within brackets as well, where AUTOMATIC1111 reads it as a word of weight -1.2.
    assert_parts("(a BREAK b:1.2) c", &[("a", 1.2), ("BREAK", -1.0), ("b", 1.2), (" c", 1.0)]);
}

#[test]
fn lora_tags_are_taken_out_with_their_weights() {
    let tag = |name: &str, text_encoder, unet| LoraTag { name: name.into(), text_encoder, unet };
    for (text, want) in [
        ("<lora:a>", tag("a", 1.0, 1.0)),
        ("<lora:a b.c:0.8>", tag("a b.c", 0.8, 0.8)),
        ("<lora:a:0.5:-1>", tag("a", 0.5, -1.0)),
        ("<LyCO:a:te=0:unet=0.7:dyn=4>", tag("a", 0.0, 0.7)),
        ("<lora:a:0.5:unet=0>", tag("a", 0.5, 0.0)),
    ] {
        let prompt = read(&format!("a (cat{text}:1.2)"));
        assert_eq!(prompt.loras(), [want], "{text}");
        assert_eq!(parts(&prompt), [("a ", 1.0), ("cat", 1.2)], "{text}");
        assert_eq!(prompt.warnings(Setting::Prompt).count(), 0, "{text}");
    }
    let two = read("<lora:a> 1 < 2 > 0 <lora: <lora:b:2>");
    assert_eq!(two.loras(), [tag("a", 1.0, 1.0), tag("b", 2.0, 2.0)]);
    assert_eq!(parts(&two), [(" 1 < 2 > 0 <lora: ", 1.0)]);
    for text in ["<lora:a:much>", "<lora:a:nan>", "<lora:a:1e30>", "<lora::1>"] {
        assert_eq!((read(text).loras(), notes(text).len()), (&[][..], 1), "{text}: {:?}", notes(text));
    }
}

#[test]
fn odd_brackets_and_weights_are_told() {
    for (text, want) in [
        ("a screen (16:9)", "the prompt has `16`: it has a weight of 9;"),
        ("(a:500)", "`a`: its weight is taken as 100;"),
        ("((a:90):2)", "`a`: its weight is taken as 100;"),
        ("smile :( a cat", "`( a cat`: this bracket is not closed"),
        ("a (cat", "write `\\(` where the character is meant"),
        ("a [cat", "write `\\[` where the character is meant"),
        ("a {red|blue} cat", "`{red|blue}`: nothing is chosen"),
    ] {
        let told = notes(text);
        assert!(told.len() == 1 && told[0].contains(want), "{text}: {told:?}");
    }
    for text in ["a (cat:1.3)", "((((a))))", "smile :)", "a smile :(", r"a \(16:9\)", "a cat (orange)"] {
        assert_eq!(notes(text), [""; 0], "{text}");
    }
}

#[test]
fn plain_prompts_are_read_as_they_stand() {
    let text = r"a (red:1.3) circle \( BREAK <lora:x:1> {a|b}";
    let prompt = Prompt::read(text, PromptSyntax::Plain);
    assert_eq!((parts(&prompt), prompt.loras()), (vec![(text, 1.0)], &[][..]));
    assert_eq!(prompt.warnings(Setting::Prompt).count(), 0);
}

/// Time and memory grow as the text does, whatever is repeated.
#[test]
fn long_and_hostile_prompts_are_read_in_a_few_passes() {
    for piece in [
        "(",
        ")",
        "((x:1))",
        "a(",
        "a[(",
        "[a(b",
        "(a:9)",
        "[",
        "{|",
        "<lora:",
        "<lora:a>",
        "<",
        "\\(",
        "\\",
        "é:1)",
        ":",
        ": ",
        "(: ",
        "__",
        "+",
        "BREAK ",
        "BREAK",
        "embedding:é ",
        "（1：",
        "：1）",
        "{{",
        "(a:1",
    ] {
        let prompt = read(&piece.repeat((1 << 20) / piece.len()));
        let told: Vec<_> = prompt.warnings(Setting::Prompt).map(|told| told.to_string()).collect();
        assert!(told.iter().all(|told| told.chars().count() < 600), "{piece}: {told:?}");
        assert!(prompt.parts().all(|part| is_sound(&part)), "{piece}");
    }
}

fn is_sound(part: &Span<'_>) -> bool {
    match part {
        Span::Words { text, weight } => !text.is_empty() && weight.is_finite() && weight.abs() <= 100.0,
        Span::Break => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_prompt_is_read(
        text in r#"([(){}<>（）：\[\]:|_+\\é 1.9A^"-]|lora|<lora:a:|te=|BREAK|embedding:|\PC){0,60}"#
    ) {
        let prompt = read(&text);
        let parts: Vec<_> = prompt.parts().collect();
        prop_assert!(parts.iter().all(is_sound), "{parts:?}");
        // Nothing is made up: the words are the text's own, in its order, and no more than these.
        let words: usize = parts.iter().map(|part| if let Span::Words { text, .. } = part { text.len() } else { 0 }).sum();
        let mut rest = text.chars();
        for part in &parts {
            let Span::Words { text: words, .. } = part else { continue };
            prop_assert!(words.chars().all(|c| rest.any(|of_text| of_text == c)), "{words:?}");
        }
        prop_assert!(words <= text.len() && parts.len() <= text.len() + 1);
        prop_assert!(prompt.loras().iter().all(|lora| lora.unet.is_finite() && lora.text_encoder.is_finite()));
        prop_assert!(prompt.warnings(Setting::Prompt).count() <= 12);
    }

    #[test]
    fn text_without_syntax_comes_out_as_it_is(text in r"[a-zA-Z0-9 ,.;!?'-]{1,200}") {
        prop_assume!(!text.contains("BREAK"));
        let prompt = read(&text);
        prop_assert_eq!(parts(&prompt), vec![(&*text, 1.0)]);
    }
}
