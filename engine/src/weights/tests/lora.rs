use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde::Deserialize;

use super::make::{synthetic, tiny};
use crate::synth::SynthLayout;
use crate::weights::{Adapter, Checkpoint, Component, Weight};

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

/// A tensor of a checkpoint by its name with the component.
fn tensor(checkpoint: &Checkpoint, name: &str) -> std::sync::Arc<Weight> {
    let (component, name) = name.split_once('.').unwrap();
    let component = Component::WITH_WEIGHTS.into_iter().find(|c| c.name() == component).unwrap();
    let list = crate::networks::inventory(checkpoint.configs(), component).unwrap();
    let spec = list.iter().find(|spec| spec.name == name).unwrap();
    checkpoint.weights(component).unwrap().tensor(name, &spec.shape).unwrap()
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
            changed = changed.with_lora(&file(lora), *weight).unwrap();
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
        let changed = model.clone().with_lora(&file(lora), 1.0).unwrap();
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
    let with = model.clone().with_lora(&file("diffusers"), 1.0).unwrap();
    assert_eq!(ids(&with).0, before.0);
    assert_ne!(ids(&with).1, before.1);
    assert_eq!(ids(&model), before, "the model without it");
    let without = model.with_lora(&file("diffusers"), 0.0).unwrap();
    assert_eq!(ids(&without), before, "a weight of 0 changes nothing");
}

#[test]
fn an_adapter_says_what_it_is() {
    let about = |name: &str| {
        let adapter = Adapter::open(&file(name)).unwrap();
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
