//! Models that are not there, or are not what they should be.

use std::fs;

use crate::program::{Place, repository};

#[test]
fn a_model_that_is_not_there_is_named() {
    let place = Place::new();
    place.draw(&["a cat", "--model", "nowhere"]).failed(1, &["cannot read nowhere"]);
    place.draw(&["a cat", "--unet", "nowhere.safetensors"]).failed(1, &["nowhere.safetensors"]);
    assert!(place.files().is_empty());
}

#[test]
fn files_that_are_no_models_are_refused_by_name() {
    let place = Place::new();
    let demo = fs::read(repository("models/demo/unet/diffusion_pytorch_model.safetensors")).unwrap();
    let files: [(&str, &[u8]); 5] = [
        ("empty.safetensors", b""),
        ("short.safetensors", b"abc"),
        ("page.safetensors", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"),
        ("truncated.safetensors", &demo[..demo.len() / 2]),
        ("pointer.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
    ];
    for (name, bytes) in files {
        fs::write(place.path(name), bytes).unwrap();
        place.draw(&["a cat", "--model", name]).failed(1, &[name]);
        place.draw(&["a cat", "--unet", name]).failed(1, &[name]);
        place.run(&["models", "inspect", name]).failed(1, &[name]);
    }
}

#[test]
fn a_folder_without_a_model_is_refused() {
    let place = Place::new();
    fs::create_dir(place.path("folder")).unwrap();
    place.draw(&["a cat", "--model", "folder"]).failed(1, &["folder", "model_index.json"]);
}

#[test]
fn a_model_whose_weights_are_missing_is_refused_by_part() {
    let place = Place::new();
    let configs = repository("tests/fixtures/goldens/sdxl_like");
    place
        .draw(&["a cat".as_ref(), "--model".as_ref(), configs.as_os_str()])
        .failed(1, &["text_encoder", "model.safetensors"]);
}
