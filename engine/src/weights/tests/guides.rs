use super::kinds::file;
use crate::weights::{GuideKind, Standalone};

/// What is said of a file that is given as a net that guides.
#[test]
fn nets_that_guide_are_told_from_their_kin_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |keys: &[&str]| {
        let tensors: Vec<(&str, &[usize])> = keys.iter().map(|key| (*key, &[1][..])).collect();
        file(&folder, &tensors)
    };
    let said = |keys: &[&str]| Standalone::open(&path(keys)).unwrap().guide().unwrap_err().to_string();
    for (keys, wanted) in [
        (&["lora_controlnet", "input_hint_block.0.weight"][..], "is a Control-LoRA"),
        (&["input_hint_block.0.weight", "input_blocks.1.0.in_layers.2.down"], "is a Control-LoRA"),
        (&["lllite_unet_input_blocks_7_1.conditioning1.0.weight"], "is a ControlNet-LLLite"),
        (&["base_down_subblocks.0.resnet.conv1.weight"], "is a ControlNet-XS"),
        (
            &["controlnet_x_embedder.weight", "controlnet_blocks.0.weight"],
            "is a ControlNet of another family",
        ),
        (&["body.0.in_conv.weight", "body.0.out_conv.weight"], "is a T2I-Adapter of the light kind"),
        (&["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"], "holds a LoRA"),
        (&["conv_first.weight", "conv_body.weight"], "is an upscaler"),
        (&["x"], "is not a ControlNet or T2I-Adapter for SDXL: the first of its 1 tensors is `x`"),
    ] {
        let said = said(keys);
        assert!(said.contains(wanted), "{keys:?}: {said}");
        assert!(!said.contains("--control"), "{said}");
    }
    for (keys, wanted, prefix) in [
        (&["control_model.input_hint_block.0.weight"][..], GuideKind::ControlNet, "control_model."),
        (&["input_hint_block.0.weight"], GuideKind::ControlNet, ""),
        (&["controlnet_cond_embedding.conv_in.weight", "task_embedding"], GuideKind::ControlNet, ""),
        (&["adapter.body.0.resnets.0.block1.weight"], GuideKind::Adapter, "adapter."),
        (&["body.0.block1.weight", "conv_in.weight"], GuideKind::Adapter, ""),
    ] {
        let (kind, layout) = Standalone::open(&path(keys)).unwrap().guide().unwrap();
        assert_eq!((kind, layout.prefix.as_str()), (wanted, prefix), "{keys:?}");
    }
}
