//! Prompts with weights and in chunks against transformers' ids and states, plain sums of them in f64, and diffusers'
//! pictures (tests/fixtures/make_prompts.py).

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use fulmen_engine::backend::{Backend, CancelToken, HostTensor};
use fulmen_engine::engine::Precision;
use fulmen_engine::graph::{Element, Shape};
use fulmen_engine::prompt::{LongPrompts, Prompt, PromptSyntax};
use fulmen_engine::request::Guidance;
use fulmen_engine::synth::{self, SynthLayout};
use fulmen_engine::text::{Conditioning, TextEncoders, encode_prompt};
use fulmen_engine::tokens::{Chunks, MOST_CHUNKS, Span, Tokenizer, Tokens};
use fulmen_engine::weights::{Checkpoint, Configs};
use fulmen_engine::{Engine, Options, Request};
use proptest::prelude::*;
use serde_json::Value;

use super::devices::backends;
use super::golden::{Golden, beside};

/// Relative to a tensor's range; measured below 1e-6.
const TOLERANCE: f32 = 2e-6;

/// Mean difference of pictures, of 255: a byte in four hundred may be rounded the other way.
const PICTURE: f64 = 0.0025;

fn fixture() -> (Value, Golden) {
    let text = std::fs::read(beside("fixtures/prompts.json")).expect("prompts.json");
    (serde_json::from_slice(&text).expect("JSON"), Golden::read(&beside("fixtures/prompts.safetensors")))
}

/// A seeded model, written into a folder.
fn write(name: &str, folder: &Path) -> PathBuf {
    let configs = Configs::folder(&beside("fixtures/goldens").join(name)).expect("configurations");
    let model = folder.join(name);
    synth::write(&configs, &model, SynthLayout::Folder, &|_| Ok(())).expect("a model");
    model
}

/// What is meant, as the script wrote it: words and weights, `null` for a break.
fn meant(parts: &Value) -> Vec<(&str, f32)> {
    let part = |part: &'_ Value| (part[0].as_str().map(str::len), part[1].as_f64());
    let parts = parts.as_array().expect("parts");
    parts
        .iter()
        .map(|one| match part(one) {
            (Some(_), Some(weight)) => (one[0].as_str().unwrap_or_default(), weight as f32),
            _ => ("BREAK", -1.0),
        })
        .collect()
}

#[test]
fn prompts_mean_what_the_fixture_says() {
    let (cases, _) = fixture();
    for case in cases["prompts"].as_array().expect("prompts") {
        let prompt = case["prompt"].as_str().expect("a prompt");
        let read = Prompt::read(prompt, PromptSyntax::A1111);
        let found: Vec<_> = read
            .parts()
            .map(|part| match part {
                Span::Words { text, weight } => (text, weight),
                Span::Break => ("BREAK", -1.0),
            })
            .collect();
        let wanted = meant(&case["parts"]);
        let near = |((a, x), (b, y)): (&(&str, f32), &(&str, f32))| a == b && (x - y).abs() < 1e-6;
        assert!(found.len() == wanted.len() && found.iter().zip(&wanted).all(near), "{found:?}, {wanted:?}");
    }
}

#[test]
fn chunks_have_transformers_ids_and_the_weights_of_their_words() {
    let (cases, golden) = fixture();
    let tokenizers = tokenizers();
    for (index, case) in cases["prompts"].as_array().expect("prompts").iter().enumerate() {
        let read = Prompt::read(case["prompt"].as_str().expect("a prompt"), PromptSyntax::A1111);
        let Chunks { pairs, dropped } = Chunks::of(&tokenizers, || read.parts(), MOST_CHUNKS);
        assert_eq!(dropped, None);
        for (place, name) in ["first", "second"].into_iter().enumerate() {
            let ids: Vec<u32> = pairs.iter().flat_map(|pair| pair[place].ids).collect();
            assert_eq!(ids, golden.ids(&format!("{index}.{name}.ids")), "{case}");
            let weights: Vec<f32> = pairs.iter().flat_map(|pair| pair[place].weights).collect();
            golden.check(&format!("{index}.{name}.weights"), &weights, 1e-6, "weights");
        }
        assert!(pairs.iter().flatten().all(|chunk| chunk.ids[chunk.end] == 49407), "{case}");
    }
}

#[test]
fn embeddings_of_weighted_chunks_are_plain_sums() {
    let (cases, golden) = fixture();
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoint = Checkpoint::open(&write("sdxl_like", folder.path())).expect("the model");
    let tokenizers = Tokenizer::load(&checkpoint).expect("two vocabularies");
    let text = TextEncoders::load(&checkpoint).expect("text encoders");
    for backend in backends() {
        let graph = text.graph(Element::F32).expect("shapes fit");
        let mut program = backend.compile(graph.into()).expect("it compiles");
        let mut run = |[first, second]: &[Tokens; 2]| {
            let ids = |ids: &[u32]| HostTensor::u32(Shape::tokens(1, ids.len(), 1), ids.to_vec());
            let end = HostTensor::u32(Shape::vector(1, 1), vec![second.end as u32]);
            let inputs = [("ids_1", &ids(&first.ids)), ("ids_2", &ids(&second.ids)), ("end", &end)];
            let outputs = program.run(&inputs, &CancelToken::default())?;
            let [context, pooled] = [&outputs[0], &outputs[1]].map(|output| output.as_f32().to_vec());
            Ok(Conditioning { context, pooled })
        };
        for (index, case) in cases["prompts"].as_array().expect("prompts").iter().enumerate() {
            let read = Prompt::read(case["prompt"].as_str().expect("a prompt"), PromptSyntax::A1111);
            let chunks = Chunks::of(&tokenizers, || read.parts(), MOST_CHUNKS);
            let got = encode_prompt(&chunks.pairs, text.widths(), &mut run).expect("conditioning");
            let what = format!("{} on {}", case["prompt"], backend.name());
            golden.check(&format!("{index}.embeds"), &got.context, TOLERANCE, &what);
            golden.check(&format!("{index}.pooled"), &got.pooled, TOLERANCE, &what);
        }
    }
}

/// The fixture's request of a model, with other prompts.
fn request(case: &Value) -> Request {
    let file = beside("fixtures/goldens").join(case["model"].as_str().expect("a model")).join("case.json");
    let own: Value = serde_json::from_slice(&std::fs::read(file).expect("case.json")).expect("JSON");
    let number = |name: &str| own[name].as_u64().expect("a number");
    Request {
        negative_prompt: case["negative"].as_str().map(str::to_owned),
        steps: Some(number("steps") as usize),
        guidance: Some(Guidance::Exactly(own["guidance"].as_f64().expect("guidance") as f32)),
        width: Some(number("width") as usize),
        height: Some(number("height") as usize),
        seed: Some(number("seed")),
        ..Request::new(case["prompt"].as_str().expect("a prompt"))
    }
}

/// Mean difference of a picture from the fixture's, of 255.
fn apart(golden: &Golden, index: usize, rgb: &[u8]) -> f64 {
    let wanted = golden.values(&format!("picture_{index}.picture"));
    assert_eq!(rgb.len(), wanted.len());
    let apart = rgb.iter().zip(wanted).map(|(got, wanted)| f64::from((f32::from(*got) - wanted).abs()));
    apart.sum::<f64>() / rgb.len() as f64
}

fn pictures_are_diffusers(backend: &Arc<dyn Backend>) {
    let (cases, golden) = fixture();
    for (index, case) in cases["pictures"].as_array().expect("pictures").iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let model = Some(write(case["model"].as_str().expect("a model"), folder.path()));
        let precision = Some(Precision::F32);
        let options = Options { model, precision, ..Options::default() };
        let mut engine = Engine::open_on(backend.clone(), &options).expect("the model");
        let request = request(case);
        let off = apart(&golden, index, &engine.draw(&request).expect("a picture").rgb);
        assert!(off <= PICTURE, "{case} on {}: {off}", backend.name());
        // Plain words, or what fits in one chunk, make another picture.
        let plain = Request { prompt_syntax: Some(PromptSyntax::Plain), ..request.clone() };
        let cut = Request { long_prompts: Some(LongPrompts::Cut), ..request };
        for other in [plain, cut].iter().filter(|other| other.prompt_syntax.is_some() || index == 0) {
            let off = apart(&golden, index, &engine.draw(other).expect("a picture").rgb);
            assert!(off > 0.3, "{case} on {}: {off}", backend.name());
        }
    }
}

#[test]
fn pictures_of_weighted_and_long_prompts_are_diffusers() {
    backends().iter().for_each(pictures_are_diffusers);
}

/// Tokenizers of the demo model.
fn tokenizers() -> [Tokenizer; 2] {
    Tokenizer::load(&Checkpoint::embedded_demo().expect("the demo model")).expect("two vocabularies")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_prompt_makes_sound_chunks(
        text in r"([(\[\])!:, a1é紅]|:1\.[0-9]\)| BREAK |lantern |,|word){0,700}",
        most in 1..=MOST_CHUNKS,
    ) {
        static BOTH: LazyLock<[Tokenizer; 2]> = LazyLock::new(tokenizers);
        let read = Prompt::read(&text, PromptSyntax::A1111);
        let mut chunks = Chunks::of(&BOTH, || read.parts(), most);
        prop_assert!((1..=most).contains(&chunks.pairs.len()));
        for tokens in chunks.pairs.iter().flatten() {
            prop_assert!(tokens.ids[0] == 49406 && tokens.ids[tokens.end] == 49407);
            prop_assert!(tokens.ids.iter().all(|id| *id < 49408) && tokens.weights.iter().all(|w| w.is_finite()));
            // Begin, end and padding have no weight of their own.
            prop_assert!(tokens.weights[0] == 1.0 && tokens.weights[tokens.end..].iter().all(|w| *w == 1.0));
        }
        // No token is lost while there is room: as many as the words have by themselves.
        if chunks.dropped.is_none() {
            let alone = |part| match part {
                Span::Words { text, .. } => BOTH[0].count(text, usize::MAX - 1),
                Span::Break => 0,
            };
            let words: usize = read.parts().map(alone).sum();
            let inside = |pair: &[Tokens; 2]| pair[0].end - 1;
            prop_assert_eq!(chunks.pairs.iter().map(inside).sum::<usize>(), words);
        }
        chunks.pad(&BOTH, MOST_CHUNKS);
        prop_assert_eq!(chunks.pairs.len(), MOST_CHUNKS);
    }
}
