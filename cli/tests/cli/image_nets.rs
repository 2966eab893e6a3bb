//! `fulmen models inspect` of what sees pictures: encoders, IP-Adapters, and LayerDiffuse's files.

use std::fs;
use std::path::Path;

use fulmen_engine::synth;
use serde_json::{Map, Value, json};

use crate::program::{Place, repository};

/// What a fixture says.
fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fs::read(repository("tests/fixtures").join(name)).unwrap()).unwrap()
}

/// Writes a file with tensors of these shapes.
fn write(file: &Path, shapes: &Value) {
    let (mut header, mut numbers) = (Map::new(), vec![]);
    for (name, shape) in shapes.as_object().unwrap() {
        let start = numbers.len();
        let extents: Vec<usize> = serde_json::from_value(shape.clone()).unwrap();
        numbers.extend(synth::values(name, &extents).iter().flat_map(|value| value.to_le_bytes()));
        let about = json!({ "dtype": "F16", "shape": shape, "data_offsets": [start, numbers.len()] });
        header.insert(name.clone(), about);
    }
    let header = Value::Object(header).to_string();
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &numbers].concat()).unwrap();
}

#[test]
fn encoders_of_pictures_and_adapters_are_called_what_they_are() {
    let place = Place::new();
    let about = fixture("ip_adapter.json");
    write(&place.path("models/image_encoder/model.safetensors"), &about["shapes"]["vision"]);
    let config = place.path("models/image_encoder/config.json");
    fs::write(&config, about["vision"].to_string()).unwrap();
    for (name, shapes) in [("base", "base"), ("plus", "plus")] {
        write(&place.path(&format!("{name}.safetensors")), &about["shapes"][shapes]);
    }
    let inspect = |path: &str| place.run(&["models", "inspect", path]).succeeded().stdout;
    for path in ["models", "models/image_encoder", "models/image_encoder/model.safetensors"] {
        let told = inspect(path);
        for wanted in
            ["encoder of pictures, 0.", "sees 40×40 pixels in patches of 8: 36 channels", "--image-encoder"]
        {
            assert!(told.contains(wanted), "{path}: {told}");
        }
    }
    let told = inspect("base.safetensors");
    assert!(told.starts_with("IP-Adapter, ") && told.contains("makes 4 tokens of a picture"), "{told}");
    assert!(told.contains("28 cross-attentions whose text has 80 channels; SDXL has 70, and 2048"), "{told}");
    let told = place.run(&["models", "inspect", "plus.safetensors", "--json"]).succeeded().stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    let found = json!([told["kind"], told["tokens"], told["fits"]]);
    assert_eq!(found, json!(["IP-Adapter Plus", 5, false]));
    // As torch.save writes them, with a dictionary for each half; these tensors are of no adapter's shapes.
    fs::copy(repository("tests/fixtures/ip_adapter_nested.bin"), place.path("nested.bin")).unwrap();
    place.run(&["models", "inspect", "nested.bin"]).failed(1, &["nested.bin", "image_proj"]);
    // What is wrong with one is told, and not that it is no model.
    fs::write(place.path("models/image_encoder/model.safetensors"), "no tensors").unwrap();
    let run = place.run(&["models", "inspect", "models/image_encoder"]);
    run.failed(1, &["model.safetensors"]);
    fs::write(config, r#"{"architectures": ["CLIPVisionModelWithProjection"], "patch_size": 0}"#).unwrap();
    write(&place.path("models/image_encoder/model.safetensors"), &about["shapes"]["vision"]);
    place.run(&["models", "inspect", "models/image_encoder"]).failed(1, &["patch_size"]);
}

#[test]
fn layer_diffuses_files_are_called_what_they_are() {
    let place = Place::new();
    let decoder = place.path("files/vae_transparent_decoder.safetensors");
    write(&decoder, &fixture("layer_diffuse.json")["shapes"]);
    let lora = "diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight::lora::";
    let shapes = json!({ format!("{lora}0"): [96, 4], format!("{lora}1"): [4, 96] });
    write(&place.path("files/layer_xl_transparent_attn.safetensors"), &shapes);
    for path in ["files", "files/vae_transparent_decoder.safetensors"] {
        let told = place.run(&["models", "inspect", path]).succeeded().stdout;
        assert!(told.contains("LayerDiffuse decoder, 0.") && told.contains("--layer-diffuse"), "{told}");
    }
    let told =
        place.run(&["models", "inspect", "files/layer_xl_transparent_attn.safetensors"]).succeeded().stdout;
    assert!(told.contains("LayerDiffuse's; give its folder") && !told.contains("--lora"), "{told}");
}
