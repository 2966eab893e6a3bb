use std::path::Path;

use serde_json::Value;

use super::make::{assert_same, canonical, synthetic, tiny};
use crate::error::Error;
use crate::synth::{self, SynthLayout};
use crate::weights::{Checkpoint, Configs, Part};

const CASES: [&str; 4] = ["sdxl_like", "odd_sizes", "x0_one_step", "epsilon_linspace_cfg"];

/// What PyTorch made of the same rule.
fn published() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/weights_checksum.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn synthetic_models_are_those_of_the_goldens() {
    for case in CASES {
        let (_folder, out) = synthetic(&tiny(case), SynthLayout::Folder);
        let model = Checkpoint::open(&out).unwrap();
        for part in Part::WITH_WEIGHTS {
            let mut tensors = canonical(&model, part);
            tensors.sort();
            let mut crc = crc32fast::Hasher::new();
            tensors.iter().for_each(|(_, _, bytes)| crc.update(bytes));
            let expected = &published()["cases"][case][part.name()];
            assert_eq!(tensors.len() as u64, expected["tensors"], "{case}: tensors of {part}");
            assert_eq!(crc.finalize(), expected["crc32_f16"], "{case}: values of {part}");
        }
    }
}

#[test]
fn every_published_tensor_has_its_published_values() {
    let published = published();
    let samples = published["sdxl_like"].as_array().unwrap();
    assert!(samples.len() >= 15, "{} samples", samples.len());
    for sample in samples {
        let name = sample["name"].as_str().unwrap();
        let shape: Vec<usize> = serde_json::from_value(sample["shape"].clone()).unwrap();
        let first: Vec<f32> = serde_json::from_value(sample["first"].clone()).unwrap();
        let values = synth::values(name, &shape);
        let head: Vec<f32> = values.iter().take(first.len()).map(|v| v.to_f32()).collect();
        assert_eq!(head, first, "{name}");
    }
}

#[test]
fn a_single_file_holds_the_same_model_as_a_folder() {
    for case in ["sdxl_like", "odd_sizes"] {
        let configs = tiny(case);
        let (_one, folder) = synthetic(&configs, SynthLayout::Folder);
        let (_two, file) = synthetic(&configs, SynthLayout::SingleFile);
        let (folder, file) =
            (Checkpoint::open(&folder).unwrap(), Checkpoint::single_file(&file, &configs).unwrap());
        assert_same(&folder, &file);
        assert!(file.unused().is_empty(), "{:?}", file.unused());
        assert!(folder.has_own_configs() && !file.has_own_configs());
    }
}

#[test]
fn sdxl_base_as_one_file_has_the_published_layout() {
    let size = synth::size(&Configs::sdxl_base().unwrap(), SynthLayout::SingleFile).unwrap();
    assert_eq!((size.tensors, size.bytes), (2515, 6_938_041_144));
}

/// Writes 7 GB: `cargo test --release -p fulmen-engine full_size -- --ignored`.
#[test]
#[ignore = "writes 7 GB"]
fn a_full_size_model_is_written_opened_and_finite() {
    let configs = Configs::sdxl_base().unwrap();
    let (_folder, file) = synthetic(&configs, SynthLayout::SingleFile);
    #[cfg(target_os = "linux")]
    assert!(peak_memory() < 200 << 20, "writing took {} MiB of memory", peak_memory() >> 20);
    let model = Checkpoint::open(&file).unwrap();
    assert_eq!(model.mapped_bytes(), 6_938_041_144);
    model.verify().unwrap();
    for part in Part::WITH_WEIGHTS {
        model.weights(part).unwrap();
    }
}

/// The most memory that this process ever held, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn what_is_there_is_never_overwritten_and_a_stopped_writing_leaves_nothing() {
    let configs = tiny("odd_sizes");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model");
    for layout in [SynthLayout::Folder, SynthLayout::SingleFile] {
        let stopped = synth::write(&configs, &out, layout, &|_| Err(Error::Cancelled));
        assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was left");
    }
    std::fs::write(&out, "precious").unwrap();
    let refused = synth::write(&configs, &out, SynthLayout::SingleFile, &|_| Ok(()));
    assert!(refused.unwrap_err().to_string().contains("there already"));
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
}
