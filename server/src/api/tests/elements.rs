//! Which files of a folder of LoRAs are listed, and may be asked for.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::bench::{Bench, PROMPT};
use super::{lora, nets};

/// A folder with one LoRA, and much else.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    lora::write(&at("fox.safetensors"), &[lora::TO_Q]);
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
    fs::copy(demo.join("unet/diffusion_pytorch_model.safetensors"), at("unet.safetensors")).unwrap();
    fs::copy(demo.join("vae/diffusion_pytorch_model.safetensors"), at("vae.safetensors")).unwrap();
    fs::copy(nets::upscaler(), at("upscaler.safetensors")).unwrap();
    let net = |at: PathBuf| {
        nets::control_net(&folder.path().join("net"));
        fs::rename(folder.path().join("net/diffusion_pytorch_model.safetensors"), at).unwrap();
    };
    net(at("canny.safetensors"));
    nets::write(&at("word.safetensors"), &json!({"clip_l": [4, 768], "clip_g": [4, 1280]}));
    nets::write(&at("faces.safetensors"), &json!({"ip_adapter.0.to_q_lora.down.weight": [4, 96]}));
    nets::write(&at("oft.safetensors"), &json!({format!("{}.oft_blocks", lora::TO_Q): [4, 8, 8]}));
    // Of Stable Diffusion 1, whose layers have the same names, and of a model that this is not.
    let text = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k";
    let of_text =
        json!({format!("{text}.lora_down.weight"): [4, 768], format!("{text}.lora_up.weight"): [96, 4]});
    nets::write(&at("other.safetensors"), &of_text);
    lora::write(&at("absent.safetensors"), &[lora::ABSENT]);
    let whole = fs::read(at("fox.safetensors")).unwrap();
    fs::write(at("cut.safetensors"), &whole[..whole.len() - 4]).unwrap();
    fs::write(at("page.safetensors"), "<html>not found</html>").unwrap();
    fs::write(at("nothing.safetensors"), "").unwrap();
    fs::write(at("notes.txt"), "").unwrap();
    folder
}

fn names(bench: &Bench) -> Vec<String> {
    let loras = bench.get("/elements")["loras"].take();
    loras.as_array().unwrap().iter().map(|lora| lora["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn only_loras_for_the_model_are_listed() {
    let bench = Bench::with_lora_folder(folder());
    assert_eq!(names(&bench), ["fox"]);
    for name in ["unet", "vae", "canny", "word", "cut", "absent"] {
        let element = json!({"elements": [{"akUUID": name}]});
        assert_eq!(bench.refused(&element), "elements[0].akUUID", "{name}");
        let lora = json!({"loras": [{"name": name}]});
        assert_eq!(bench.imagine_refused(&lora), "loras[0].name", "{name}");
    }
    bench.leonardo(&json!({"elements": [{"akUUID": "fox"}]}));
}

#[test]
fn files_that_come_and_change_are_looked_at_again() {
    let folder = folder();
    let at = folder.path().to_owned();
    let bench = Bench::with_lora_folder(folder);
    assert_eq!(names(&bench), ["fox"]);
    lora::write(&at.join("below/wolf.safetensors"), &[lora::PROJ_IN]);
    lora::write(&at.join("page.safetensors"), &[lora::TO_Q]);
    fs::copy(at.join("vae.safetensors"), at.join("fox.safetensors")).unwrap();
    assert_eq!(names(&bench), ["page", "wolf"]);
    fs::remove_file(at.join("page.safetensors")).unwrap();
    assert_eq!(names(&bench), ["wolf"]);
}

#[test]
fn a_tag_that_no_lora_answers_to_is_refused_before_anything_is_begun() {
    let bench = Bench::with_lora_folder(folder());
    for (name, told) in
        [("vae", "is a VAE alone, not a LoRA"), ("cut", "ends within tensor"), ("absent", "changes nothing")]
    {
        let asked = json!({"prompt": format!("{PROMPT} <lora:{name}:1>")});
        let (status, answer) = bench.begin(&asked);
        let said = answer["error"].as_str().unwrap_or_default();
        assert!(status == 400 && answer["path"] == "$.prompt" && said.contains(told), "{name}: {answer}");
        assert!(said.contains(name) && !said.contains(".safetensors"), "{said}");
    }
}

#[test]
fn a_lora_goes_before_another_file_of_its_name() {
    let folder = folder();
    lora::write(&folder.path().join("vaes/vae.safetensors"), &[lora::PROJ_IN]);
    let bench = Bench::with_lora_folder(folder);
    assert_eq!(names(&bench), ["fox", "vae"]);
    let element: Value = json!({"elements": [{"akUUID": "vae"}]});
    let changed = bench.leonardo(&element);
    assert!(!changed.is(&bench.leonardo(&json!({}))));
}
