//! Files that belong to a model and are none by themselves: adapters, encoders, upscalers.

/// A kind of file: what it is, and what its files have in their tensors' names. A file is one if it has
/// all of one of the groups.
pub(super) struct PartKind {
    /// The rest of a sentence that begins with the file.
    pub(super) what: &'static str,
    pub(super) marks: &'static [&'static [&'static str]],
}

pub(super) const fn kind(what: &'static str, marks: &'static [&'static [&'static str]]) -> PartKind {
    PartKind { what, marks }
}

const CONTROL_NET: &str =
    "is a ControlNet, which guides a model by a picture; give an SDXL model, and this file with --control";

/// What changes or steers a model; some have the names of a UNet's blocks. The more particular ones
/// first: an IP-Adapter may carry a LoRA.
pub(super) const ADAPTERS: &[PartKind] = &[
    kind(
        "is a Control-LoRA, which guides a model by a picture, and which Fulmen does not read; give an SDXL model, and a \
         full ControlNet with --control",
        &[&["lora_controlnet"]],
    ),
    kind(
        "is a ControlNet-LLLite, which guides a model by a picture, and which Fulmen does not read; give an SDXL model, \
         and a full ControlNet with --control",
        &[&["lllite_"]],
    ),
    kind(CONTROL_NET, &[&["control_model."], &["input_hint_block."]]),
    kind(
        CONTROL_NET,
        &[&["controlnet_cond_embedding."], &["controlnet_down_blocks."], &["control_add_embedding."]],
    ),
    kind(
        "is a ControlNet-XS, which guides a model by a picture, and which Fulmen does not read; give an SDXL model, and a \
         full ControlNet with --control",
        &[&["ctrl_model."], &["base_down_subblocks."], &["base_to_ctrl."], &["ctrl_to_base."]],
    ),
    kind(
        "is a hypernetwork, which changes a model but is not one; Fulmen does not apply it yet: give a \
         full model",
        &[
            &["320.0.linear.0."],
            &["640.0.linear.0."],
            &["768.0.linear.0."],
            &["1024.0.linear.0."],
            &["1280.0.linear.0."],
            &["2048.0.linear.0."],
        ],
    ),
    kind(
        "is an IP-Adapter FaceID, which draws a face after a picture by an encoder of its own (InsightFace), and which \
         Fulmen does not read; give an SDXL model, and an IP-Adapter Plus for faces with --ip-adapter",
        &[&["perceiver_resampler."], &["ip_adapter.", "_lora."], &["ip_adapter.", "image_proj.proj.0."]],
    ),
    kind(
        "draws a face after a picture (PuLID, PhotoMaker or alike), and Fulmen does not read it; give an SDXL model, and \
         an IP-Adapter Plus for faces with --ip-adapter",
        &[&["id_encoder."], &["pulid_"]],
    ),
    kind(
        "is an IP-Adapter, by which a picture is drawn after others; give an SDXL model, and this file with --ip-adapter",
        &[&["ip_adapter."], &["to_k_ip."]],
    ),
    kind(
        "holds a LyCORIS adapter (LoKr), which changes a model but is not one; give a model, and this file \
         with --lora",
        &[&["lokr_w"], &["lokr_t"]],
    ),
    kind(
        "holds a LyCORIS adapter (LoHa), which changes a model but is not one; give a model, and this file \
         with --lora",
        &[&["hada_w"], &["hada_t"]],
    ),
    kind(
        "holds an OFT adapter, which changes a model but is not one; Fulmen does not apply it: give a full \
         model",
        &[&["oft_blocks"], &["oft_diag"], &["oft_R"], &["boft_"]],
    ),
    kind(
        "holds a LoRA (DoRA), which changes a model but is not one; give a model, and this file with --lora",
        &[&["dora_scale"], &["lora_magnitude_vector"]],
    ),
    kind(
        "holds a LoRA, which changes a model but is not one; give a model, and this file with --lora",
        &[&["lora_"], &[".lora."], &["_lora."], &["vera_lambda"], &["::lora::"]],
    ),
    kind(
        "holds a LyCORIS adapter, which changes a model but is not one; give a model, and this file with \
         --lora",
        &[
            &["lycoris_"],
            &["ia3_l"],
            &[".on_input"],
            &[".diff_b"],
            &["proj_in.diff"],
            &["to_q.diff"],
            &[".w_norm"],
            &["::diff::"],
            &[".a1.weight", ".b1.weight"],
        ],
    ),
];

/// Weights that are packed in ways of which the tensors' types say nothing.
pub(super) const PACKED: &[PartKind] = &[
    kind(
        "is quantised by bitsandbytes (NF4, FP4 or INT8), which Fulmen does not read; give the model in F16, in F8 or \
         as GGUF",
        &[&[".weight.absmax"], &[".weight.quant_map"], &["quant_state.bitsandbytes"], &[".SCB"]],
    ),
    kind(
        "is quantised by Quanto, which Fulmen does not read; give the model in F16, in F8 or as GGUF",
        &[&[".weight._data"], &[".weight._scale"]],
    ),
    kind(
        "is quantised for Nunchaku (SVDQuant), which Fulmen does not read; give the model in F16, in F8 or as GGUF",
        &[&[".qweight", ".wscales"], &[".qweight", ".smooth"]],
    ),
    kind(
        "is quantised as GPTQ or AWQ, which Fulmen does not read; give the model in F16, in F8 or as GGUF",
        &[&[".qweight", ".qzeros"], &[".qweight", ".scales"]],
    ),
];

/// What enlarges pictures. It shares names with a T2I-Adapter, which is asked first.
pub(super) const UPSCALER: PartKind = kind(
    "is an upscaler (ESRGAN or alike), which enlarges pictures but does not draw them; give it with --upscale, and an \
     SDXL model",
    &[
        &["RDB1.conv1"],
        &["rdb1.conv1"],
        &["conv_first.", "conv_body."],
        &["conv_first.", "conv_after_body."],
        &["residual_group."],
        &["body.0.weight", "body.1.weight", "body.2.weight"],
    ],
);

/// What is neither a UNet nor a VAE.
pub(super) const PARTS: &[PartKind] = &[
    kind(
        "is a T2I-Adapter, which guides a model by a picture; give an SDXL model, and this file with --control",
        &[
            &["adapter.body."],
            &["adapter.conv_in."],
            &["body.0.in_conv."],
            &["body.0.block1."],
            &["body.0.resnets."],
        ],
    ),
    kind(
        "is a textual inversion, which adds a word to a model but is not one; Fulmen does not support \
         these yet: give an SDXL model",
        &[&["emb_params"], &["string_to_param"], &["text_encoders_0"], &["text_encoders_1"]],
    ),
    kind(
        "is the encoder of a tiny VAE (TAESD), which draws nothing; give its decoder with --vae or --preview-vae",
        &[
            &["taesd_encoder."],
            &["encoder.layers.1.conv.0."],
            &["1.conv.0.weight", "13.conv.4.weight", "14.bias"],
        ],
    ),
    kind(
        "is an encoder of pictures (CLIP Vision), with which an IP-Adapter sees; give an SDXL model, and this with \
         --image-encoder",
        &[&["vision_model."], &["visual.transformer."]],
    ),
    kind(
        "is a T5 text encoder, which SDXL does not use; give a whole SDXL model",
        &[&["SelfAttention.relative_attention_bias."], &["layer.0.SelfAttention."], &["enc.blk.0."]],
    ),
    kind(
        "is a language model; give an SDXL model",
        &[&["layers.0.self_attn.q_proj.", "mlp.gate_proj."], &["model.embed_tokens."], &["blk.0.attn_q."]],
    ),
    kind(
        "is a CLIP text encoder alone; give it with --text-encoder or --text-encoder-2, over a whole model",
        &[&["embeddings.token_embedding."], &["transformer.resblocks.0.ln_1."]],
    ),
];
