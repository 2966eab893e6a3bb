use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::make::{Tensor, assert_same, rename, safetensors, synthetic, tensors_of, tiny};
use crate::synth::SynthLayout;
use crate::weights::names::Layout;
use crate::weights::{Checkpoint, Part};

const PARTS: [Part; 3] = [Part::Vae, Part::TextEncoder, Part::TextEncoder2];

/// A tiny model: a folder of its own for each form, the folder, and the single file.
fn both() -> (TempDir, PathBuf, TempDir, PathBuf) {
    let configs = tiny("odd_sizes");
    let (keep, folder) = synthetic(&configs, SynthLayout::Folder);
    let (keep_too, file) = synthetic(&configs, SynthLayout::SingleFile);
    (keep, folder, keep_too, file)
}

fn weights_of(folder: &Path, part: Part) -> PathBuf {
    folder.join(part.name()).join(format!("{}.safetensors", part.weights_stem()))
}

#[test]
fn a_part_is_taken_from_whatever_has_it_in_place_of_the_models_own() {
    let (_keep, folder, keep, file) = both();
    let whole = Checkpoint::open(&folder).unwrap();
    for part in PARTS {
        let prefix = Layout::single_file(part).prefix;
        let (bare, prefixed) =
            (keep.path().join("bare.safetensors"), keep.path().join("prefixed.safetensors"));
        rename(&file, &bare, |key| key.strip_prefix(&prefix).map(str::to_owned));
        rename(&file, &prefixed, |key| key.starts_with(&prefix).then(|| key.to_owned()));
        let no_config = keep.path().join(format!("only {part}"));
        fs::create_dir(&no_config).unwrap();
        fs::copy(weights_of(&folder, part), no_config.join("any.safetensors")).unwrap();
        // What is replaced need not be there, nor be one that SDXL has.
        let (_keep, other) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
        let base = Checkpoint::open(&other).unwrap();
        fs::remove_file(weights_of(&other, part)).unwrap();
        let without = Checkpoint::open(&other).unwrap();
        without.weights(part).map(drop).unwrap_err();
        for given in [
            &folder,
            &folder.join(part.name()),
            &weights_of(&folder, part),
            &file,
            &bare,
            &prefixed,
            &no_config,
        ] {
            for base in [&base, &without] {
                let laid = base.clone().with_part(part, given).unwrap();
                assert_same(&whole, &laid);
                assert!(laid.unused().is_empty(), "{}: {:?}", given.display(), laid.unused());
                // The UNet is the model's own, and so is what its name says.
                assert_eq!((laid.file_name_hint(), laid.is_laid()), (&*other, false));
            }
        }
    }
}

#[test]
fn a_part_that_the_model_has_in_another_kind_is_replaced() {
    let (_keep, folder, _keep_too, file) = both();
    let whole = Checkpoint::open(&folder).unwrap();
    let (_keep, other) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    let config = other.join("vae/config.json");
    let usual = fs::read_to_string(&config).unwrap();
    fs::write(&config, usual.replace("\"latent_channels\": 4", "\"latent_channels\": 16")).unwrap();
    fs::write(other.join("text_encoder/config.json"), "{}").unwrap();
    let base = Checkpoint::open(&other).unwrap();
    let said = base.weights(Part::TextEncoder).map(drop).unwrap_err().to_string();
    assert!(said.contains("text_encoder/config.json: "), "{said}");
    let laid = base.with_part(Part::Vae, &folder).unwrap();
    assert_same(&whole, &laid.with_part(Part::TextEncoder, &folder).unwrap());
    // A file without a configuration has the model's own, or SDXL's.
    let said =
        Checkpoint::open(&other).unwrap().with_part(Part::Vae, &file).map(drop).unwrap_err().to_string();
    assert!(said.contains("that fits this model has"), "{said}");
}

/// What is said of tensors, of which only names and shapes count, that are given as a part of SDXL.
fn said(part: Part, tensors: &[(&str, &[usize])]) -> String {
    let keep = tempfile::tempdir().unwrap();
    let path = keep.path().join("given.safetensors");
    let tensor = |(key, shape): &(&str, &[usize])| {
        let bytes = vec![0; 2 * shape.iter().product::<usize>()];
        ((*key).to_owned(), safetensors::Dtype::F16, shape.to_vec(), bytes)
    };
    fs::write(&path, safetensors(&tensors.iter().map(tensor).collect::<Vec<Tensor>>())).unwrap();
    Checkpoint::embedded_demo().unwrap().with_part(part, &path).map(drop).unwrap_err().to_string()
}

#[test]
fn what_is_given_as_a_part_and_is_another_is_called_by_its_name() {
    use Part::{TextEncoder, TextEncoder2, Unet, Vae};
    const UNET: (&str, &[usize]) = ("model.diffusion_model.input_blocks.0.0.weight", &[8, 4, 3, 3]);
    const FIRST: (&str, &[usize]) = ("embeddings.token_embedding.weight", &[200, 768]);
    const SECOND: (&str, &[usize]) = ("embeddings.token_embedding.weight", &[200, 1280]);
    let decoder = ("decoder.mid.block_1.norm1.weight", &[64][..]);
    for (part, tensors, expected) in [
        (Vae, &[("lora_unet_x.lora_down.weight", &[1][..])][..], "holds a LoRA,"),
        (Vae, &[("controlnet_cond_embedding.conv_in.weight", &[1])], "is a ControlNet"),
        (Vae, &[("double_blocks.0.x", &[1])], "is of another family, Flux;"),
        (Vae, &[("cond_stage_model.transformer.x", &[1]), decoder], "Stable Diffusion 1;"),
        (Vae, &[UNET], "is a different network from SDXL's"),
        (Vae, &[UNET, ("model.diffusion_model.a.attn2.to_k.weight", &[8, 768])], "Stable Diffusion 1;"),
        (TextEncoder, &[("input_blocks.0.0.weight", &[8, 8, 3, 3])], "is a model for editing pictures"),
        (TextEncoder, &[("input_blocks.0.0.weight", &[8, 9, 3, 3])], "is a different network from SDXL's"),
        (Vae, &[FIRST], "is the first text encoder alone; give it with --text-encoder,"),
        (Unet, &[SECOND], "is the second text encoder alone; give it with --text-encoder-2,"),
        (Vae, &[("embeddings.token_embedding.weight", &[200, 1024])], "Stable Diffusion 2;"),
        (Vae, &[("embeddings.token_embedding.weight", &[200, 64])], "is a CLIP text encoder alone;"),
        (
            Unet,
            &[("decoder.conv_in.weight", &[4, 16, 3, 3]), decoder],
            "latents have 16 channels, SDXL's have 4",
        ),
        (
            Vae,
            &[("decoder.conv_in.weight", &[4, 16, 3, 3]), decoder],
            "latents have 16 channels, SDXL's have 4",
        ),
        (
            Vae,
            &[("decoder.conv_in.weight", &[4, 4, 3, 3]), decoder],
            "has a tensor `decoder.conv_in.weight` of shape",
        ),
        (Vae, &[decoder], "lacks"),
        (TextEncoder, &[SECOND], "is the second text encoder; give it with --text-encoder-2"),
        (TextEncoder, &[("transformer.resblocks.0.ln_1.weight", &[64])], "is the second text encoder;"),
        (TextEncoder2, &[FIRST], "is the first text encoder; give it with --text-encoder"),
        (TextEncoder2, &[("embeddings.token_embedding.weight", &[200, 1024])], "Stable Diffusion 2;"),
        (TextEncoder2, &[decoder], "is a VAE alone; give it with --vae"),
        (TextEncoder, &[("encoder.block.0.layer.0.SelfAttention.q.weight", &[1])], "is a T5 text encoder"),
        (Unet, &[decoder], "is a VAE alone; give it with --vae"),
    ] {
        let said = said(part, tensors);
        assert!(said.contains(expected), "{part}: {tensors:?}: {said}");
        assert!(!said.contains("fetch it again"), "{said}");
    }
}

#[test]
fn a_whole_model_without_the_part_says_which_it_has() {
    let (_keep, folder, _keep_too, file) = both();
    let mut tensors = tensors_of(&file);
    tensors.retain(|tensor| !tensor.0.starts_with("first_stage_model."));
    fs::write(&file, safetensors(&tensors)).unwrap();
    let base = Checkpoint::open(&folder).unwrap();
    let said = base.clone().with_part(Part::Vae, &file).map(drop).unwrap_err().to_string();
    assert!(
        said.contains("the second text encoder, but not a VAE; give a file or folder that has"),
        "{said}"
    );
    let own = Checkpoint::single_file(&file, &tiny("odd_sizes")).unwrap();
    let said = own.weights(Part::Vae).map(drop).unwrap_err().to_string();
    assert!(said.contains("but no VAE; give one with --vae"), "{said}");
    assert_same(&base, &own.with_part(Part::Vae, &folder).unwrap());
}

#[test]
fn a_vae_whose_latents_are_scaled_as_in_another_family_is_refused() {
    let (_keep, folder, ..) = both();
    let (_keep, other) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    for (folder, factor) in [(&folder, 0.13025), (&other, 0.18215)] {
        let config = folder.join("vae/config.json");
        let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
        json["scaling_factor"] = factor.into();
        fs::write(&config, json.to_string()).unwrap();
    }
    let base = Checkpoint::open(&folder).unwrap();
    let said = base.with_part(Part::Vae, &other).map(drop).unwrap_err().to_string();
    assert!(said.contains("is the VAE of Stable Diffusion 1 or 2: it scales latents by 0.18215"), "{said}");
}
