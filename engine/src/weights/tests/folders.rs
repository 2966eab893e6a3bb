use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::make::{Tensor, assert_same_part, safetensors, synthetic, tensors_of, tiny};
use crate::synth::SynthLayout;
use crate::weights::{Checkpoint, Part};

const VAE: &str = "vae/diffusion_pytorch_model.safetensors";

fn folder() -> (TempDir, PathBuf) {
    synthetic(&tiny("odd_sizes"), SynthLayout::Folder)
}

/// Splits the VAE of a folder into two shards and an index of this name; returns the index.
fn shard(folder: &Path, index: &str) -> BTreeMap<String, String> {
    let tensors = tensors_of(&folder.join(VAE));
    let (one, two): (Vec<Tensor>, Vec<Tensor>) =
        tensors.into_iter().partition(|(key, ..)| key.len() % 2 == 0);
    let mut map = BTreeMap::new();
    for (name, tensors) in [("a-00001-of-00002.safetensors", one), ("a-00002-of-00002.safetensors", two)] {
        fs::write(folder.join("vae").join(name), safetensors(&tensors)).unwrap();
        map.extend(tensors.into_iter().map(|(key, ..)| (key, name.to_owned())));
    }
    fs::remove_file(folder.join(VAE)).unwrap();
    write_index(folder, index, &map);
    map
}

fn write_index(folder: &Path, index: &str, map: &BTreeMap<String, String>) {
    let index = folder.join("vae").join(index);
    fs::write(index, json!({ "metadata": {}, "weight_map": map }).to_string()).unwrap();
}

#[test]
fn shards_are_one_model() {
    for index in [
        "diffusion_pytorch_model.safetensors.index.json",
        "diffusion_pytorch_model.fp16.safetensors.index.json",
        "diffusion_pytorch_model.safetensors.index.fp16.json",
    ] {
        let ((_keep, whole), (_keep_too, sharded)) = (folder(), folder());
        shard(&sharded, index);
        let (whole, sharded) = (Checkpoint::open(&whole).unwrap(), Checkpoint::open(&sharded).unwrap());
        assert_same_part(&whole, &sharded, Part::Vae);
    }
}

#[test]
fn an_index_that_lies_is_named() {
    const INDEX: &str = "diffusion_pytorch_model.safetensors.index.json";
    let (_keep, folder) = folder();
    let map = shard(&folder, INDEX);
    for (key, shard, complaint) in [
        (
            "decoder.conv_in.bias",
            "a-00003-of-00002.safetensors",
            "needs the shard `a-00003-of-00002.safetensors`",
        ),
        ("decoder.conv_in.bias", "../../elsewhere.safetensors", "not a plain file name"),
        ("decoder.conv_in.bias", "C:\\elsewhere.safetensors", "not a plain file name"),
        (
            "decoder.conv_in.nothing",
            "a-00001-of-00002.safetensors",
            "names the tensor `decoder.conv_in.nothing`, which none of its shards has",
        ),
    ] {
        let mut map = map.clone();
        map.insert(key.into(), shard.into());
        write_index(&folder, INDEX, &map);
        let error = Checkpoint::open(&folder).unwrap_err().to_string();
        assert!(error.contains(complaint) && error.contains(INDEX), "{error}");
    }
}

#[test]
fn full_precision_is_preferred_and_fp16_is_enough() {
    let (_keep, folder) = folder();
    let (full, half) = (folder.join(VAE), folder.join("vae/diffusion_pytorch_model.fp16.safetensors"));
    fs::copy(&full, &half).unwrap();
    let mapped = |path: &Path| {
        let vae = Checkpoint::open(&folder).unwrap().weights(Part::Vae).unwrap();
        let error = vae.tensor("decoder.conv_in.weight", &[1]).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    };
    mapped(&full);
    fs::remove_file(&full).unwrap();
    mapped(&half);
    // Whatever the only file is called.
    let other = folder.join("vae/my_vae.safetensors");
    fs::rename(&half, &other).unwrap();
    mapped(&other);
}

#[test]
fn bfloat_and_full_floats_are_read_as_they_are() {
    let (_keep, folder) = folder();
    let path = folder.join(VAE);
    let expected = canonical_bias(&folder);
    let mut tensors = tensors_of(&path);
    for (_, dtype, _, bytes) in &mut tensors {
        let numbers = bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32());
        *bytes = numbers.flat_map(f32::to_le_bytes).collect();
        *dtype = safetensors::Dtype::F32;
    }
    fs::write(&path, safetensors(&tensors)).unwrap();
    assert_eq!(canonical_bias(&folder), expected);
    for (_, dtype, _, bytes) in &mut tensors {
        // The upper halves of floats.
        *bytes = bytes.as_chunks::<4>().0.iter().flat_map(|b| [b[2], b[3]]).collect();
        *dtype = safetensors::Dtype::BF16;
    }
    fs::write(&path, safetensors(&tensors)).unwrap();
    for (bf16, f16) in canonical_bias(&folder).iter().zip(expected) {
        assert!((bf16 - f16).abs() <= f16.abs() / 128.0, "{bf16} is not {f16}");
    }
}

fn canonical_bias(folder: &Path) -> Vec<f32> {
    let vae = Checkpoint::open(folder).unwrap().weights(Part::Vae).unwrap();
    vae.vector("decoder.conv_in.bias", 28).unwrap().to_f32()
}

#[test]
fn a_folders_own_tokenizer_is_used() {
    let (_keep, folder) = folder();
    fs::write(folder.join("tokenizer_2/vocab.json"), "{}").unwrap();
    let model = Checkpoint::open(&folder).unwrap();
    let (first, second) =
        (model.tokenizer(Part::TextEncoder).unwrap(), model.tokenizer(Part::TextEncoder2).unwrap());
    assert_eq!((first.vocab.len(), &second.vocab[..]), (961_143, &b"{}"[..]));
    assert_eq!(second.folder, folder.join("tokenizer_2"));
    assert!(second.config.windows(3).any(|w| w == b"\"!\""), "the second pads with `!`");
}
