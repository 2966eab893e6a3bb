//! Files that are LoRAs for a model, by their headers.

use std::fs;
use std::path::Path;

use safetensors::Dtype;

use super::make::{Tensor, rename, safetensors, synthetic, tensors_of, tiny};
use crate::synth::SynthLayout;
use crate::weights::{Adapter, Changeable, Checkpoint};

fn changeable() -> Changeable {
    let (_folder, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    Checkpoint::open(&path).unwrap().changeable().unwrap()
}

/// A tensor of zeros.
fn zeros(name: &str, shape: &[usize]) -> Tensor {
    (name.into(), Dtype::F32, shape.to_vec(), vec![0; shape.iter().product::<usize>() * 4])
}

#[test]
fn loras_of_every_kind_are_recognised_and_a_model_is_not() {
    let model = changeable();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/loras");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|kind| kind == "safetensors")).collect();
    assert!(files.len() > 10);
    for file in files {
        let is_lora = file.file_stem().unwrap() != "merged";
        assert_eq!(model.takes(&file), is_lora, "{}", file.display());
    }
    let (_folder, path) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    assert!(!model.takes(&path.join("unet/diffusion_pytorch_model.safetensors")));
}

#[test]
fn what_the_model_cannot_be_changed_by_is_not_recognised() {
    let (model, folder) = (changeable(), tempfile::tempdir().unwrap());
    let file = folder.path().join("a.safetensors");
    let to_k = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";
    let pair = |layer: &str, [rows, columns]: [usize; 2]| {
        let down = zeros(&format!("{layer}.lora_down.weight"), &[4, columns]);
        vec![down, zeros(&format!("{layer}.lora_up.weight"), &[rows, 4])]
    };
    for (what, tensors) in [
        ("another family's", pair("lora_unet_double_blocks_0_img_attn_qkv", [9, 3])),
        ("Stable Diffusion 1's", pair(to_k, [640, 768])),
        ("of no layer", pair("lora_unet_somewhere", [4, 4])),
        ("of a face's adapter", pair("ip_adapter.1.to_q_lora", [64, 64])),
        ("a word", vec![zeros("clip_l", &[4, 768]), zeros("clip_g", &[4, 1280])]),
        ("marks alone", vec![zeros(&format!("{to_k}.alpha"), &[])]),
        ("OFT", vec![zeros(&format!("{to_k}.oft_blocks"), &[4, 4, 4])]),
        ("nothing", vec![]),
    ] {
        fs::write(&file, safetensors(&tensors)).unwrap();
        assert!(!model.takes(&file), "{what}");
    }
    fs::write(&file, "<html>").unwrap();
    assert!(!model.takes(&file) && !model.takes(folder.path()) && !model.takes(&folder.path().join("b")));
}

#[test]
fn no_number_is_read_to_recognise_one() {
    let (model, folder) = (changeable(), tempfile::tempdir().unwrap());
    let file = folder.path().join("a.safetensors");
    let loras = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/loras");
    rename(&loras.join("lokr.safetensors"), &file, |name| Some(name.to_owned()));
    let broken: Vec<Tensor> = tensors_of(&file)
        .into_iter()
        .map(|(name, kind, shape, bytes)| (name, kind, shape, vec![0xff; bytes.len()]))
        .collect();
    fs::write(&file, safetensors(&broken)).unwrap();
    assert!(model.takes(&file));
    let told = Adapter::open(&file, &|| Ok(())).map(drop).unwrap_err().to_string();
    assert!(told.contains("not finite"), "{told}");
}
