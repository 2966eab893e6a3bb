//! Models that are not there, or are not what they should be.

use std::fs;
use std::path::Path;

use crate::program::{Place, Run, repository};

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

/// The demo model in a folder of its own.
fn demo(place: &Place) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
            if from.is_dir() { copy(&from, &to) } else { _ = fs::copy(&from, &to).unwrap() }
        }
    }
    for part in ["unet", "vae", "text_encoder", "text_encoder_2", "scheduler", "tokenizer", "tokenizer_2"] {
        copy(&repository("models/demo").join(part), &place.path("model").join(part));
    }
    fs::copy(repository("models/demo/model_index.json"), place.path("model/model_index.json")).unwrap();
}

#[test]
fn nothing_in_a_model_file_steers_the_terminal_or_fills_it() {
    let place = Place::new();
    demo(&place);
    let steer = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{200b}";
    let file = place.path("model/unet/config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for word in [steer.to_owned(), format!("{steer}{}", "x".repeat(500_000))] {
        config["down_block_types"][0] = word.into();
        fs::write(&file, config.to_string()).unwrap();
        let run = place
            .draw(&["a cat", "--model", "model", "--json"])
            .failed(1, &["unet/config.json", "\\u{1b}[2J"]);
        for said in [&run.stdout, &run.stderr] {
            let unseen = |c: char| (c.is_control() && c != '\n') || steer.contains(c) && !c.is_ascii();
            assert!(!said.contains(unseen) && said.len() < 10_000, "{} bytes: {said:.300}", said.len());
        }
        let message = run.last_event("error")["message"].as_str().unwrap().to_owned();
        assert!(message.contains("unet/config.json"), "{message}");
    }
}

#[test]
fn a_file_with_bytes_after_its_end_is_drawn_with_and_told() {
    let place = Place::new();
    demo(&place);
    let file = place.path("model/unet/diffusion_pytorch_model.safetensors");
    let whole = place.draw(&["a cat", "--model", "model", "--seed", "1", "-o", "whole.png"]).succeeded();
    assert!(!whole.stderr.contains("bytes after"), "{}", whole.stderr);
    fs::write(&file, [&fs::read(&file).unwrap()[..], &[0; 512]].concat()).unwrap();
    let run = place.draw(&["a cat", "--model", "model", "--seed", "1", "-o", "longer.png"]).succeeded();
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("has 512 bytes after"), "{}", run.stderr);
    assert!(fs::read(place.path("whole.png")).unwrap() == fs::read(place.path("longer.png")).unwrap());
    let told = place.run(&["models", "inspect", "model"]).succeeded();
    assert!(told.stdout.contains("has 512 bytes after"), "{}", told.stdout);
}

#[test]
fn what_cannot_be_drawn_is_inspected_with_the_same_words() {
    let place = Place::new();
    demo(&place);
    for (part, field, value) in [
        ("unet", "act_fn", "gelu"),
        ("unet", "addition_embed_type", "image"),
        ("unet", "cross_attention_dim", "96"),
        ("vae", "act_fn", "gelu"),
        ("text_encoder", "hidden_act", "relu"),
    ] {
        let file = place.path(&format!("model/{part}/config.json"));
        let before = fs::read(&file).unwrap();
        let mut config: serde_json::Value = serde_json::from_slice(&before).unwrap();
        config[field] = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        fs::write(&file, config.to_string()).unwrap();
        let drawn = place.draw(&["a cat", "--model", "model"]).failed(1, &[part]).stderr;
        let inspected = place.run(&["models", "inspect", "model"]).failed(1, &[part]);
        assert!(drawn.ends_with(&inspected.stderr), "{drawn}{}", inspected.stderr);
        assert!(!inspected.stdout.contains("drawn in"), "{}", inspected.stdout);
        fs::write(&file, before).unwrap();
    }
    place.run(&["models", "inspect", "model"]).succeeded();
}

#[test]
fn a_scheduler_with_a_mark_before_its_text_is_read() {
    let place = Place::new();
    demo(&place);
    let file = place.path("model/scheduler/scheduler_config.json");
    let config = fs::read(&file).unwrap();
    fs::write(&file, [b"\xef\xbb\xbf", &config[..]].concat()).unwrap();
    place.run(&["models", "inspect", "model"]).succeeded();
    fs::write(&file, [b"// mine\n", &config[..]].concat()).unwrap();
    let run =
        place.run(&["models", "inspect", "model"]).failed(1, &["scheduler_config.json", "not valid JSON"]);
    assert!(!run.stderr.contains("weights"), "{}", run.stderr);
}

#[test]
fn what_is_no_model_is_told_with_what_to_do() {
    let place = Place::new();
    let answer = br#"{"error":"Unauthorized","message":"You must be logged in to download it"}"#;
    fs::write(place.path("answer.safetensors"), answer).unwrap();
    place
        .draw(&["a cat", "--model", "answer.safetensors"])
        .failed(1, &["You must be logged in", "log in there"]);
    place.draw(&["a cat", "--model", "someone/name"]).failed(1, &["hf download someone/name"]);
    place.draw(&["a cat", "--unet", "someone/name"]).failed(1, &["hf download someone/name"]);
    place.run(&["models", "inspect", "https://example.org/a.safetensors"]).failed(1, &["is an address"]);
    demo(&place);
    fs::write(place.path("model/tokenizer/merges.txt"), "").unwrap();
    place.draw(&["a cat", "--model", "model"]).failed(1, &["merges.txt", "it is cut off"]);
}

#[test]
fn a_unet_in_a_folder_is_laid_over() {
    let place = Place::new();
    demo(&place);
    fs::rename(place.path("model/unet"), place.path("alone")).unwrap();
    place.draw(&["a cat", "--unet", "alone", "-o", "laid.png"]).succeeded();
    place.draw(&["a cat", "--model", "model", "--unet", "alone", "-o", "whole.png"]).succeeded();
}

#[test]
fn a_model_without_its_vae_says_how_to_give_one_and_draws_with_it() {
    let place = Place::new();
    demo(&place);
    fs::rename(place.path("model/vae"), place.path("alone")).unwrap();
    place.draw(&["a cat", "--model", "model"]).failed(1, &["vae/config.json", "with --vae"]);
    let bare = ["a cat", "--seed", "1", "--png-text", "none"];
    let laid = ["--model", "model", "--vae", "alone", "-o", "with.png"];
    place.draw(&[&bare[..], &laid].concat()).succeeded();
    place.draw(&[&bare[..], &["-o", "whole.png"]].concat()).succeeded();
    assert!(fs::read(place.path("with.png")).unwrap() == fs::read(place.path("whole.png")).unwrap());
    let told = place.run(&["models", "inspect", "model", "--vae", "alone"]).succeeded();
    assert!(told.stdout.contains("  vae "), "{}", told.stdout);
    for flag in ["--vae", "--text-encoder", "--text-encoder-2"] {
        place.draw(&["a cat", flag, "model/unet"]).failed(1, &["is of a `UNet2DConditionModel`, not of "]);
    }
}

/// A repository of the hub, fetched by its own tools into `at`.
fn fetched(place: &Place, at: &str, from: &str, repository: &str) {
    let cache = place.path(at).join(repository);
    fs::create_dir_all(cache.join("snapshots")).unwrap();
    fs::create_dir_all(cache.join("refs")).unwrap();
    fs::write(cache.join("refs/main"), "0123456789abcdef").unwrap();
    fs::rename(place.path(from), cache.join("snapshots/0123456789abcdef")).unwrap();
}

#[test]
fn a_name_of_the_hub_opens_what_its_cache_has() {
    let place = Place::new();
    for (variable, value, at) in [
        ("HF_HUB_CACHE", "a", "a"),
        ("HUGGINGFACE_HUB_CACHE", "b", "b"),
        ("HF_HOME", "c", "c/hub"),
        ("XDG_CACHE_HOME", "d", "d/huggingface/hub"),
        ("HOME", "e", "e/.cache/huggingface/hub"),
    ] {
        let inspect = |path: &str, flags: &[&str]| {
            let mut command = place.command();
            for other in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"] {
                command.env_remove(other);
            }
            command.env(variable, place.path(value)).args(["models", "inspect", path]).args(flags);
            Run::of(command.output().unwrap())
        };
        demo(&place);
        fetched(&place, at, "model/vae", "models--someone--a-vae");
        inspect("someone/a-turbo", &[]).failed(1, &["hf download someone/a-turbo"]);
        fetched(&place, at, "model", "models--someone--a-turbo");
        let told = inspect("someone/a-turbo", &["--vae", "someone/a-vae"]).succeeded();
        assert!(told.stdout.contains("Turbo, by its name `a-turbo`"), "{variable}: {}", told.stdout);
        inspect("someone/a-turbo", &[]).failed(1, &["vae", "with --vae"]);
        let told = inspect("someone/a-turbo/unet", &[]).succeeded();
        assert!(told.stdout.contains("a UNet alone; give it with --unet"), "{variable}: {}", told.stdout);
        inspect("someone/a-turbo/lost.safetensors", &[]).failed(1, &["has no `lost.safetensors`, only `"]);
    }
}

#[test]
fn a_part_by_itself_is_told_with_the_flag_that_takes_it_and_with_what_its_name_says() {
    let place = Place::new();
    demo(&place);
    let inspect = |path: &str| place.run(&["models", "inspect", path]).succeeded().stdout;
    for (part, said) in [
        ("unet", "this is a UNet alone; give it with --unet"),
        ("vae", "this is a VAE alone; give it with --vae"),
        ("text_encoder", "this is the first text encoder alone; give it with --text-encoder,"),
        ("text_encoder_2", "this is the second text encoder alone; give it with --text-encoder-2"),
    ] {
        let stem = if part.starts_with("text") { "model" } else { "diffusion_pytorch_model" };
        for path in [format!("model/{part}"), format!("model/{part}/{stem}.safetensors")] {
            let told = inspect(&path);
            assert!(told.contains(said) && told.contains(" M parameters in "), "{path}: {told}");
            assert_eq!(told.contains("drawn in "), part == "unet", "{path}: {told}");
        }
    }
    fs::rename(place.path("model/unet"), place.path("sdxl_lightning_4step_unet")).unwrap();
    let told = inspect("sdxl_lightning_4step_unet");
    assert!(told.contains("drawn in 4 steps with no guidance; trailing timesteps"), "{told}");
    assert!(told.contains("Lightning, by its name `sdxl_lightning_4step_unet`"), "{told}");
    let run = place.run(&["models", "inspect", "--json", "sdxl_lightning_4step_unet"]).succeeded();
    let told = run.events().remove(0);
    assert_eq!(told["lacks"], serde_json::json!(["vae", "text_encoder", "text_encoder_2"]));
    assert_eq!((&told["steps"], &told["distilled"]), (&4.into(), &true.into()));
}
