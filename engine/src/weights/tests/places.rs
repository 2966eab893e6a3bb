use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::make::{assert_same, assert_same_part, synthetic, tiny};
use crate::synth::SynthLayout;
use crate::weights::{Checkpoint, Part};

const UNET: &str = "unet/diffusion_pytorch_model.safetensors";

fn model() -> (TempDir, PathBuf) {
    synthetic(&tiny("odd_sizes"), SynthLayout::Folder)
}

fn said(path: &Path) -> String {
    Checkpoint::open(path).map(drop).unwrap_err().to_string()
}

/// A folder of the hub's cache with these snapshots, and with `refs/main` naming one of them.
fn cache(at: &Path, snapshots: &[&str], main: Option<&str>) -> PathBuf {
    let cache = at.join("models--someone--some-model");
    let (_keep, model) = model();
    for name in snapshots {
        fs::create_dir_all(cache.join("snapshots")).unwrap();
        copy(&model, &cache.join("snapshots").join(name));
    }
    fs::create_dir_all(cache.join("refs")).unwrap();
    main.into_iter().for_each(|main| fs::write(cache.join("refs/main"), main).unwrap());
    cache
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &to) } else { _ = fs::copy(entry.path(), to).unwrap() }
    }
}

#[test]
fn a_folder_of_the_hubs_cache_opens_its_snapshot() {
    let (_keep, folder) = model();
    let whole = Checkpoint::open(&folder).unwrap();
    for (snapshots, main) in [
        (&["abc"][..], None),
        (&["abc"], Some("abc\n")),
        (&["abc", "def"], Some("def")),
        (&["abc"], Some("gone")),
    ] {
        let at = tempfile::tempdir().unwrap();
        let cache = cache(at.path(), snapshots, main);
        for path in [cache.clone(), cache.join("snapshots"), cache.join("snapshots").join(snapshots[0])] {
            let opened = Checkpoint::open(&path).unwrap();
            assert_same(&whole, &opened);
            // A commit's name says nothing of a model.
            assert_eq!(opened.file_name_hint(), cache, "{}", path.display());
        }
        assert_same(&whole, &whole.clone().with_part(Part::Unet, &cache).unwrap());
    }
}

#[test]
fn a_cache_that_does_not_tell_lists_what_it_has() {
    let at = tempfile::tempdir().unwrap();
    let several = cache(at.path(), &["abc", "def"], Some("../../elsewhere"));
    assert!(said(&several).contains("several snapshots; give one of `abc`, `def`"), "{}", said(&several));
    assert!(said(at.path()).contains("give one of `models--someone--some-model`"), "{}", said(at.path()));
    fs::remove_dir_all(several.join("snapshots/abc")).unwrap();
    fs::remove_dir_all(several.join("snapshots/def")).unwrap();
    assert!(said(&several).contains("no snapshot in it"), "{}", said(&several));
}

#[test]
fn names_of_the_hub_and_addresses_are_not_fetched_and_that_is_said() {
    for (path, expected) in [
        ("stabilityai/sdxl-turbo", "hf download stabilityai/sdxl-turbo"),
        ("https://huggingface.co/stabilityai/sdxl-turbo", "is an address; Fulmen downloads nothing"),
        ("someone/model.safetensors", "cannot read"),
        ("nowhere", "cannot read"),
        ("/someone/name", "cannot read"),
        ("../someone", "cannot read"),
    ] {
        let said = said(Path::new(path));
        assert!(said.contains(expected) && said.contains(path), "{said}");
    }
}

#[test]
fn a_folder_that_is_no_model_says_what_to_give_instead() {
    let (_keep, folder) = model();
    let part = said(&folder.join("unet"));
    assert!(
        part.contains(&format!("one part of the model in {}; give that folder", folder.display())),
        "{part}"
    );
    let above = said(folder.parent().unwrap());
    assert!(above.contains("models in it; give one of `model`"), "{above}");
    let at = tempfile::tempdir().unwrap();
    assert!(said(at.path()).contains("is an empty folder"), "{}", said(at.path()));
    fs::write(at.path().join("model.ckpt"), "x").unwrap();
    assert!(said(at.path()).contains("only as `model.ckpt`, a PyTorch pickle"), "{}", said(at.path()));
    fs::copy(folder.join(UNET), at.path().join("a.safetensors")).unwrap();
    assert!(said(at.path()).contains("give one of `a.safetensors`"), "{}", said(at.path()));
    for (class, expected) in [
        ("FluxPipeline", "is of another family, Flux;"),
        ("StableDiffusion3Pipeline", "Stable Diffusion 3;"),
        ("StableDiffusionPipeline", "Stable Diffusion 1 or 2;"),
        ("KolorsPipeline", "Kolors;"),
    ] {
        fs::write(folder.join("model_index.json"), format!(r#"{{"_class_name": "{class}"}}"#)).unwrap();
        assert!(said(&folder).contains(expected), "{}", said(&folder));
    }
    let refiner = r#"{"_class_name": "StableDiffusionXLImg2ImgPipeline", "text_encoder": [null, null]}"#;
    fs::write(folder.join("model_index.json"), refiner).unwrap();
    assert!(said(&folder).contains("the SDXL refiner"), "{}", said(&folder));
}

#[test]
fn a_unet_is_laid_over_from_any_folder_that_has_one() {
    let (_keep, folder) = model();
    let base = Checkpoint::open(&folder).unwrap();
    let at = tempfile::tempdir().unwrap();
    // A repository of a UNet alone, and one file with any name.
    let (alone, only) = (at.path().join("alone"), at.path().join("only"));
    copy(&folder.join("unet"), &alone);
    fs::create_dir(&only).unwrap();
    fs::copy(folder.join(UNET), only.join("lightning.safetensors")).unwrap();
    for unet in [&folder, &folder.join("unet"), &alone, &only] {
        let laid = base.clone().with_part(Part::Unet, unet).unwrap();
        assert_same(&base, &laid);
        assert!(laid.unused().is_empty(), "{}: {:?}", unet.display(), laid.unused());
    }
    // Its own configuration is the one that counts.
    let config = alone.join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["sample_size"] = 24.into();
    fs::write(&config, json.to_string()).unwrap();
    let laid = base.clone().with_part(Part::Unet, &alone).unwrap();
    assert_eq!(laid.config::<serde_json::Value>(Part::Unet).unwrap()["sample_size"], 24);
    assert_same_part(&base, &laid, Part::Vae);
}

#[test]
fn a_folder_without_a_unet_is_not_laid_over() {
    let (_keep, folder) = model();
    let base = Checkpoint::open(&folder).unwrap();
    let said = |path: &Path| base.clone().with_part(Part::Unet, path).map(drop).unwrap_err().to_string();
    assert!(said(&folder.join("vae")).contains("is of a `AutoencoderKL`"), "{}", said(&folder.join("vae")));
    let at = tempfile::tempdir().unwrap();
    assert!(said(at.path()).contains("neither a UNet nor a folder `unet`"), "{}", said(at.path()));
    for name in ["a", "b"] {
        fs::copy(folder.join(UNET), at.path().join(format!("{name}.safetensors"))).unwrap();
    }
    assert!(said(at.path()).contains("give one of `a.safetensors`, `b.safetensors`"), "{}", said(at.path()));
}
