use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::make::{assert_same, assert_same_part, rename, safetensors, synthetic, tensors_of, tiny};
use crate::error::Error;
use crate::synth::SynthLayout;
use crate::vae::{VaeConfig, VaeDecoder};
use crate::weights::{Checkpoint, Part};

const UNET: &str = "model.diffusion_model.";

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
    rename(&file, &bare, |key| key.strip_prefix(UNET).map(str::to_owned));
    rename(&file, &alone, |key| key.starts_with(UNET).then(|| key.to_owned()));
    let base = Checkpoint::open(&folder).unwrap();
    for unet in &[unet_file(&folder), file, bare, alone] {
        let laid = base.clone().with_part(Part::Unet, unet).unwrap();
        assert_same(&base, &laid);
        assert!(laid.unused().is_empty(), "{}: {:?}", unet.display(), laid.unused());
        // Every model has a file of that name; its folder's says more.
        let named = if *unet == unet_file(&folder) { &folder } else { unet };
        assert_eq!(laid.file_name_hint(), named);
    }
}

#[test]
fn a_base_without_a_unet_is_completed_by_one() {
    let (_keep, folder, _keep_too, file) = both();
    let whole = Checkpoint::open(&folder).unwrap();
    fs::remove_file(unet_file(&folder)).unwrap();
    let base = Checkpoint::open(&folder).unwrap();
    let error = base.weights(Part::Unet).unwrap_err().to_string();
    assert!(error.contains("unet: has no diffusion_pytorch_model.safetensors"), "{error}");
    assert_same(&whole, &base.with_part(Part::Unet, &file).unwrap());
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
    assert_same_part(&single, &Checkpoint::open(&folder).unwrap(), Part::Vae);
}

#[test]
fn the_same_tensor_is_handed_out_once() {
    let (_keep, folder, ..) = both();
    let unet = Checkpoint::open(&folder).unwrap().weights(Part::Unet).unwrap();
    let again = unet.clone().at("mid_block").at("resnets.0");
    let first = unet.vector("mid_block.resnets.0.norm1.weight", 60).unwrap();
    assert_eq!(first.id(), again.vector("norm1.weight", 60).unwrap().id());
    assert_eq!(first.name(), "unet.mid_block.resnets.0.norm1.weight");
}

#[test]
fn a_decoder_without_its_encoder_is_enough() {
    let (_keep, folder, ..) = both();
    let path = folder.join("vae/diffusion_pytorch_model.safetensors");
    let needed = |key: &str| !key.starts_with("encoder.") && !key.starts_with("quant_conv.");
    rename(&path, &path, |key| needed(key).then(|| key.to_owned()));
    let model = Checkpoint::open(&folder).unwrap();
    let vae = model.weights(Part::Vae).unwrap();
    assert!(matches!(vae.vector("quant_conv.bias", 8), Err(Error::MissingTensor { .. })));
    VaeDecoder::load(&vae, VaeConfig::read(model.configs()).unwrap()).unwrap();
}

#[test]
fn a_file_of_diffusers_own_converter_is_the_same_model() {
    let configs = tiny("odd_sizes");
    let (_keep, folder) = synthetic(&configs, SynthLayout::Folder);
    let (_keep_too, file) = synthetic(&configs, SynthLayout::SingleFile);
    let whole = Checkpoint::open(&folder).unwrap();
    assert_same(&whole, &Checkpoint::single_file(&file, &configs).unwrap());
    let mut tensors = tensors_of(&file);
    // The converter leaves the projection as transformers has it, [out, in], and older names of the VAE's
    // attention, as matrices.
    let second = tensors_of(&folder.join("text_encoder_2/model.safetensors"));
    let (_, dtype, shape, bytes) = second.into_iter().find(|t| t.0 == "text_projection.weight").unwrap();
    assert_ne!(shape[0], shape[1], "a square one would not tell");
    let key = "conditioner.embedders.1.model.text_projection";
    tensors.retain(|tensor| tensor.0 != key);
    tensors.push((format!("{key}.weight"), dtype, shape, bytes));
    for (key, _, shape, _) in &mut tensors {
        for (usual, left) in
            [(".q.", ".to_q."), (".k.", ".key."), (".v.", ".to_v."), (".proj_out.", ".to_out.0.")]
        {
            if key.contains("mid.attn_1") && key.contains(usual) {
                *key = key.replace(usual, left);
                shape.truncate(2);
            }
        }
        *key = key.replace("mid.attn_1.norm.", "mid.attn_1.group_norm.");
    }
    fs::write(&file, safetensors(&tensors)).unwrap();
    let single = Checkpoint::single_file(&file, &configs).unwrap();
    assert_same(&whole, &single);
    assert_eq!(single.unused(), [""; 0]);
}

/// The matrix is square in SDXL, so its shape does not say which way round it is stored.
#[test]
fn a_square_projection_is_turned_by_its_name() {
    let configs = tiny("sdxl_like");
    let (_keep, file) = synthetic(&configs, SynthLayout::SingleFile);
    let key = "conditioner.embedders.1.model.text_projection";
    let projection = |file: &Path| {
        let model = Checkpoint::single_file(file, &configs).unwrap();
        let weights = model.weights(Part::TextEncoder2).unwrap();
        weights.tensor("text_projection.weight", &[48, 48]).unwrap().to_f32()
    };
    let original = projection(&file);
    assert_ne!(original[1], original[48], "a symmetric one would not tell");
    rename(&file, &file, |name| Some(if name == key { format!("{key}.weight") } else { name.to_owned() }));
    let renamed = projection(&file);
    for row in 0..48 {
        for column in 0..48 {
            assert_eq!(renamed[row * 48 + column], original[column * 48 + row], "[{row}, {column}]");
        }
    }
}

#[test]
fn prefixes_and_wrappers_around_the_names_are_seen_through() {
    let (_keep, folder, keep, file) = both();
    let base = Checkpoint::open(&folder).unwrap();
    let path = keep.path().join("renamed.safetensors");
    let original = |key: &str| key.strip_prefix(UNET).map(str::to_owned);
    for prefix in [
        "unet.",
        "module.",
        "_orig_mod.",
        "diffusion_model.",
        "model.diffusion_model.",
        "module._orig_mod.unet.",
    ] {
        rename(&unet_file(&folder), &path, |key| Some(format!("{prefix}{key}")));
        let laid = base.clone().with_part(Part::Unet, &path).unwrap();
        assert_same(&base, &laid);
        assert!(laid.unused().is_empty(), "{prefix}: {:?}", laid.unused());
        rename(&file, &path, |key| Some(format!("{prefix}{}", original(key)?)));
        assert_same(&base, &base.clone().with_part(Part::Unet, &path).unwrap());
        // The same in a folder of diffusers, and around a whole checkpoint.
        let (_keep, wrapped) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
        rename(&unet_file(&folder), &unet_file(&wrapped), |key| Some(format!("{prefix}{key}")));
        assert_same(&base, &Checkpoint::open(&wrapped).unwrap());
        rename(&file, &path, |key| Some(format!("{prefix}{key}")));
        assert_same(&base, &Checkpoint::single_file(&path, &tiny("odd_sizes")).unwrap());
    }
    // Blocks compiled one by one.
    rename(&unet_file(&folder), &path, |key| Some(key.replace("attentions.0.", "attentions.0._orig_mod.")));
    assert_same(&base, &base.clone().with_part(Part::Unet, &path).unwrap());
}

#[test]
fn parts_under_diffusers_names_in_one_file_are_a_model() {
    let (_keep, folder, keep, _) = both();
    let mut tensors = Vec::new();
    for part in Part::WITH_WEIGHTS {
        let name = format!("{part}/{}.safetensors", part.weights_stem());
        let prefixed = |(key, dtype, shape, bytes)| (format!("{part}.{key}"), dtype, shape, bytes);
        tensors.extend(tensors_of(&folder.join(name)).into_iter().map(prefixed));
    }
    let path = keep.path().join("joined.safetensors");
    fs::write(&path, safetensors(&tensors)).unwrap();
    let joined = Checkpoint::single_file(&path, &tiny("odd_sizes")).unwrap();
    assert_same(&Checkpoint::open(&folder).unwrap(), &joined);
}

#[test]
fn a_vae_under_its_original_names_in_a_folder_is_read() {
    let (_keep, folder, _keep_too, file) = both();
    let vae = folder.join("vae/diffusion_pytorch_model.safetensors");
    rename(&file, &vae, |key| key.strip_prefix("first_stage_model.").map(str::to_owned));
    let single = Checkpoint::single_file(&file, &tiny("odd_sizes")).unwrap();
    assert_same_part(&single, &Checkpoint::open(&folder).unwrap(), Part::Vae);
}

#[test]
fn marks_and_words_in_a_file_are_kept_and_are_no_strangers_in_it() {
    let (_keep, folder, keep, file) = both();
    let configs = tiny("odd_sizes");
    let mut tensors = tensors_of(&file);
    for mark in ["v_pred", "ztsnr"] {
        tensors.push((mark.into(), ::safetensors::Dtype::F32, vec![0], vec![]));
    }
    let views = tensors.iter().map(|(key, dtype, shape, bytes)| {
        (key.as_str(), ::safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let said = [("modelspec.title".to_owned(), "Turbo".to_owned()), ("workflow".to_owned(), "{}".to_owned())];
    let marked = keep.path().join("marked.safetensors");
    fs::write(&marked, ::safetensors::serialize(views, Some(said.into())).unwrap()).unwrap();
    let single = Checkpoint::single_file(&marked, &configs).unwrap();
    let laid = Checkpoint::open(&folder).unwrap().with_part(Part::Unet, &marked).unwrap();
    for model in [single, laid] {
        let about = model.about();
        assert!(about.has("v_pred") && about.has("ztsnr") && !about.has("edm_mean"), "{about:?}");
        assert_eq!((about.text("modelspec.title"), about.text("workflow")), (Some("Turbo"), None));
        assert!(model.unused().is_empty() && model.warnings().is_empty(), "{:?}", model.warnings());
    }
}

#[test]
fn a_unet_with_more_in_it_than_sdxls_is_told() {
    let (_keep, folder, ..) = both();
    let mut tensors = tensors_of(&unet_file(&folder));
    tensors.push(("mid_block.adapter.weight".into(), ::safetensors::Dtype::F16, vec![1], vec![0; 2]));
    fs::write(unet_file(&folder), safetensors(&tensors)).unwrap();
    let model = Checkpoint::open(&folder).unwrap();
    let [warning] = model.warnings() else { panic!("{:?}", model.warnings()) };
    assert!(warning.contains("holds more than SDXL's does: `mid_block.adapter.weight`;"), "{warning}");
}
