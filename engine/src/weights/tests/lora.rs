use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use proptest::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::make::{Tensor, safetensors, synthetic, tensors_of, tiny};
use crate::Error;
use crate::synth::SynthLayout;
use crate::weights::archive::{self, Archive};
use crate::weights::{Adapter, Checkpoint, LoraFile, Part, Weight};

/// Three times what is measured: the difference between sums in f32 and in f64.
const TOLERANCE: f32 = 3.6e-7;

#[derive(Deserialize)]
struct Cases {
    stride: usize,
    /// Files and strengths, in the order in which they are applied.
    cases: BTreeMap<String, Vec<(String, f32)>>,
}

fn loras() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/loras")
}

fn file(name: &str) -> PathBuf {
    loras().join(format!("{name}.safetensors"))
}

/// A tensor of a checkpoint by its name with the part.
fn tensor(checkpoint: &Checkpoint, name: &str) -> Arc<Weight> {
    let (part, name) = name.split_once('.').unwrap();
    let part = Part::WITH_WEIGHTS.into_iter().find(|c| c.name() == part).unwrap();
    let list = crate::networks::inventory(checkpoint.configs(), part).unwrap();
    let spec = list.iter().find(|spec| spec.name == name).unwrap();
    checkpoint.weights(part).unwrap().tensor(name, &spec.shape).unwrap()
}

#[test]
fn every_dialect_makes_the_weights_that_were_merged_in_f64() {
    let (_folder, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    let model = Checkpoint::open(&path).unwrap();
    let cases: Cases = serde_json::from_slice(&fs::read(loras().join("cases.json")).unwrap()).unwrap();
    let merged = fs::read(file("merged")).unwrap();
    let merged = SafeTensors::deserialize(&merged).unwrap();
    let mut worst = 0f32;
    for (case, stack) in &cases.cases {
        let mut changed = model.clone();
        for (lora, weight) in stack {
            changed = changed.with_lora(&LoraFile::new(file(lora), *weight), &|| Ok(())).unwrap();
        }
        for lora in changed.loras() {
            assert_eq!(lora.used(), lora.adapter().modules(), "{case}");
        }
        assert_eq!(changed.warnings(), model.warnings(), "{case}");
        let of_case = |key: &&str| key.split('/').next() == Some(case);
        for key in merged.names().into_iter().filter(of_case) {
            let name = key.split_once('/').unwrap().1;
            let (found, before) = (tensor(&changed, name).to_f32(), tensor(&model, name).to_f32());
            let right = merged.tensor(key).unwrap().data().as_chunks::<4>().0;
            let moved = found.iter().zip(&before).any(|(a, b)| (a - b).abs() > 1e-3);
            assert!(moved, "{case} does not change {name}");
            assert_eq!(found.len().div_ceil(cases.stride), right.len());
            for (i, (found, right)) in found.iter().step_by(cases.stride).zip(right).enumerate() {
                let right = f32::from_le_bytes(*right);
                let error = (found - right).abs() / right.abs().max(1.0);
                worst = worst.max(error);
                assert!(error < TOLERANCE, "{case}, {name}, sample {i}: {found} is not {right}");
            }
        }
    }
    println!("the largest error is {worst:e}");
}

#[test]
fn a_changed_weight_is_the_same_read_whole_or_in_pieces() {
    let (_folder, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    let model = Checkpoint::open(&path).unwrap();
    for lora in ["kohya_original", "loha", "lokr", "dora", "dora_columns"] {
        let changed = model.clone().with_lora(&LoraFile::new(file(lora), 1.0), &|| Ok(())).unwrap();
        let weight = tensor(&changed, "unet.down_blocks.1.resnets.0.conv1.weight");
        let whole = weight.to_f32();
        for (start, count) in [(0, 1), (5, 3), (287, 2), (288, 288), (100, 700), (whole.len() - 9, 9)] {
            let mut piece = vec![0.0; count];
            weight.read(start, &mut piece);
            for (i, (found, right)) in piece.iter().zip(&whole[start..]).enumerate() {
                // Vectors of sums begin elsewhere, which may round another way.
                assert!((found - right).abs() <= 1e-6, "{lora}, {start} + {i}: {found} is not {right}");
            }
        }
    }
}

#[test]
fn tensors_that_no_lora_changes_are_the_ones_from_before() {
    let (_folder, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    let model = Checkpoint::open(&path).unwrap();
    let (kept, changed) = (
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_k.weight",
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight",
    );
    let ids = |checkpoint: &Checkpoint| (tensor(checkpoint, kept).id(), tensor(checkpoint, changed).id());
    let before = ids(&model);
    let with = model.clone().with_lora(&LoraFile::new(file("diffusers"), 1.0), &|| Ok(())).unwrap();
    assert_eq!(ids(&with).0, before.0);
    assert_ne!(ids(&with).1, before.1);
    assert_eq!(ids(&model), before, "the model without it");
    let without = model.with_lora(&LoraFile::new(file("diffusers"), 0.0), &|| Ok(())).unwrap();
    assert_eq!(ids(&without), before, "a weight of 0 changes nothing");
}

#[test]
fn an_adapter_says_what_it_is() {
    let about = |name: &str| {
        let adapter = Adapter::open(&file(name), &|| Ok(())).unwrap();
        let parts: Vec<_> = adapter.parts().iter().map(|(part, count)| format!("{part} {count}")).collect();
        (adapter.kind(), adapter.ranks(), parts.join(", "))
    };
    assert_eq!(
        about("kohya_original"),
        ("LoRA", Some((4, 4)), "unet 13, text_encoder 2, text_encoder_2 1".into())
    );
    assert_eq!(about("peft"), ("LoRA", Some((4, 4)), "unet 3".into()));
    assert_eq!(about("loha").0, "LoHa");
    assert_eq!(about("lokr").0, "LoKr");
    assert_eq!(about("dora_peft").0, "DoRA");
    assert_eq!(about("full"), ("full differences", None, "unet 4".into()));
}

const Q: &str = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q";

#[test]
fn alpha_is_taken_from_where_peft_writes_it() {
    let (keep, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    let model = Checkpoint::open(&path).unwrap();
    let name = format!("{Q}.weight");
    let before = tensor(&model, &name).to_f32();
    let moved = |lora: &Path| {
        let changed = model.clone().with_lora(&LoraFile::new(lora, 1.0), &|| Ok(())).unwrap();
        tensor(&changed, &name).to_f32()[0] - before[0]
    };
    let plain = moved(&file("diffusers"));
    let write = |file: &Path, said: Option<&str>| {
        let tensors = tensors_of(&super::lora::file("diffusers"));
        let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let metadata = said.map(|said| [("lora_adapter_metadata".to_owned(), said.to_owned())].into());
        fs::write(file, safetensors::serialize(views, metadata).unwrap()).unwrap();
    };
    let lora = keep.path().join("adapter_model.safetensors");
    // The rank is 4.
    for (said, factor) in [
        (r#"{"unet.r": 4, "unet.lora_alpha": 8}"#, 2.0),
        (r#"{"unet.lora_alpha": 8, "unet.use_rslora": true}"#, 4.0),
        (r#"{"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_q": 2, "to_k": 1}}"#, 0.5),
        (r#"{"text_encoder.lora_alpha": 8}"#, 1.0),
    ] {
        write(&lora, Some(said));
        let found = moved(&lora);
        assert!((found - factor * plain).abs() < 1e-5, "{said}: {found} is not {factor} × {plain}");
    }
    write(&lora, Some("{"));
    let error = Adapter::open(&lora, &|| Ok(())).unwrap_err().to_string();
    assert!(error.contains("which is not JSON"), "{error}");
    write(&lora, None);
    fs::write(keep.path().join("adapter_config.json"), r#"{"r": 4, "lora_alpha": 12}"#).unwrap();
    assert!((moved(&lora) - 3.0 * plain).abs() < 1e-5, "beside the file");
}

#[test]
fn what_is_no_lora_of_this_model_is_told_in_a_sentence() {
    let (keep, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    let model = Checkpoint::open(&path).unwrap();
    let f32s = |name: &str, shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        (name.to_owned(), Dtype::F32, shape.to_vec(), [0, 0, 128, 63].repeat(count))
    };
    let pair = |name: &str, shape: [usize; 2], rank: usize| {
        let (down, up) = (format!("{name}.lora_down.weight"), format!("{name}.lora_up.weight"));
        vec![f32s(&down, &[rank, shape[1]]), f32s(&up, &[shape[0], rank])]
    };
    let to_q = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q";
    let ranks = vec![
        f32s(&format!("{to_q}.lora_down.weight"), &[3, 64]),
        f32s(&format!("{to_q}.lora_up.weight"), &[64, 4]),
    ];
    let half = vec![f32s(&format!("{to_q}.lora_down.weight"), &[3, 64])];
    let nan = vec![(format!("{to_q}.diff"), Dtype::F16, vec![64, 64], [0, 0x7e].repeat(64 * 64))];
    let oft = vec![f32s(&format!("{to_q}.oft_blocks"), &[4, 4, 4])];
    for (tensors, expected) in [
        (pair("lora_unet_double_blocks_0_img_attn_qkv", [9, 3], 1), "for another family, Flux"),
        (
            pair("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k", [640, 768], 4),
            "Stable Diffusion 1",
        ),
        (
            pair("lora_unet_somewhere", [4, 4], 1),
            "none of its 1 modules is in it, `lora_unet_somewhere` is not in the model",
        ),
        (pair(to_q, [64, 65], 2), "is of 64×65 numbers, where the model has 64×64"),
        (ranks, "has factors of ranks 4 and 3"),
        (half, "lacks one of its factors (Up)"),
        (nan, "holds values that are not finite"),
        (oft, "changes a model by OFT"),
        (
            vec![f32s("conv_in.weight", &[32, 4, 3, 3])],
            "is not a LoRA: the first of its 1 tensors is `conv_in.weight`",
        ),
    ] {
        let lora = keep.path().join("lora.safetensors");
        fs::write(&lora, safetensors(&tensors)).unwrap();
        let error = model
            .clone()
            .with_lora(&LoraFile::new(&lora, 1.0), &|| Ok(()))
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected) && error.contains("lora.safetensors"), "{expected}: {error}");
    }
    let mut both = pair(to_q, [64, 64], 2);
    both.extend(pair("lora_unet_elsewhere", [4, 4], 1));
    let lora = keep.path().join("lora.safetensors");
    fs::write(&lora, safetensors(&both)).unwrap();
    let changed = model.with_lora(&LoraFile::new(&lora, 1.0), &|| Ok(())).unwrap();
    let warning = changed.warnings().last().unwrap();
    assert!(warning.contains("1 of 2 modules used; `lora_unet_elsewhere` is not in the model"), "{warning}");
}

#[test]
fn it_is_asked_between_files_layers_and_tensors_whether_to_go_on() {
    let (_folder, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    let model = Checkpoint::open(&path).unwrap();
    let lora = LoraFile::new(file("dora"), 1.0);
    let asked = Cell::new(0);
    let until = |most: usize| {
        asked.set(0);
        let go_on = || {
            asked.set(asked.get() + 1);
            if asked.get() > most { Err(Error::Cancelled) } else { Ok(()) }
        };
        model.clone().with_lora(&lora, &go_on)
    };
    let all = until(usize::MAX).unwrap();
    let (times, layers) = (asked.get(), all.loras()[0].adapter().modules());
    // A piece of the file, every layer that is read, every tensor that is changed.
    assert!(times > 2 * layers, "{times} times for {layers} layers");
    for most in 0..times {
        assert!(matches!(until(most), Err(Error::Cancelled)) && asked.get() == most + 1, "{most}");
    }
}

/// The files of all dialects, and the model that they change.
static FILES: LazyLock<Vec<Vec<Tensor>>> = LazyLock::new(|| {
    let names = [
        "kohya_original",
        "diffusers_old",
        "tucker",
        "loha",
        "loha_tucker",
        "lokr",
        "full",
        "dora",
        "dora_columns",
    ];
    names.iter().map(|name| tensors_of(&file(name))).collect()
});
static MODEL: LazyLock<Checkpoint> = LazyLock::new(|| {
    let (_folder, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    Checkpoint::open(&path).unwrap()
});

/// What is done to a tensor of a file.
#[derive(Debug, Clone)]
enum Edit {
    Drop,
    /// Its shape, with as many numbers.
    Reshape(u8),
    /// Only so many of its rows.
    Cut(usize),
    /// The bytes of all its numbers.
    Fill(u8),
    /// Another tensor's end of the name.
    Rename(prop::sample::Index),
}

fn edited(mut tensors: Vec<Tensor>, edits: &[(prop::sample::Index, Edit)]) -> Vec<Tensor> {
    for (at, edit) in edits {
        let at = at.index(tensors.len());
        let other = match edit {
            Edit::Rename(other) => tensors[other.index(tensors.len())].0.clone(),
            _ => String::new(),
        };
        let (name, dtype, shape, bytes) = &mut tensors[at];
        let count: usize = shape.iter().product();
        match edit {
            Edit::Drop => *name = "dropped".into(),
            Edit::Reshape(0) => shape.reverse(),
            Edit::Reshape(1) => *shape = vec![count],
            Edit::Reshape(2) => *shape = vec![1, count],
            Edit::Reshape(3) => *shape = vec![count, 1, 1, 1],
            Edit::Reshape(_) => *shape = vec![count / 2, count - count / 2 * 2 + 1, 1],
            Edit::Cut(rows) => {
                let rows = (*rows).min(shape.first().copied().unwrap_or(0));
                shape.iter_mut().take(1).for_each(|extent| *extent = rows);
            }
            Edit::Fill(byte) => bytes.fill(*byte),
            Edit::Rename(_) => {
                let layer = name.split('.').next().unwrap_or_default();
                *name = format!("{layer}.{}", other.split_once('.').map_or("", |(_, end)| end));
            }
        }
        let needed = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        bytes.resize(needed, 0);
    }
    let mut seen = std::collections::HashSet::new();
    tensors.retain(|(name, ..)| seen.insert(name.clone()));
    tensors
}

/// Either refused in a sentence, or every tensor that it changes can be read.
fn is_refused_or_read(tensors: &[Tensor]) {
    let bytes = Bytes::from(safetensors(tensors));
    let contents = archive::contents(Path::new("x"), &bytes).unwrap();
    let archive = Archive { tensors: contents.tensors, ..Archive::default() };
    let Ok(Some(adapter)) = Adapter::read(Path::new("x"), &archive, &|| Ok(())) else { return };
    assert!(adapter.bytes() <= 64 * bytes.len() + (1 << 20), "{} bytes of {}", adapter.bytes(), bytes.len());
    let Ok(changed) = MODEL.clone().with_adapter(&Arc::new(adapter), (0.5, 0.5), &|| Ok(())) else { return };
    for name in [
        "unet.conv_in.weight",
        "unet.down_blocks.1.resnets.0.conv1.weight",
        "unet.down_blocks.1.resnets.0.conv1.bias",
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight",
        "unet.down_blocks.1.attentions.0.norm.weight",
        "unet.mid_block.attentions.0.proj_in.weight",
        "text_encoder_2.text_model.encoder.layers.1.self_attn.out_proj.weight",
    ] {
        assert!(!tensor(&changed, name).to_f32().is_empty());
    }
}

#[test]
fn a_folder_with_one_file_is_that_lora() {
    let at = tempfile::tempdir().unwrap();
    let said = || Adapter::open(at.path(), &|| Ok(())).map(drop).unwrap_err().to_string();
    assert!(said().contains("is a folder without a .safetensors file"), "{}", said());
    fs::copy(file("kohya_original"), at.path().join("a.safetensors")).unwrap();
    let (found, right) = (
        Adapter::open(at.path(), &|| Ok(())).unwrap(),
        Adapter::open(&file("kohya_original"), &|| Ok(())).unwrap(),
    );
    assert_eq!((found.modules(), found.dialect()), (right.modules(), right.dialect()));
    fs::copy(file("dora"), at.path().join("b.safetensors")).unwrap();
    assert!(said().contains("give one of `a.safetensors`, `b.safetensors`"), "{}", said());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lora_with_tensors_changed_is_refused_or_read(
        file in 0..9usize,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            Just(Edit::Drop),
            (0..5u8).prop_map(Edit::Reshape),
            (0..9usize).prop_map(Edit::Cut),
            prop_oneof![Just(0u8), Just(0x7f), Just(0xff), any::<u8>()].prop_map(Edit::Fill),
            any::<prop::sample::Index>().prop_map(Edit::Rename),
        ]), 1..5),
    ) {
        is_refused_or_read(&edited(FILES[file].clone(), &edits));
    }
}
