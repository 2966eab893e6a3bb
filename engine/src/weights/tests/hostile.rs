use std::fs;
use std::path::Path;

use bytes::Bytes;
use safetensors::Dtype;
use serde_json::json;

use super::make::{Tensor, safetensors, synthetic, tensors_of, tiny};
use crate::error::Error;
use crate::networks::inventory;
use crate::synth::SynthLayout;
use crate::weights::{Checkpoint, Configs, Part, archive};

/// A file with this header and so many bytes of data.
fn with_header(header: &str, data: usize) -> Bytes {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 0);
    Bytes::from(file)
}

fn complaint(bytes: impl Into<Bytes>) -> String {
    archive::contents(Path::new("x.safetensors"), &bytes.into()).map(drop).unwrap_err().to_string()
}

#[test]
fn headers_that_lie_are_refused_by_name() {
    let f32s =
        |shape: &str, offsets: &str| format!(r#""dtype":"F32","shape":{shape},"data_offsets":{offsets}"#);
    let one = |shape, offsets| format!(r#"{{"a.weight":{{{}}}}}"#, f32s(shape, offsets));
    let two = |name, first, second| {
        format!(r#"{{"a":{{{}}},"{name}":{{{}}}}}"#, f32s("[2]", first), f32s("[2]", second))
    };
    for (header, data, expected) in [
        (one("[2]", "[0,4]"), 4, "tensor `a.weight` is F32 [2], which is not 4 bytes"),
        (one("[2]", "[8,0]"), 8, "tensor `a.weight` lies at bytes 8 to 0"),
        (one("[2]", "[4,12]"), 12, "leave a gap"),
        (one("[2]", "[0,8]"), 7, "ends within tensor `a.weight`"),
        (one("[4294967296,4294967296]", "[0,0]"), 0, "tensor `a.weight` is F32"),
        (one("[18446744073709551615]", "[0,18446744073709551615]"), 8, "tensor `a.weight` is F32"),
        (one("[2]", "[0,18446744073709551616]"), 8, "tensor `a.weight`: "),
        (one("[-2]", "[0,8]"), 8, "tensor `a.weight`: "),
        (one("[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, "at most 8 dimensions"),
        (one("[2]", "[0,8,9]"), 8, "tensor `a.weight`: "),
        (two("b", "[0,8]", "[4,12]"), 12, "they overlap"),
        (two("b", "[0,8]", "[0,8]"), 8, "they overlap"),
        (two("a", "[0,8]", "[8,16]"), 16, "has two tensors `a`"),
        (
            r#"{"a":{"dtype":"F7","shape":[],"data_offsets":[0,0]}}"#.into(),
            0,
            "tensor `a`: unknown variant `F7`",
        ),
        (r#"{"a":{"shape":[],"data_offsets":[0,0]}}"#.into(), 0, "tensor `a`: missing field `dtype`"),
        (r#"{"a\u001b[2J":{}}"#.into(), 0, "not printable"),
        (format!(r#"{{"{}":{{}}}}"#, "a".repeat(600)), 0, "too long"),
        (format!(r#"{{"__metadata__":{}"#, "[".repeat(4000)), 0, "the header is damaged"),
        (r#"{"__metadata__":{"steps":4}}"#.into(), 0, "the header is damaged"),
        (r#"{"__metadata__":{},"__metadata__":{}}"#.into(), 0, "duplicate field `__metadata__`"),
        ("[]".into(), 0, "the header is damaged"),
        ("{".into(), 0, "the header is damaged"),
    ] {
        let error = complaint(with_header(&header, data));
        assert!(error.starts_with("x.safetensors: ") && error.contains(expected), "{header}: {error}");
    }
}

#[test]
fn header_lengths_that_lie_are_refused() {
    for length in [u64::MAX, u64::MAX - 7, i64::MAX as u64, 100_000_001, 100_000_000, 1000, 3] {
        let mut file = with_header("{}", 0).to_vec();
        file[..8].copy_from_slice(&length.to_le_bytes());
        let error = complaint(file);
        // A length that no file has is not the start of this format; a shorter file was cut off.
        let expected = if length > 100_000_000 { "not a safetensors file" } else { "fetch it again" };
        assert!(error.contains(expected), "{length}: {error}");
    }
    let mut file = with_header("{\"a\"}", 0).to_vec();
    file[10] = 0xff;
    assert!(complaint(file).contains("the header is damaged"), "not UTF-8");
}

#[test]
fn tensors_without_numbers_are_kept_as_they_are() {
    let header = r#"{"b":{"dtype":"F16","shape":[0,3],"data_offsets":[0,0]},"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}"#;
    let tensors = archive::contents(Path::new("x"), &with_header(header, 2)).unwrap().tensors;
    assert_eq!((&tensors["b"].shape[..], tensors["a"].bytes.len()), (&[0, 3][..], 2));
}

#[test]
fn files_of_other_kinds_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for (bytes, expected) in [
        (&b""[..], "is empty"),
        (b"short", "only 5 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"\n <!DOCTYPE html><html></html>", "web page"),
        (b"GGUF\x09\0\0\0\0\0\0\0", "GGUF file of version 9"),
        (b"GGUF\x03\0\0\0\0\0\0\0", "ends within its header"),
        (b"PK\x03\x04\0\0\0\0\0\0\0\0", "pickle"),
        (b"\x80\x02}q\0\0\0\0\0\0\0\0\0", "pickle"),
        (b"{\"weight_map\": {}}", "index of a model in shards"),
        (b"\x02\0\0\0\0\0\0\0{}", "no tensors"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = Checkpoint::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("model.safetensors"), "{error}");
    }
}

#[test]
fn paths_that_are_no_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let error = |path: &Path| Checkpoint::open(path).unwrap_err().to_string();
    assert!(error(&at("nothing")).contains("cannot read"));
    assert!(error(folder.path()).contains("no model_index.json"));
    fs::create_dir(at("unet.safetensors")).unwrap();
    let laid =
        Checkpoint::embedded_demo().unwrap().with_part(Part::Unet, &at("unet.safetensors")).unwrap_err();
    assert!(laid.to_string().contains("neither a UNet nor a folder `unet`"), "{laid}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(at("loop"), at("loop")).unwrap();
        assert!(error(&at("loop")).contains("cannot read"), "{}", error(&at("loop")));
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        assert!(error(&at("zero")).contains("neither a file nor a folder"));
        fs::create_dir(at("unet")).unwrap();
        std::os::unix::fs::symlink(at("blob"), at("unet/config.json")).unwrap();
        assert!(error(folder.path()).contains("link to a file that is not there"));
    }
}

/// Opens a tiny folder after something was done to its VAE, and asks for everything in it.
fn damaged_vae(damage: impl Fn(&mut Vec<Tensor>)) -> Error {
    let (_keep, folder) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    let path = folder.join("vae/diffusion_pytorch_model.safetensors");
    let mut tensors = tensors_of(&path);
    damage(&mut tensors);
    fs::write(&path, safetensors(&tensors)).unwrap();
    let model = Checkpoint::open(&folder).unwrap();
    let everything = || {
        let vae = model.weights(Part::Vae)?;
        let list = inventory(model.configs(), Part::Vae)?;
        list.iter().try_for_each(|spec| vae.tensor(&spec.name, &spec.shape).map(drop))
    };
    let error = everything().unwrap_err();
    if matches!(error, Error::TensorNotFinite { .. }) {
        assert_eq!(model.verify().unwrap_err().to_string(), error.to_string());
    }
    error
}

#[test]
fn damaged_tensors_are_named_with_their_file() {
    fn find(tensors: &mut [Tensor]) -> &mut Tensor {
        tensors.iter_mut().find(|(key, ..)| key == "decoder.conv_norm_out.bias").unwrap()
    }
    type Damage = fn(&mut Vec<Tensor>);
    let damages: [(Damage, &str); 6] = [
        (|t| find(t).3[7] = 0x7c, "`decoder.conv_norm_out.bias` holds values that are not finite"),
        (|t| find(t).3[7] = 0xff, "`decoder.conv_norm_out.bias` holds values that are not finite"),
        (
            |t| t.retain(|(key, ..)| key != "decoder.conv_norm_out.bias"),
            "has no tensor `decoder.conv_norm_out.bias`",
        ),
        (|t| find(t).2 = vec![3, 4], "`decoder.conv_norm_out.bias` has shape [3, 4], the model needs [12]"),
        (|t| find(t).1 = Dtype::I16, "`decoder.conv_norm_out.bias` is stored as I16"),
        (
            |t| {
                let t = find(t);
                (t.1, t.2, t.3) = (Dtype::F64, vec![12], vec![0; 96]);
            },
            "is stored as F64",
        ),
    ];
    for (damage, expected) in damages {
        let error = damaged_vae(damage).to_string();
        assert!(error.contains(expected) && error.contains("vae"), "{error}");
    }
}

#[test]
fn damage_in_a_single_file_is_told_in_the_names_of_that_file() {
    let configs = tiny("odd_sizes");
    let (_keep, path) = synthetic(&configs, SynthLayout::SingleFile);
    let whole = tensors_of(&path);
    let open = |tensors: &[Tensor], part: Part, name: &str, shape: &[usize]| {
        fs::write(&path, safetensors(tensors)).unwrap();
        let model = Checkpoint::single_file(&path, &configs).unwrap();
        model.weights(part).and_then(|w| w.tensor(name, shape)).unwrap_err().to_string()
    };
    let fused = "conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_weight";
    let mut misshapen = whole.clone();
    misshapen.iter_mut().filter(|t| t.0 == fused).for_each(|t| t.2 = vec![36, 108]);
    let key = "text_model.encoder.layers.1.self_attn.k_proj.weight";
    let error = open(&misshapen, Part::TextEncoder2, key, &[36, 36]);
    assert!(error.contains(&format!("`{fused}` has shape [36, 108], the model needs [108, 36]")), "{error}");
    let missing: Vec<Tensor> =
        whole.into_iter().filter(|t| t.0 != "model.diffusion_model.out.0.bias").collect();
    let error = open(&missing, Part::Unet, "conv_norm_out.bias", &[20]);
    assert!(error.contains("has no tensor `model.diffusion_model.out.0.bias`"), "{error}");
}

#[test]
fn tensors_that_nobody_asked_for_are_listed() {
    let (_keep, folder) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    let path = folder.join("vae/diffusion_pytorch_model.safetensors");
    let mut tensors = tensors_of(&path);
    for key in ["model_ema.decay", "decoder.position_ids", "logit_scale", "surprise"] {
        tensors.push((key.into(), Dtype::I64, vec![1], vec![0xff; 8]));
    }
    fs::write(&path, safetensors(&tensors)).unwrap();
    assert_eq!(Checkpoint::open(&folder).unwrap().unused(), ["vae.surprise"]);
}

#[test]
fn configurations_out_of_this_world_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("unet")).unwrap();
    let usual = tiny("odd_sizes").value(Part::Unet).unwrap().clone();
    for (field, value) in [
        ("block_out_channels", json!([])),
        ("block_out_channels", json!([32, 0, 32])),
        ("block_out_channels", json!([32, 64, 4_000_000_000_u64])),
        ("block_out_channels", json!("many")),
        ("layers_per_block", json!(1_000_000_000)),
        ("layers_per_block", json!([1, 1])),
        ("transformer_layers_per_block", json!([1, 1, 1_000_000])),
        ("down_block_types", json!(["DownBlock2D", "DownBlock2D", "KDownBlock2D"])),
        ("up_block_types", json!(["UpBlock2D"])),
        ("cross_attention_dim", json!(null)),
    ] {
        let mut config = usual.clone();
        config[field] = value.clone();
        fs::write(folder.path().join("unet/config.json"), config.to_string()).unwrap();
        let configs = Configs::folder(folder.path()).unwrap();
        let error = inventory(&configs, Part::Unet).map(drop).unwrap_err().to_string();
        assert!(error.contains("unet/config.json: "), "{field} = {value}: {error}");
    }
    fs::write(folder.path().join("unet/config.json"), "{\"a\": ").unwrap();
    let error = Configs::folder(folder.path()).map(drop).unwrap_err().to_string();
    assert!(error.contains("is not valid JSON"), "{error}");
    // Sixteen times as large in memory, if it were read.
    fs::write(folder.path().join("unet/config.json"), "[".repeat(2 << 20)).unwrap();
    let error = Configs::folder(folder.path()).map(drop).unwrap_err().to_string();
    assert!(error.contains("has 2 MiB, which is too large"), "{error}");
}

/// The length of a header is its first eight bytes, so a whole file may begin like any other format.
#[test]
fn a_header_whose_length_begins_like_another_format_is_read() {
    let tensor = r#"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#;
    // `{`, `<`, `PK`, `\x80\x02`, `\x1f\x8b`, `BZ`, a byte-order mark's first byte.
    for length in [123_u64, 60, 0x4b50, 0x0280, 0x8b1f, 0x5a42, 0xef, 0x7b0a] {
        let header = format!("{tensor:<width$}", width = length as usize);
        let contents = archive::contents(Path::new("x"), &with_header(&header, 2));
        assert_eq!(contents.unwrap().tensors.len(), 1, "{length}");
    }
}

#[test]
fn bytes_after_the_last_tensor_are_passed_over_and_told() {
    let configs = tiny("odd_sizes");
    let (_keep, path) = synthetic(&configs, SynthLayout::SingleFile);
    let whole = Checkpoint::single_file(&path, &configs).unwrap();
    assert_eq!(whole.warnings(), [""; 0]);
    fs::write(&path, [&fs::read(&path).unwrap()[..], &[7; 512]].concat()).unwrap();
    let model = Checkpoint::single_file(&path, &configs).unwrap();
    super::make::assert_same(&whole, &model);
    let [warning] = model.warnings() else { panic!("{:?}", model.warnings()) };
    assert!(warning.contains("has 512 bytes after its last tensor, which are not read"), "{warning}");
}

#[test]
fn names_in_messages_cannot_steer_a_terminal_nor_fill_it() {
    let (_keep, folder) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    let steer = "\u{1b}[2J\u{9b}31m\u{202e}\u{200b}";
    let long = format!("{steer}{}", "x".repeat(3 << 20));
    let visible = |said: &str| {
        assert!(!said.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}', '\n']), "{said:?}");
        assert!(said.len() < 4000, "{} bytes", said.len());
    };
    let index = json!({ "weight_map": { (long.clone()): "a.safetensors", "b": steer } }).to_string();
    let vae = folder.join("vae/diffusion_pytorch_model.safetensors");
    fs::rename(&vae, folder.join("vae/a.safetensors")).unwrap();
    fs::write(folder.join("vae/diffusion_pytorch_model.safetensors.index.json"), index).unwrap();
    visible(&Checkpoint::open(&folder).map(drop).unwrap_err().to_string());
    let config = json!({ "_class_name": long[..900_000], "block_out_channels": [4], "x": steer }).to_string();
    fs::write(folder.join("unet/config.json"), config).unwrap();
    let configs = Configs::folder(&folder).unwrap();
    visible(&inventory(&configs, Part::Unet).map(drop).unwrap_err().to_string());
    fs::remove_file(folder.join("vae/diffusion_pytorch_model.safetensors.index.json")).unwrap();
    fs::remove_file(folder.join("vae/a.safetensors")).unwrap();
    fs::write(folder.join("vae").join("\u{1b}[31m.bin"), "x").unwrap();
    fs::write(folder.join("unet/config.json"), tiny("odd_sizes").value(Part::Unet).unwrap().to_string())
        .unwrap();
    visible(&Checkpoint::open(&folder).unwrap().weights(Part::Vae).map(drop).unwrap_err().to_string());
}
