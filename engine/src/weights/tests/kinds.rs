use std::fs;
use std::path::Path;

use safetensors::Dtype;
use tempfile::TempDir;

use super::make::{Tensor, safetensors, synthetic, tensors_of, tiny};
use crate::synth::SynthLayout;
use crate::unet::{UNet, UNetConfig};
use crate::weights::{Adapter, Checkpoint, Part};

const UNET: &str = "model.diffusion_model.";

/// Empty tensors of these names and shapes, as a file of their own. Only the header counts.
pub(super) fn file(folder: &TempDir, tensors: &[(&str, &[usize])]) -> std::path::PathBuf {
    let path = folder.path().join("model.safetensors");
    let tensor = |(key, shape): &(&str, &[usize])| {
        let bytes = vec![0; 2 * shape.iter().product::<usize>()];
        ((*key).to_owned(), Dtype::F16, shape.to_vec(), bytes)
    };
    fs::write(&path, safetensors(&tensors.iter().map(tensor).collect::<Vec<Tensor>>())).unwrap();
    path
}

/// What is said of a file that is given as the model, and as a UNet.
fn said(path: &Path) -> [String; 2] {
    let model = Checkpoint::open(path).map(drop).unwrap_err().to_string();
    let demo = Checkpoint::embedded_demo().unwrap();
    [model, demo.with_part(Part::Unet, path).map(drop).unwrap_err().to_string()]
}

/// Neither a wrong guess nor useless advice.
fn assert_true(said: &str) {
    assert!(!said.contains("fetch it again") && !said.contains("is it an SDXL"), "{said}");
}

#[test]
fn models_of_other_families_are_called_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for (name, keys) in [
        ("Flux", &["model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale"][..]),
        ("Flux", &["double_blocks.0.x", "vae.decoder.mid.block_1.norm1.weight"]),
        (
            "Flux",
            &["transformer_blocks.0.attn.add_q_proj.weight", "single_transformer_blocks.0.attn.to_q.weight"],
        ),
        ("Stable Diffusion 3", &["model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight"]),
        ("Stable Diffusion 3", &["transformer_blocks.0.attn.add_q_proj.weight", "pos_embed.pos_embed"]),
        (
            "Stable Diffusion 3",
            &[
                "joint_blocks.0.x",
                "text_encoders.clip_l.transformer.text_model.embeddings.token_embedding.weight",
            ],
        ),
        ("Stable Diffusion 1", &["cond_stage_model.transformer.text_model.final_layer_norm.weight"]),
        ("Stable Diffusion 2", &["cond_stage_model.model.ln_final.weight"]),
        ("the SDXL refiner", &["conditioner.embedders.0.model.ln_final.bias"]),
        ("Stable Cascade", &["clip_txt_pooled_mapper.weight"]),
        ("PixArt", &["t_block.1.weight", "y_embedder.y_embedding"]),
        ("AuraFlow", &["model.double_layers.0.attn.w1q.weight"]),
        ("Kolors", &["encoder_hid_proj.weight", "conv_in.weight"]),
        ("Hunyuan-DiT", &["mlp_t5.0.weight"]),
        (
            "Hunyuan Video",
            &["double_blocks.0.img_attn_qkv.weight", "txt_in.individual_token_refiner.blocks.0.x"],
        ),
        ("Lumina", &["cap_embedder.1.weight", "context_refiner.0.x"]),
        ("Wan", &["blocks.0.cross_attn.k.weight", "head.modulation"]),
        (
            "Stable Video Diffusion",
            &["model.diffusion_model.input_blocks.1.1.time_stack.0.attn1.to_q.weight"],
        ),
        ("Qwen-Image", &["txt_norm.weight", "img_in.weight", "transformer_blocks.0.attn.add_q_proj.weight"]),
    ] {
        let tensors: Vec<(&str, &[usize])> = keys.iter().map(|key| (*key, &[1][..])).collect();
        for said in said(&file(&folder, &tensors)) {
            assert!(said.contains(&format!("is of another family, {name};")), "{keys:?}: {said}");
            assert_true(&said);
        }
    }
}

#[test]
fn unets_of_other_families_are_told_by_their_shapes() {
    let folder = tempfile::tempdir().unwrap();
    for (name, conv_in, attention_key, context) in [
        (
            "Stable Diffusion 1",
            [320, 4, 3, 3],
            "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
            768,
        ),
        (
            "Stable Diffusion 1",
            [320, 9, 3, 3],
            "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
            768,
        ),
        (
            "Stable Diffusion 2",
            [320, 4, 3, 3],
            "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
            1024,
        ),
        ("the SDXL refiner", [384, 4, 3, 3], "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", 1280),
    ] {
        let attention = [8, context];
        let key = format!("{UNET}{attention_key}");
        let original: [(&str, &[usize]); 2] =
            [("model.diffusion_model.input_blocks.0.0.weight", &conv_in), (&key, &attention)];
        let diffusers: [(&str, &[usize]); 3] = [
            ("conv_in.weight", &conv_in),
            ("time_embedding.linear_1.weight", &[8, 8]),
            ("down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight", &attention),
        ];
        for tensors in [&original[..], &diffusers[..]] {
            for said in said(&file(&folder, tensors)) {
                assert!(said.contains(&format!("is of another family, {name};")), "{said}");
                assert_true(&said);
            }
        }
    }
}

#[test]
fn what_is_given_as_a_lora_and_is_none_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (expected, tensors) in [
        ("is of another family, Flux;", &[("double_blocks.0.img_attn.qkv.weight", &[1][..])][..]),
        (
            "is a ControlNet",
            &[("controlnet_cond_embedding.conv_in.weight", &[1]), ("time_embedding.linear_1.weight", &[1])],
        ),
        ("is an IP-Adapter", &[("image_proj.proj.weight", &[1]), ("ip_adapter.1.to_k_ip.weight", &[1])]),
        ("is a textual inversion", &[("clip_g", &[4, 1280]), ("clip_l", &[4, 768])]),
        ("is a VAE alone, not a LoRA; give it with --vae", &[("decoder.mid.block_1.norm1.weight", &[1])]),
        ("is a UNet alone, not a LoRA; give it with --unet", &[("input_blocks.0.0.weight", &[8, 4, 3, 3])]),
        ("is a UNet alone, not a LoRA; give it with --unet", &[("input_blocks.0.0.weight", &[8, 9, 3, 3])]),
        ("for editing pictures", &[("input_blocks.0.0.weight", &[8, 8, 3, 3])]),
        (
            "Stable Diffusion 1;",
            &[("input_blocks.0.0.weight", &[8, 4, 3, 3]), ("input_blocks.1.1.attn2.to_k.weight", &[8, 768])],
        ),
        (
            "is the second text encoder alone; give it with --text-encoder-2",
            &[("embeddings.token_embedding.weight", &[200, 1280])],
        ),
        ("is an upscaler", &[("conv_first.weight", &[1]), ("conv_body.weight", &[1])]),
        ("by bitsandbytes", &[("input_blocks.0.0.weight", &[1]), ("out.0.weight.quant_map", &[1])]),
        (
            "is a model, not a LoRA; give it with --model",
            &[("input_blocks.0.0.weight", &[8, 4, 3, 3]), ("decoder.mid.block_1.norm1.weight", &[1])],
        ),
        ("is not a LoRA: the first of its 2 tensors is `a`", &[("b", &[1]), ("a", &[1])]),
    ] {
        let said = Adapter::open(&file(&folder, tensors), &|| Ok(())).map(drop).unwrap_err().to_string();
        assert!(said.contains(expected), "{tensors:?}: {said}");
        assert_true(&said);
    }
    assert!(
        Adapter::open(&file(&folder, &[]), &|| Ok(()))
            .map(drop)
            .unwrap_err()
            .to_string()
            .contains("holds no tensors")
    );
}

#[test]
fn parts_that_are_given_as_a_model_are_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (expected, keys) in [
        ("holds a LoRA,", &["lora_unet_down_blocks_0.lora_down.weight"][..]),
        ("holds a LoRA,", &["unet.down_blocks.0.attentions.0.to_q.lora_A.weight"]),
        ("holds a LoRA,", &["base_model.model.down_blocks.0.to_q.lora_B.weight"]),
        ("holds a LoRA,", &["unet.down_blocks.0.attn1.processor.to_q_lora.down.weight"]),
        ("(LoKr)", &["lycoris_down_blocks_0.lokr_w1", "lycoris_down_blocks_0.alpha"]),
        ("(LoKr)", &["lora_unet_down_blocks_0.lokr_w2_a"]),
        ("(LoHa)", &["lora_unet_down_blocks_0.hada_w1_a"]),
        ("an OFT adapter", &["lora_unet_down_blocks_0.oft_blocks"]),
        ("(DoRA)", &["lora_unet_down_blocks_0.lora_up.weight", "lora_unet_down_blocks_0.dora_scale"]),
        ("is a ControlNet", &["control_model.input_blocks.0.0.weight"]),
        ("is a ControlNet", &["controlnet_cond_embedding.conv_in.weight", "time_embedding.linear_1.weight"]),
        ("is a ControlNet", &["base_down_subblocks.0.resnet.conv1.weight"]),
        ("is a ControlNet", &["ctrl_model.input_blocks.0.0.weight", "input_blocks.0.0.weight"]),
        ("is a hypernetwork", &["640.0.linear.0.weight", "640.1.linear.0.weight"]),
        ("a LyCORIS adapter,", &["diffusion_model.input_blocks.4.1.proj_in.diff"]),
        ("is a T2I-Adapter", &["adapter.body.0.resnets.0.block1.weight"]),
        ("is a T2I-Adapter", &["body.0.block1.weight", "conv_in.weight"]),
        ("is an IP-Adapter", &["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"]),
        ("is an upscaler", &["model.1.sub.0.RDB1.conv1.0.weight"]),
        ("is an upscaler", &["conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight"]),
        ("is a VAE alone", &["decoder.conv_in.bias", "decoder.mid.block_1.norm1.weight"]),
        ("is a VAE alone", &["decoder.conv_in.bias", "decoder.mid_block.resnets.0.norm1.weight"]),
        ("is a VAE alone", &["first_stage_model.decoder.mid.block_1.norm1.weight"]),
        ("is the encoder of a tiny VAE", &["taesd_encoder.0.weight"]),
        ("is a tiny VAE", &["taesd_decoder.18.conv.0.weight", "taesd_encoder.0.weight"]),
        ("is a tiny VAE", &["decoder.layers.2.conv.0.weight", "encoder.layers.0.weight"]),
        ("is a CLIP text encoder alone", &["text_model.embeddings.token_embedding.weight"]),
        ("is a CLIP text encoder alone", &["transformer.resblocks.0.ln_1.weight", "text_projection"]),
        ("by bitsandbytes", &["input_blocks.0.0.weight", "input_blocks.1.0.in_layers.2.weight.absmax"]),
        (
            "by bitsandbytes",
            &["text_model.embeddings.token_embedding.weight", "text_model.encoder.layers.0.mlp.fc1.SCB"],
        ),
        (
            "by Quanto",
            &["input_blocks.0.0.weight", "time_embed.0.weight._data", "time_embed.0.weight._scale"],
        ),
        (
            "for Nunchaku",
            &[
                "conv_in.weight",
                "mid_block.attentions.0.proj_in.qweight",
                "mid_block.attentions.0.proj_in.wscales",
            ],
        ),
        (
            "GPTQ or AWQ",
            &[
                "conv_in.weight",
                "mid_block.attentions.0.proj_in.qweight",
                "mid_block.attentions.0.proj_in.qzeros",
            ],
        ),
        ("is an encoder of pictures", &["vision_model.embeddings.class_embedding"]),
        ("is a T5 text encoder", &["encoder.block.0.layer.0.SelfAttention.q.weight"]),
        ("is a language model", &["model.embed_tokens.weight"]),
    ] {
        let tensors: Vec<(&str, &[usize])> = keys.iter().map(|key| (*key, &[1][..])).collect();
        for said in said(&file(&folder, &tensors)) {
            assert!(said.contains(expected) && said.contains("give "), "{keys:?}: {said}");
            assert_true(&said);
        }
    }
    for tensors in [
        &[("clip_l", &[4, 768][..]), ("clip_g", &[4, 1280])][..],
        &[("emb_params", &[2, 768])],
        &[("<cat-toy>", &[768])],
    ] {
        assert!(said(&file(&folder, tensors))[0].contains("is a textual inversion"), "{tensors:?}");
    }
    let none = file(&folder, &[("surprise\u{202e}", &[1])]);
    let [said, _] = said(&none);
    assert!(said.contains("the first of its 1 tensors is `surprise\\u{202e}`"), "{said}");
}

/// A tiny model in a single file, changed before it is opened.
fn changed(change: impl Fn(Tensor) -> Option<Tensor>) -> (TempDir, crate::Result<Checkpoint>) {
    let configs = tiny("odd_sizes");
    let (keep, path) = synthetic(&configs, SynthLayout::SingleFile);
    let tensors: Vec<Tensor> = tensors_of(&path).into_iter().filter_map(change).collect();
    fs::write(&path, safetensors(&tensors)).unwrap();
    (keep, Checkpoint::single_file(&path, &configs))
}

#[test]
fn a_checkpoint_without_its_vae_says_which_parts_it_has() {
    let (_keep, model) = changed(|tensor| (!tensor.0.starts_with("first_stage_model.")).then_some(tensor));
    let model = model.unwrap();
    let said = model.weights(Part::Vae).map(drop).unwrap_err().to_string();
    assert!(said.contains("holds a UNet and both text encoders, but no VAE;"), "{said}");
    assert_true(&said);
    model.weights(Part::Unet).unwrap();
}

#[test]
fn a_unet_without_text_encoders_is_told_where_to_go() {
    let without = |also: &'static str| {
        changed(move |tensor| (tensor.0.starts_with(UNET) || tensor.0.starts_with(also)).then_some(tensor)).1
    };
    let said = without(UNET).map(drop).unwrap_err().to_string();
    assert!(said.contains("holds a UNet without the text encoders; give it with --unet"), "{said}");
    let said = without("first_stage_model.").map(drop).unwrap_err().to_string();
    assert!(said.contains("holds a UNet and a VAE without the text encoders"), "{said}");
    for (gone, expected) in [
        ("conditioner.embedders.0.", "a VAE and the second text encoder without the first text encoder;"),
        ("conditioner.embedders.1.", "a VAE and the first text encoder without the second text encoder;"),
    ] {
        let (_keep, model) = changed(|tensor| (!tensor.0.starts_with(gone)).then_some(tensor));
        let said = model.map(drop).unwrap_err().to_string();
        assert!(said.contains(expected) && said.contains("give it with --unet"), "{said}");
    }
}

#[test]
fn unets_that_read_more_than_latents_are_named_and_inpainting_models_are_opened() {
    let reading = |channels| {
        changed(move |(key, dtype, mut shape, mut bytes)| {
            if key == "model.diffusion_model.input_blocks.0.0.weight" {
                shape[1] = channels;
                bytes.resize(2 * shape.iter().product::<usize>(), 0);
            }
            Some((key, dtype, shape, bytes))
        })
    };
    for (channels, expected) in [(8, "for editing pictures"), (5, "reads 5 channels")] {
        let (_keep, model) = reading(channels);
        let said = model.map(drop).unwrap_err().to_string();
        assert!(said.contains(expected) && said.contains("those that read 4, and with inpainting"), "{said}");
        assert_true(&said);
    }
    // A single file has no configuration that would say so.
    let (_keep, model) = reading(9);
    let model = model.unwrap();
    assert!(UNetConfig::read(model.configs()).unwrap().is_inpainting());
    UNet::load(&model.weights(Part::Unet).unwrap(), UNetConfig::read(model.configs()).unwrap()).unwrap();
    // Nor has a UNet by itself, laid over a model for text alone, or the other way around.
    let (_keep_too, usual) = changed(Some);
    let [inpainting, usual] = [model, usual.unwrap()];
    for (below, above, reads) in [(&usual, &inpainting, 9), (&inpainting, &usual, 4)] {
        let laid = below.clone().with_part(Part::Unet, &above.place()).unwrap();
        assert_eq!(UNetConfig::read(laid.configs()).unwrap().in_channels, reads);
    }
}

#[test]
fn a_smaller_network_is_no_damaged_one() {
    let (_keep, model) = changed(|tensor| (!tensor.0.contains("middle_block.")).then_some(tensor));
    let said = model.map(drop).unwrap_err().to_string();
    assert!(said.contains("a different network from SDXL's") && said.contains("SSD-1B"), "{said}");
    assert_true(&said);
    // One that is gone is a fault of the file.
    let (_keep, model) = changed(|tensor| (tensor.0 != "model.diffusion_model.out.0.bias").then_some(tensor));
    let model = model.unwrap();
    let weights = model.weights(Part::Unet).unwrap();
    let said =
        UNet::load(&weights, UNetConfig::read(model.configs()).unwrap()).map(drop).unwrap_err().to_string();
    assert!(said.contains("has no tensor `model.diffusion_model.out.0.bias`: it is incomplete"), "{said}");
}

/// The UNet of SDXL base by its header: the numbers are a hole in the file, and are not read.
#[cfg(unix)]
fn sdxl_unet(path: &Path) {
    use crate::networks::inventory;
    use crate::weights::Configs;
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for spec in inventory(&Configs::sdxl_base().unwrap(), Part::Unet).unwrap() {
        let start = end;
        end += 2 * spec.shape.iter().product::<usize>();
        header.insert(
            spec.name,
            serde_json::json!({ "dtype": "F16", "shape": spec.shape, "data_offsets": [start, end] }),
        );
    }
    let header = serde_json::Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [&length[..], header.as_bytes()].concat()).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len((8 + header.len() + end) as u64).unwrap();
}

#[cfg(unix)]
#[test]
fn a_unet_of_sdxl_needs_a_model_of_that_size_under_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sdxl_lightning_4step_unet.safetensors");
    sdxl_unet(&path);
    let [model, demo] = said(&path);
    assert!(model.contains("holds a UNet without the text encoders; give it with --unet"), "{model}");
    assert!(
        demo.contains("the demo model inside this program is not: give a whole SDXL model with --model"),
        "{demo}"
    );
    // Over another model that is not of its size either, that one is named.
    let (_keep, base) = synthetic(&tiny("odd_sizes"), SynthLayout::Folder);
    let laid =
        Checkpoint::open(&base).unwrap().with_part(Part::Unet, &path).map(drop).unwrap_err().to_string();
    assert!(laid.contains("2048 channels") && laid.contains(&base.display().to_string()), "{laid}");
}
