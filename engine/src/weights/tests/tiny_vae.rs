use std::fs;
use std::path::Path;

use safetensors::Dtype;

use super::make::{Tensor, safetensors};
use crate::networks::inventory;
use crate::vae::{NetworkConfig, TinyConfig};
use crate::weights::{Checkpoint, Part};

/// A decoder with latents of so many channels, in the original code's names; of zeros.
fn decoder(prefix: &str, latents: usize) -> Vec<Tensor> {
    let mut tensors = vec![];
    let mut conv = |name: String, inputs: usize, outputs: usize, bias: bool| {
        let shape = vec![outputs, inputs, 3, 3];
        let zeros = |shape: &[usize]| vec![0; 2 * shape.iter().product::<usize>()];
        tensors.push((format!("{prefix}{name}.weight"), Dtype::F16, shape.clone(), zeros(&shape)));
        if bias {
            tensors.push((format!("{prefix}{name}.bias"), Dtype::F16, vec![outputs], zeros(&[outputs])));
        }
    };
    conv("1".into(), latents, 64, true);
    for block in [3, 4, 5, 8, 9, 10, 13, 14, 15, 18] {
        [0, 2, 4].into_iter().for_each(|part| conv(format!("{block}.conv.{part}"), 64, 64, true));
    }
    [7, 12, 17].into_iter().for_each(|number| conv(number.to_string(), 64, 64, false));
    conv("19".into(), 64, 3, true);
    tensors
}

fn write(path: &Path, tensors: &[Tensor]) {
    fs::write(path, safetensors(tensors)).unwrap();
}

/// The demo model with this VAE for pictures, and with it for previews.
fn laid(path: &Path) -> [crate::Result<Checkpoint>; 2] {
    let demo = || Checkpoint::embedded_demo().unwrap();
    [demo().with_part(Part::Vae, path), demo().with_preview_vae(path)]
}

/// What is said of it either way.
fn said(path: &Path) -> String {
    let [first, second] = laid(path).map(|laid| laid.and_then(|laid| laid.verify()).unwrap_err().to_string());
    assert_eq!(first, second);
    first
}

#[test]
fn a_tiny_vae_is_told_by_its_tensors_and_its_latents_are_not_scaled() {
    let folder = tempfile::tempdir().unwrap();
    for (name, prefix, warned) in [
        ("taesdxl_decoder.safetensors", "", false),
        ("any.safetensors", "decoder.", false),
        ("taesd_decoder.safetensors", "taesd_decoder.", true),
    ] {
        let path = folder.path().join(name);
        write(&path, &decoder(prefix, 4));
        for laid in laid(&path) {
            let laid = laid.unwrap();
            assert!(laid.unused().is_empty(), "{:?}", laid.unused());
            let told = laid.warnings().iter().any(|told| told.contains("Stable Diffusion 1 and 2"));
            assert_eq!(told, warned, "{name}: {:?}", laid.warnings());
        }
        let [instead, beside] = laid(&path).map(Result::unwrap);
        let latents = NetworkConfig::read(instead.configs()).unwrap().latents();
        assert_eq!((latents.channels, latents.scale, latents.scaling_factor), (4, 8, 1.0));
        let needed =
            inventory(instead.configs(), Part::Vae).unwrap().into_iter().filter(|spec| !spec.optional);
        assert_eq!(needed.count(), decoder("", 4).len());
        // The model keeps its own for pictures.
        let latents = NetworkConfig::read(beside.configs()).unwrap().latents();
        assert_eq!(latents.scaling_factor, 0.32899);
        assert!(beside.preview_vae().is_some());
    }
}

#[test]
fn what_is_not_a_tiny_vae_of_sdxls_is_called_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.safetensors");
    write(&path, &decoder("", 16));
    assert!(said(&path).contains("latents have 16 channels, SDXL's have 4"), "{}", said(&path));
    let mut tensors = decoder("", 4);
    tensors.truncate(20);
    tensors.extend(decoder("", 4).into_iter().filter(|tensor| tensor.0 == "18.conv.0.weight"));
    write(&path, &tensors);
    assert!(said(&path).contains("lacks "), "{}", said(&path));
    let mut tensors = decoder("", 4);
    tensors[5].3[1] = 0x7c;
    write(&path, &tensors);
    assert!(said(&path).contains("not finite"), "{}", said(&path));
    let encoder: Vec<Tensor> = ["1.conv.0.weight", "3.conv.0.weight", "13.conv.4.weight", "14.bias"]
        .map(|name| (name.to_owned(), Dtype::F16, vec![1], vec![0; 2]))
        .into();
    write(&path, &encoder);
    assert!(said(&path).contains("is the encoder of a tiny VAE"), "{}", said(&path));
    for pickle in
        ["taesdxl_decoder.pth", "taesdxl/diffusion_pytorch_model.bin", "pickled/taesdxl_decoder.pth"]
    {
        let path = folder.path().join(pickle);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"PK\x03\x04 and what follows").unwrap();
        let given = if pickle.contains('/') { path.parent().unwrap() } else { &path };
        assert!(said(given).contains("pickle") && said(given).contains("safetensors"), "{}", said(given));
    }
    write(&path, &decoder("", 4));
    let said = Checkpoint::open(&path).unwrap_err().to_string();
    assert!(said.contains("is a tiny VAE (TAESD) alone; give it with --vae"), "{said}");
}

#[test]
fn a_tiny_vae_of_another_make_is_refused_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let names = |tensor: Tensor| {
        let (number, rest) = tensor.0.split_once('.').unwrap();
        let number: usize = number.parse().unwrap();
        (format!("decoder.layers.{}.{rest}", number - 1), tensor.1, tensor.2, tensor.3)
    };
    let tensors: Vec<Tensor> = decoder("", 4).into_iter().map(names).collect();
    write(&folder.path().join("diffusion_pytorch_model.safetensors"), &tensors);
    let config = folder.path().join("config.json");
    for (field, json) in [
        ("act_fn", r#""act_fn": "silu""#),
        ("upsample_fn", r#""upsample_fn": "bilinear""#),
        ("upsampling_scaling_factor", r#""upsampling_scaling_factor": 4"#),
        ("num_decoder_blocks", r#""num_decoder_blocks": [3]"#),
        ("num_decoder_blocks", r#""num_decoder_blocks": [3, 3, 3, 4000000000]"#),
        ("decoder_block_out_channels", r#""decoder_block_out_channels": []"#),
        ("decoder_block_out_channels", r#""decoder_block_out_channels": [64, 64, 64, 32]"#),
        ("latent_channels", r#""latent_channels": 9000000000"#),
        ("scaling_factor", r#""scaling_factor": 0"#),
        ("scaling_factor", r#""scaling_factor": "one""#),
    ] {
        fs::write(&config, format!(r#"{{"_class_name": "AutoencoderTiny", {json}}}"#)).unwrap();
        let said = said(folder.path());
        assert!(said.contains(&format!("`{field}`")) && said.contains("config.json"), "{json}: {said}");
    }
    fs::write(&config, r#"{"_class_name": "AutoencoderDC"}"#).unwrap();
    assert!(said(folder.path()).contains("is of a `AutoencoderDC`"), "{}", said(folder.path()));
    fs::write(&config, r#"{"_class_name": "AutoencoderTiny"}"#).unwrap();
    assert!(laid(folder.path()).into_iter().all(|laid| laid.is_ok()));
    assert_eq!(TinyConfig::default().scale(), 8);
}
