use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;
use safetensors::Dtype;
use tempfile::TempDir;

use super::make::{Tensor, safetensors, synthetic, tensors_of, tiny};
use crate::cpu::CpuBackend;
use crate::engine::{Engine, Options};
use crate::networks::inventory;
use crate::request::Request;
use crate::synth::SynthLayout;
use crate::weights::numbers::{from_e4m3, from_e5m2};
use crate::weights::{Checkpoint, Part};

const UNET: &str = "model.diffusion_model.";

/// A tiny model as a single file.
fn whole() -> (TempDir, PathBuf) {
    synthetic(&tiny("sdxl_like"), SynthLayout::SingleFile)
}

/// All numbers of a part, as the network has them.
fn numbers(checkpoint: &Checkpoint, part: Part) -> Vec<(String, Vec<f32>)> {
    let weights = checkpoint.weights(part).unwrap();
    let list = inventory(checkpoint.configs(), part).unwrap();
    list.iter()
        .map(|spec| (spec.name.clone(), weights.tensor(&spec.name, &spec.shape).unwrap().to_f32()))
        .collect()
}

fn assert_same_numbers(left: &Checkpoint, right: &Checkpoint, part: Part) {
    for ((name, a), (_, b)) in numbers(left, part).iter().zip(numbers(right, part)) {
        assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()), "{part}.{name}");
    }
}

/// A tensor in 32-number blocks of eight bits, and what they stand for.
fn q8_0(values: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let (mut blocks, mut stands) = (Vec::new(), Vec::new());
    for block in values.chunks_exact(32) {
        let most = block.iter().fold(0f32, |most, v| most.max(v.abs()));
        let scale = f16::from_f32(most / 127.0);
        blocks.extend(scale.to_le_bytes());
        for value in block {
            let q = (value / scale.to_f32()).round().clamp(-127.0, 127.0) as i8;
            blocks.push(q.cast_unsigned());
            stands.push(f32::from(q) * scale.to_f32());
        }
    }
    (blocks, stands)
}

fn halves(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
}

fn singles(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A file in the making, and its twin without blocks.
#[derive(Default)]
struct Gguf {
    metadata: Vec<u8>,
    entries: u64,
    infos: Vec<u8>,
    data: Vec<u8>,
    twin: Vec<Tensor>,
}

impl Gguf {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }

    /// A tensor of halves, in blocks where it can be: those whose rows are none are folded.
    fn add(&mut self, name: &str, shape: &[usize], bytes: &[u8]) {
        let values = halves(bytes);
        let row = shape.last().copied().unwrap_or(1);
        if shape.len() < 2 || !values.len().is_multiple_of(32) {
            self.put(name, shape, 1, bytes);
            return self.twin.push((name.into(), Dtype::F16, shape.to_vec(), bytes.to_vec()));
        }
        let (blocks, stands) = q8_0(&values);
        self.twin.push((name.into(), Dtype::F32, shape.to_vec(), singles(&stands)));
        if row.is_multiple_of(32) {
            return self.put(name, shape, 8, &blocks);
        }
        Self::text(&mut self.metadata, &format!("comfy.gguf.orig_shape.{name}"));
        self.metadata.extend([9u32, 5].iter().flat_map(|v| v.to_le_bytes()));
        self.metadata.extend((shape.len() as u64).to_le_bytes());
        self.metadata.extend(shape.iter().flat_map(|v| (*v as i32).to_le_bytes()));
        self.entries += 1;
        self.put(name, &[values.len() / 32, 32], 8, &blocks);
    }

    fn put(&mut self, name: &str, shape: &[usize], kind: u32, bytes: &[u8]) {
        Self::text(&mut self.infos, name);
        self.infos.extend((shape.len() as u32).to_le_bytes());
        self.infos.extend(shape.iter().rev().flat_map(|v| (*v as u64).to_le_bytes()));
        self.infos.extend(kind.to_le_bytes());
        self.infos.extend((self.data.len() as u64).to_le_bytes());
        self.data.extend(bytes);
        self.data.resize(self.data.len().next_multiple_of(32), 0);
    }

    fn write(&self, path: &Path) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((self.twin.len() as u64).to_le_bytes());
        file.extend(self.entries.to_le_bytes());
        file.extend(&self.metadata);
        file.extend(&self.infos);
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(&self.data);
        fs::write(path, file).unwrap();
    }
}

/// The tensors of a file under other names, as GGUF and as its twin in safetensors.
fn twins(from: &Path, folder: &Path, name: impl Fn(&str) -> Option<String>) -> (PathBuf, PathBuf) {
    let (quantised, twin) = (folder.join("quantised.gguf"), folder.join("twin.safetensors"));
    let mut gguf = Gguf::default();
    for (key, dtype, shape, bytes) in tensors_of(from) {
        // Positions of words are counted, not stored.
        if let Some(name) = name(&key).filter(|_| dtype == Dtype::F16) {
            gguf.add(&name, &shape, &bytes);
        }
    }
    gguf.write(&quantised);
    fs::write(&twin, safetensors(&gguf.twin)).unwrap();
    (quantised, twin)
}

fn picture(model: &Path, unet: Option<&Path>) -> Vec<u8> {
    let parts = unet.map(|unet| (Part::Unet, unet.to_path_buf())).into_iter().collect();
    let options = Options { model: Some(model.into()), parts, ..Options::default() };
    let mut engine = Engine::open_on(Arc::new(CpuBackend::new()), &options).unwrap();
    let request = Request {
        prompt: "a fox".into(),
        seed: Some(3),
        steps: Some(1),
        width: Some(64),
        height: Some(64),
        ..Request::default()
    };
    engine.draw(&request).unwrap().rgb
}

#[test]
fn a_gguf_unet_in_any_names_is_drawn_as_its_twin_without_blocks() {
    let (keep, folder) = synthetic(&tiny("sdxl_like"), SynthLayout::Folder);
    let (_keep, file) = whole();
    let diffusers = folder.join("unet/diffusion_pytorch_model.safetensors");
    let base = Checkpoint::open(&folder).unwrap();
    type Renamed<'a> = (&'a Path, &'a dyn Fn(&str) -> Option<String>);
    let names: [Renamed; 3] = [
        (&file, &|key| key.starts_with(UNET).then(|| key.to_owned())),
        (&file, &|key| key.strip_prefix(UNET).map(str::to_owned)),
        (&diffusers, &|key| Some(key.to_owned())),
    ];
    for (from, name) in names {
        let (quantised, twin) = twins(from, keep.path(), name);
        let [laid, plain] = [&quantised, &twin].map(|unet| base.clone().with_part(Part::Unet, unet).unwrap());
        assert_eq!((laid.unused().len(), laid.warnings().len()), (0, 0), "{:?}", laid.warnings());
        assert_same_numbers(&laid, &plain, Part::Unet);
    }
    let (quantised, twin) = (keep.path().join("quantised.gguf"), keep.path().join("twin.safetensors"));
    let drawn = picture(&folder, Some(&quantised));
    assert!(drawn == picture(&folder, Some(&twin)), "the picture is another one");
    assert!(drawn != picture(&folder, None), "blocks round");
}

/// Names of text encoders as stable-diffusion.cpp has them.
fn converted(key: &str) -> String {
    key.replace("conditioner.embedders.0.transformer.", "cond_stage_model.transformer.")
        .replace(
            "conditioner.embedders.1.model.ln_final",
            "cond_stage_model.1.transformer.text_model.final_layer_norm",
        )
        .replace(
            "conditioner.embedders.1.model.positional_embedding",
            "cond_stage_model.1.transformer.text_model.embeddings.position_embedding.weight",
        )
        .replace(
            "conditioner.embedders.1.model.token_embedding",
            "cond_stage_model.1.transformer.text_model.embeddings.token_embedding",
        )
        .replace(
            "conditioner.embedders.1.model.text_projection",
            "cond_stage_model.1.transformer.text_model.text_projection",
        )
        .replace(
            "conditioner.embedders.1.model.transformer.resblocks",
            "cond_stage_model.1.transformer.text_model.encoder.layers",
        )
        .replace(".ln_1.", ".layer_norm1.")
        .replace(".ln_2.", ".layer_norm2.")
        .replace(".mlp.c_fc.", ".mlp.fc1.")
        .replace(".mlp.c_proj.", ".mlp.fc2.")
        .replace(".attn.in_proj_", ".self_attn.in_proj.")
        .replace(".attn.out_proj", ".self_attn.out_proj")
}

#[test]
fn a_whole_checkpoint_in_gguf_is_read_as_its_twin() {
    let configs = tiny("sdxl_like");
    let (keep, file) = whole();
    for name in [&|key: &str| key.to_owned(), &converted as &dyn Fn(&str) -> String] {
        let (quantised, twin) = twins(&file, keep.path(), |key| Some(name(key)));
        let [gguf, plain] = [&quantised, &twin].map(|path| Checkpoint::single_file(path, &configs).unwrap());
        assert!(gguf.unused().is_empty(), "{:?}", gguf.unused());
        for part in Part::WITH_WEIGHTS {
            assert_same_numbers(&gguf, &plain, part);
        }
    }
}

/// A UNet's matrices in eight bits; the first byte of each value is as good a number as any.
fn eighths(from: &Path, dtype: Dtype, scale: impl Fn(&str, usize) -> Vec<Tensor>) -> Vec<Tensor> {
    let mut tensors = Vec::new();
    for (key, stored, shape, bytes) in tensors_of(from) {
        if shape.len() < 2 {
            tensors.push((key, stored, shape, bytes));
            continue;
        }
        // No NaN: the exponent is never all ones.
        let codes = bytes.chunks_exact(2).map(|pair| pair[1] & 0xbf).collect();
        tensors.extend(scale(key.strip_suffix("weight").unwrap(), shape[0]));
        tensors.push((key, dtype, shape, codes));
    }
    tensors
}

#[test]
fn weights_in_eight_bits_are_multiplied_by_the_scales_beside_them() {
    let (_keep, folder) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    let unet = folder.join("unet/diffusion_pytorch_model.safetensors");
    let base = Checkpoint::open(&folder).unwrap();
    let whole = tensors_of(&unet);
    let f32s = |name: String, values: &[f32]| (name, Dtype::F32, vec![values.len()], singles(values));
    let none = |_: &str, _: usize| vec![];
    let one = |layer: &str, _: usize| {
        vec![f32s(format!("{layer}scale_weight"), &[0.5]), f32s(format!("{layer}scale_input"), &[3.0])]
    };
    let rows = |layer: &str, rows: usize| {
        let factors: Vec<f32> = (0..rows).map(|row| 0.25 + row as f32).collect();
        vec![f32s(format!("{layer}weight_scale"), &factors), f32s(format!("{layer}input_scale"), &[3.0])]
    };
    type Scale<'a> = (&'a dyn Fn(&str, usize) -> Vec<Tensor>, &'a dyn Fn(usize) -> f32);
    let scales: [Scale; 3] = [(&none, &|_| 1.0), (&one, &|_| 0.5), (&rows, &|row| 0.25 + row as f32)];
    for (dtype, decode) in [(Dtype::F8_E4M3, from_e4m3 as fn(u8) -> f32), (Dtype::F8_E5M2, from_e5m2)] {
        for (scale, factor) in &scales {
            let mut tensors = eighths(&unet, dtype, scale);
            tensors.push(("scaled_fp8".into(), dtype, vec![2], vec![0; 2]));
            let path = folder.join("eighths.safetensors");
            fs::write(&path, safetensors(&tensors)).unwrap();
            let laid = base.clone().with_part(Part::Unet, &path).unwrap();
            assert_eq!((laid.unused().len(), laid.warnings().len()), (0, 0), "{:?}", laid.unused());
            laid.verify().unwrap();
            for (name, found) in numbers(&laid, Part::Unet) {
                let (_, _, shape, bytes) = whole.iter().find(|(key, ..)| *key == name).unwrap();
                let columns: usize = shape.iter().skip(1).product();
                let right: Vec<f32> = match shape.len() {
                    1 => halves(bytes),
                    _ => bytes.chunks_exact(2).map(|pair| decode(pair[1] & 0xbf)).collect(),
                };
                for (i, (found, right)) in found.iter().zip(right).enumerate() {
                    let factor = if shape.len() == 1 { 1.0 } else { factor(i / columns) };
                    assert_eq!(*found, right * factor, "{name}, number {i}");
                }
            }
        }
    }
}

#[test]
fn a_scale_that_does_not_fit_is_never_dropped_in_silence() {
    let (_keep, folder) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    let unet = folder.join("unet/diffusion_pytorch_model.safetensors");
    let scale = |layer: &str, _: usize| {
        vec![(format!("{layer}scale_weight"), Dtype::F32, vec![3], singles(&[1.0, 2.0, 3.0]))]
    };
    let path = folder.join("eighths.safetensors");
    fs::write(&path, safetensors(&eighths(&unet, Dtype::F8_E4M3, scale))).unwrap();
    let laid = Checkpoint::open(&folder).unwrap().with_part(Part::Unet, &path).unwrap();
    let error = laid.weights(Part::Unet).unwrap().tensor("conv_in.weight", &[20, 4, 3, 3]).unwrap_err();
    assert!(
        error.to_string().contains("the scale `conv_in.scale_weight` of shape [3] is neither"),
        "{error}"
    );
}

#[test]
fn scales_of_an_unknown_kind_are_named_where_a_weight_would_be_read_without_them() {
    let (_keep, folder) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    let unet = folder.join("unet/diffusion_pytorch_model.safetensors");
    let base = Checkpoint::open(&folder).unwrap();
    let path = folder.join("eighths.safetensors");
    for name in ["weight_scale_inv", "scale", "weight_scale_2", "weight_zero_point"] {
        let scale =
            |layer: &str, _: usize| vec![(format!("{layer}{name}"), Dtype::F32, vec![1], singles(&[1.0]))];
        fs::write(&path, safetensors(&eighths(&unet, Dtype::F8_E4M3, scale))).unwrap();
        let said = base.clone().with_part(Part::Unet, &path).map(drop).unwrap_err().to_string();
        assert!(
            said.contains(&format!(".{name}` beside it, a kind of scale that Fulmen does not know")),
            "{said}"
        );
        // Beside halves it belongs to something else.
        let mut halves = tensors_of(&unet);
        halves.push((format!("conv_in.{name}"), Dtype::F32, vec![1], singles(&[1.0])));
        fs::write(&path, safetensors(&halves)).unwrap();
        assert_eq!(base.clone().with_part(Part::Unet, &path).unwrap().unused(), [format!("conv_in.{name}")]);
    }
}
