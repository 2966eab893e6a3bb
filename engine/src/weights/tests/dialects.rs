use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::make::{assert_same, assert_same_component, rename, safetensors, synthetic, tensors_of, tiny};
use crate::weights::names;
use crate::weights::synth::SynthLayout;
use crate::weights::{Checkpoint, Component};

/// A tiny model as a folder and as a single file.
fn both() -> (TempDir, PathBuf, TempDir, PathBuf) {
    let configs = tiny("odd_sizes");
    let (keep, folder) = synthetic(&configs, SynthLayout::Folder);
    let (keep_too, file) = synthetic(&configs, SynthLayout::SingleFile);
    (keep, folder, keep_too, file)
}

fn unet_file(folder: &Path) -> PathBuf {
    folder.join("unet/diffusion_pytorch_model.safetensors")
}

#[test]
fn a_unet_in_any_dialect_can_be_laid_over() {
    let (_keep, folder, keep, file) = both();
    let (bare, alone) =
        (keep.path().join("bare.safetensors"), keep.path().join("sdxl_lightning_4step.safetensors"));
    rename(&file, &bare, |key| key.strip_prefix(names::UNET).map(str::to_owned));
    rename(&file, &alone, |key| key.starts_with(names::UNET).then(|| key.to_owned()));
    let base = Checkpoint::open(&folder).unwrap();
    for unet in [&unet_file(&folder), &file, &bare, &alone] {
        let laid = base.clone().with_unet(unet).unwrap();
        assert_same(&base, &laid);
        assert!(laid.unused().is_empty(), "{}: {:?}", unet.display(), laid.unused());
        assert_eq!(laid.file_name_hint(), unet);
    }
}

#[test]
fn a_base_without_a_unet_is_completed_by_one() {
    let (_keep, folder, _keep_too, file) = both();
    let whole = Checkpoint::open(&folder).unwrap();
    fs::remove_file(unet_file(&folder)).unwrap();
    let base = Checkpoint::open(&folder).unwrap();
    let error = base.weights(Component::Unet).unwrap_err().to_string();
    assert!(error.contains("unet: has no diffusion_pytorch_model.safetensors"), "{error}");
    assert_same(&whole, &base.with_unet(&file).unwrap());
}

#[test]
fn text_encoders_without_the_models_name_are_read() {
    let (_keep, folder, _keep_too, file) = both();
    for encoder in ["text_encoder", "text_encoder_2"] {
        let path = folder.join(encoder).join("model.safetensors");
        rename(&path, &path, |key| Some(key.strip_prefix("text_model.").unwrap_or(key).to_owned()));
    }
    let single = Checkpoint::single_file(&file, &tiny("odd_sizes")).unwrap();
    assert_same(&single, &Checkpoint::open(&folder).unwrap());
}

#[test]
fn vae_attention_under_its_older_names_and_as_1x1_convolutions_is_read() {
    let (_keep, folder, _keep_too, file) = both();
    let path = folder.join("vae/diffusion_pytorch_model.safetensors");
    let mut tensors = tensors_of(&path);
    for (key, _, shape, _) in &mut tensors {
        let older = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")];
        for (today, before) in older {
            if key.contains(today) && shape.len() == 2 {
                shape.extend([1, 1]);
            }
            *key = key.replace(today, before);
        }
    }
    fs::write(&path, safetensors(&tensors)).unwrap();
    let single = Checkpoint::single_file(&file, &tiny("odd_sizes")).unwrap();
    assert_same_component(&single, &Checkpoint::open(&folder).unwrap(), Component::Vae);
}

#[test]
fn the_same_tensor_is_handed_out_once() {
    let (_keep, folder, ..) = both();
    let unet = Checkpoint::open(&folder).unwrap().weights(Component::Unet).unwrap();
    let again = unet.clone().at("mid_block").find("resnets.0").unwrap();
    let first = unet.vector("mid_block.resnets.0.norm1.weight", 60).unwrap();
    assert_eq!(first.id(), again.vector("norm1.weight", 60).unwrap().id());
    assert_eq!(first.name(), "unet.mid_block.resnets.0.norm1.weight");
    assert!(again.has("conv1.bias") && !again.has("conv1") && again.find("conv3").is_none());
}

#[test]
fn a_decoder_without_its_encoder_is_enough() {
    let (_keep, folder, ..) = both();
    let path = folder.join("vae/diffusion_pytorch_model.safetensors");
    let needed = |key: &str| !key.starts_with("encoder.") && !key.starts_with("quant_conv.");
    rename(&path, &path, |key| needed(key).then(|| key.to_owned()));
    let vae = Checkpoint::open(&folder).unwrap().weights(Component::Vae).unwrap();
    assert!(vae.find("encoder").is_none() && vae.find("decoder").is_some());
}
