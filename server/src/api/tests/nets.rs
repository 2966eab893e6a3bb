//! Small made-up networks beside a made-up model: what they draw means nothing, but it is theirs.

use std::fs;
use std::path::{Path, PathBuf};

use fulmen_engine::synth::{self, SynthGuide, SynthLayout};
use fulmen_engine::weights::Configs;
use serde_json::{Map, Value, json};

/// The folder of fixtures.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// An upscaler that was trained on nothing, and enlarges four times.
pub(super) fn upscaler() -> PathBuf {
    fixtures().join("upscalers/rrdb.safetensors")
}

/// Writes a model like SDXL, only small.
pub(super) fn model(folder: &Path) {
    let configs = Configs::folder(&fixtures().join("goldens/sdxl_like")).unwrap();
    synth::write(&configs, folder, SynthLayout::Folder, &|_| Ok(())).unwrap();
}

/// Writes a ControlNet for it.
pub(super) fn control_net(folder: &Path) {
    let configs = Configs::folder(&fixtures().join("goldens/sdxl_like")).unwrap();
    synth::write_guide(&configs, SynthGuide::ControlNet, folder, SynthLayout::Folder, &|_| Ok(())).unwrap();
}

/// Writes an IP-Adapter for it, and the encoder of pictures that it needs: their paths.
pub(super) fn ip_adapter(folder: &Path) -> [PathBuf; 2] {
    let about = fs::read(fixtures().join("ip_adapter.json")).unwrap();
    let about: Value = serde_json::from_slice(&about).unwrap();
    let (adapter, encoder) = (folder.join("adapter.safetensors"), folder.join("encoder"));
    fs::create_dir_all(&encoder).unwrap();
    write(&adapter, &about["shapes"]["base"]);
    write(&encoder.join("model.safetensors"), &about["shapes"]["vision"]);
    fs::write(encoder.join("config.json"), about["vision"].to_string()).unwrap();
    [adapter, encoder]
}

/// Writes LayerDiffuse's files for the demo model into a folder.
pub(super) fn layer_diffuse(folder: &Path) {
    let about = fs::read(fixtures().join("layer_diffuse.json")).unwrap();
    let about: Value = serde_json::from_slice(&about).unwrap();
    write(&folder.join("vae_transparent_decoder.safetensors"), &about["shapes"]);
    let layer = "diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight::lora::";
    let change = json!({format!("{layer}0"): [96, 4], format!("{layer}1"): [4, 96]});
    write(&folder.join("layer_xl_transparent_attn.safetensors"), &change);
}

/// Writes tensors of these shapes; norms are ones, so that values keep their size.
pub(super) fn write(file: &Path, shapes: &Value) {
    let (mut header, mut numbers) = (Map::new(), Vec::<u8>::new());
    for (name, shape) in shapes.as_object().unwrap() {
        let extents: Vec<usize> =
            shape.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        let (start, is_norm) = (numbers.len(), name.contains("norm") && name.ends_with("weight"));
        let inputs = extents.iter().skip(1).product::<usize>().max(1);
        let value = |at: usize| match (is_norm, extents.len()) {
            (true, _) => 1.0,
            (false, 1) => 0.0,
            _ => ((at * at + 7 * at) as f32).sin() * 1.5 / (inputs as f32).sqrt(),
        };
        numbers.extend((0..extents.iter().product()).map(value).flat_map(f32::to_le_bytes));
        header.insert(
            name.clone(),
            json!({"dtype": "F32", "shape": extents, "data_offsets": [start, numbers.len()]}),
        );
    }
    let header = Value::from(header).to_string();
    fs::write(file, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &numbers].concat()).unwrap();
}
