//! Token ids against transformers' CLIPTokenizer and against what diffusers fed to the goldens.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use fulmen_engine::tokens::{Chunks, LENGTH, Span, Tokenizer};
use fulmen_engine::weights::{Part, TokenizerFiles};
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A prompt of plain words in one chunk.
fn cut(prompt: &str) -> Chunks {
    Chunks::of(&BOTH, || [Span::Words { text: prompt, weight: 1.0 }].into_iter(), 1)
}

/// The files of a folder of the demo model, with or without its settings.
fn files(name: &str, encoder: Part, settings: bool) -> TokenizerFiles {
    let folder = Path::new(ROOT).join("../models/demo").join(name);
    let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
    let config = if settings { read("tokenizer_config.json") } else { b"{}".to_vec() };
    let (vocab, merges) = (read("vocab.json").into(), read("merges.txt").into());
    TokenizerFiles { folder, vocab, merges, config: config.into(), encoder }
}

/// The first encoder's, without settings.
fn of_clip(folder: PathBuf, vocab: &[u8], merges: &[u8]) -> TokenizerFiles {
    let [vocab, merges, config] = [vocab, merges, b"{}"].map(|bytes| bytes.to_vec().into());
    TokenizerFiles { folder, vocab, merges, config, encoder: Part::TextEncoder }
}

// The encoder given here is wrong on purpose: the settings file decides.
static BOTH: LazyLock<[Tokenizer; 2]> = LazyLock::new(|| {
    let first = files("tokenizer", Part::TextEncoder2, true);
    Tokenizer::pair(&first, &files("tokenizer_2", Part::TextEncoder, true)).unwrap()
});
static FIRST: LazyLock<&Tokenizer> = LazyLock::new(|| &BOTH[0]);
static SECOND: LazyLock<&Tokenizer> = LazyLock::new(|| &BOTH[1]);

/// A list of ids with the padding that the fixture leaves out.
fn padded(list: &Value, padding: u32) -> Vec<u32> {
    let mut ids: Vec<u32> = list.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    ids.resize(LENGTH, padding);
    ids
}

#[test]
fn transformers_ids_come_out_for_every_prompt() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("fixtures/clip_ids.json")).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert!(cases.len() >= 200, "{} prompts", cases.len());
    for case in cases {
        let prompt = case["prompt"].as_str().unwrap();
        for (tokenizer, key, padding) in [(&FIRST, "first", 49407), (&SECOND, "second", 0)] {
            let tokens = tokenizer.encode(prompt);
            assert_eq!(tokens.ids.to_vec(), padded(&case[key], padding), "{key} ids of {prompt:?}");
            assert_eq!(Some(tokens.end), tokens.ids.iter().position(|id| *id == 49407), "{prompt:?}");
        }
    }
}

fn golden_ids(tensors: &SafeTensors<'_>, name: &str) -> Vec<u32> {
    let data = tensors.tensor(name).unwrap();
    let wide = data.dtype() == safetensors::Dtype::I64;
    let width = if wide { 8 } else { 4 };
    data.data().chunks_exact(width).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn assert_golden(golden: &Path, prompt: &str, names: [&str; 2]) {
    let bytes = std::fs::read(golden).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (tokenizer, name) in [&FIRST, &SECOND].into_iter().zip(names) {
        assert_eq!(tokenizer.encode(prompt).ids.to_vec(), golden_ids(&tensors, name), "{name} of {prompt:?}");
    }
}

#[test]
fn the_goldens_ids_come_out() {
    let demo = Path::new(ROOT).join("golden/demo");
    let cases: Value = serde_json::from_slice(&std::fs::read(demo.join("cases.json")).unwrap()).unwrap();
    for case in cases.as_array().unwrap() {
        let golden = demo.join(case["file"].as_str().unwrap());
        assert_golden(&golden, case["prompt"].as_str().unwrap(), ["input_ids", "input_ids_2"]);
    }
    for name in ["sdxl_like", "odd_sizes", "x0_one_step", "epsilon_linspace_cfg"] {
        let folder = Path::new(ROOT).join("fixtures/goldens").join(name);
        let case: Value = serde_json::from_slice(&std::fs::read(folder.join("case.json")).unwrap()).unwrap();
        let golden = folder.join("golden.safetensors");
        assert_golden(&golden, case["prompt"].as_str().unwrap(), ["input_ids", "input_ids_2"]);
        if let Some(negative) = case["negative_prompt"].as_str() {
            assert_golden(&golden, negative, ["negative_input_ids", "negative_input_ids_2"]);
        }
    }
}

#[test]
fn without_settings_each_encoder_has_its_own_padding() {
    for (encoder, want) in [(Part::TextEncoder, 49407), (Part::TextEncoder2, 0)] {
        let tokenizer = Tokenizer::new(&files("tokenizer", encoder, false)).unwrap();
        assert_eq!(tokenizer.encode("a cat").ids[LENGTH - 1], want, "{encoder}");
    }
}

#[test]
fn a_prompt_that_is_too_long_says_where_it_is_cut() {
    assert_eq!(cut(&"word ".repeat(75)).dropped, None);
    let chunks = cut(&format!("{}tail of the prompt", "word ".repeat(75)));
    assert_eq!((chunks.pairs.len(), chunks.pairs[0][0].end), (1, LENGTH - 1));
    let dropped = chunks.dropped.unwrap();
    assert!(dropped.contains("75 tokens") && dropped.ends_with("“tail of the prompt”"), "{dropped}");
}

/// A megabyte of anything costs little: only words that can matter are read.
#[test]
fn a_megabyte_of_prompt_costs_little() {
    FIRST.encode("");
    for piece in
        ["a", "a ", " ", "word ", "!", "\u{301}", "😀", "\0", "'s", "é\u{323}", "שלום ", "\u{202e}", "1"]
    {
        let prompt = piece.repeat((1 << 20) / piece.len());
        let start = Instant::now();
        let tokens = FIRST.encode(&prompt);
        let spent = start.elapsed();
        assert!(spent < Duration::from_millis(250), "1 MiB of {piece:?} took {spent:?}");
        assert!(tokens.ids.iter().all(|id| *id < 49408), "{piece:?}");
        assert!(
            cut(&prompt).dropped.is_none_or(|dropped| dropped.len() < 500),
            "{piece:?} has a long warning"
        );
    }
}

#[test]
fn files_that_are_not_a_tokenizer_are_named() {
    let fine: &[u8] = br#"{"<|startoftext|>": 0, "<|endoftext|>": 1, "a": 2, "b": 3, "ab": 4}"#;
    let cases: [(&[u8], &[u8], &str); 7] = [
        (b"{", b"", "clip/vocab.json: not a tokenizer's JSON"),
        (b"[]", b"", "clip/vocab.json: not a tokenizer's JSON"),
        (b"{}", b"", "clip/vocab.json: it has no `<|endoftext|>`"),
        (br#"{"<|endoftext|>": 1}"#, b"", "clip/vocab.json: it has no `<|startoftext|>`"),
        (fine, b"\xff\xfe", "clip/merges.txt: invalid utf-8"),
        (fine, b"#version: 0.2\na b\nab", "clip/merges.txt: line 3 is not two tokens"),
        (fine, b"a z", "clip/merges.txt: makes a token of `a z` that vocab.json does not have"),
    ];
    for (vocab, merges, want) in cases {
        let files = of_clip("clip".into(), vocab, merges);
        let error = Tokenizer::new(&files).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.replace('\\', "/").starts_with(want), "{error:?} does not start with {want:?}");
    }
}

/// Half a list of merges would cut words into other tokens, and nothing would be said.
#[test]
fn files_of_a_tokenizer_that_are_cut_off_are_refused() {
    let folder = Path::new(ROOT).join("../models/demo/tokenizer");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (vocab, merges) = (read("vocab.json"), read("merges.txt"));
    let lines: Vec<&str> = merges.lines().collect();
    let open = |vocab: &str, merges: &str| {
        let files = of_clip(folder.clone(), vocab.as_bytes(), merges.as_bytes());
        Tokenizer::new(&files)
            .map(|tokenizer| tokenizer.encode("a photo of a cat").ids)
            .map_err(|e| e.to_string())
    };
    let whole = open(&vocab, &merges).unwrap();
    assert_eq!(
        open(&vocab, &format!("\u{feff}{}\r\n", lines.join("\r\n"))).unwrap(),
        whole,
        "as Windows writes it"
    );
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let last = lines.len() - 1;
    for (vocab, merges, expected) in [
        (&*vocab, "", "its 0 pairs do not make 48894 of the tokens"),
        (&vocab, "#version: 0.2\n", "its 0 pairs do not make"),
        (&vocab, &lines[..lines.len() / 2].join("\n"), "it is cut off"),
        (&vocab, &lines[..last].join("\n"), "do not make 1 of the tokens"),
        (&vocab, pointer, "merges.txt: is a Git LFS pointer"),
        (pointer, &merges, "vocab.json: is a Git LFS pointer"),
        (&vocab.replace("\"Ā</w>\":", "\"zzqx\":"), &merges, "has no `Ā</w>`"),
        (&vocab.replace("49407", "4294967295"), &merges, "the number 4294967295"),
        (&vocab.replace("\"cat</w>\":", "\"zzqx\":"), &merges, "makes a token of `c at</w>`"),
    ] {
        let error = open(vocab, merges).err().unwrap_or_default();
        assert!(error.contains(expected) && error.contains("tokenizer"), "{expected}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_77_ids_in_range(
        prompt in prop_oneof![any::<String>(), "(\\PC|[!'\u{301} \t]|<\\|endoftext\\|>){0,200}"],
    ) {
        for tokenizer in [&FIRST, &SECOND] {
            let tokens = tokenizer.encode(&prompt);
            prop_assert_eq!(tokens.ids[0], 49406);
            prop_assert_eq!(tokens.ids[tokens.end], 49407);
            prop_assert!(tokens.ids.iter().all(|id| *id < 49408));
        }
    }
}
