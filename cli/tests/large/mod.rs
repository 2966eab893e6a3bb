//! A model that is large enough to be mapped, and quick to draw with: its UNet has two hundred megabytes.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Writes it into a folder, and answers where.
pub(crate) fn model(at: &Path) -> PathBuf {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/goldens/sdxl_like");
    let (config, out) = (at.join("configs"), at.join("large"));
    for part in ["unet", "vae", "text_encoder", "text_encoder_2", "scheduler"] {
        fs::create_dir_all(config.join(part)).unwrap();
        for entry in fs::read_dir(fixture.join(part)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), config.join(part).join(entry.file_name())).unwrap();
        }
    }
    fs::copy(fixture.join("model_index.json"), config.join("model_index.json")).unwrap();
    let unet = config.join("unet/config.json");
    let mut wide: Value = serde_json::from_slice(&fs::read(&unet).unwrap()).unwrap();
    wide["block_out_channels"] = json!([32, 64, 448]);
    wide["attention_head_dim"] = json!([4, 8, 14]);
    fs::write(&unet, wide.to_string()).unwrap();
    let mut synth = Command::new(env!("CARGO_BIN_EXE_fulmen"));
    synth.args(["models", "synth", "--config"]).arg(&config).arg("--out").arg(&out);
    assert!(synth.stderr(Stdio::null()).stdout(Stdio::null()).status().unwrap().success());
    let size = fs::metadata(weights(&out)).unwrap().len();
    assert!(size > 80 << 20, "{size} bytes would be read, not mapped");
    out
}

/// The file that is mapped.
pub(crate) fn weights(model: &Path) -> PathBuf {
    model.join("unet/diffusion_pytorch_model.safetensors")
}

/// What another program may do to a file in use.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// As `cp new old` begins.
    Truncated,
    /// As `rsync --inplace` does: as many bytes, others.
    Overwritten,
}

/// Does it to a file.
pub(crate) fn change(file: &Path, change: Change) {
    let mut file = File::options().write(true).open(file).unwrap();
    match change {
        Change::Truncated => file.set_len(1 << 20).unwrap(),
        Change::Overwritten => {
            file.seek(SeekFrom::Start(40 << 20)).unwrap();
            file.write_all(&[0x11; 1 << 20]).unwrap();
        }
    }
}
