//! Other families of models, by tensors that only they have, and by their pipelines' names.

/// A family: its name, and what its files have in their tensors' names. A file belongs to it if it has
/// all of one of the groups.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) marks: &'static [&'static [&'static str]],
}

const fn family(name: &'static str, marks: &'static [&'static [&'static str]]) -> Family {
    Family { name, marks }
}

/// The more particular ones first: many share their blocks' names.
pub(super) const FAMILIES: &[Family] = &[
    family("the SDXL refiner", &[&["conditioner.embedders.0.model."]]),
    family("Stable Diffusion 2", &[&["cond_stage_model.model."]]),
    family("Stable Diffusion 1", &[&["cond_stage_model."]]),
    family(
        "Stable Video Diffusion",
        &[&["time_stack."], &["temporal_transformer_blocks."], &["time_mix_blocks."], &["time_mixer."]],
    ),
    family("AnimateDiff's motion module", &[&["motion_modules."], &["temporal_transformer."]]),
    family("Kandinsky", &[&["encoder_hid_proj.image_embeds."], &["add_embedding.image_proj."]]),
    family("DeepFloyd IF", &[&["add_embedding.pool."], &["encoder_pooling."]]),
    family("Kolors", &[&["encoder_hid_proj."]]),
    family(
        "Stable Cascade",
        &[
            &["clf.1.weight"],
            &["clip_txt_mapper."],
            &["clip_txt_pooled_mapper."],
            &["effnet_mapper."],
            &["vquantizer.codebook."],
            &["channelwise.0."],
        ],
    ),
    family("Hunyuan Video", &[&["individual_token_refiner."], &["context_embedder.token_refiner."]]),
    family("Chroma", &[&["distilled_guidance_layer."]]),
    family("Flux.2", &[&["double_stream_modulation"]]),
    family("HiDream", &[&["double_stream_blocks."]]),
    family("AuraFlow", &[&["attn.w1q."], &["cond_seq_linear."], &["joint_transformer_blocks."]]),
    family("Qwen-Image", &[&["txt_norm.weight", "img_in."]]),
    family("Flux", &[&["double_blocks."], &["single_transformer_blocks."]]),
    family("Stable Diffusion 3", &[&["joint_blocks."], &["attn.add_q_proj.", "pos_embed."]]),
    family("Hunyuan-DiT", &[&["mlp_t5."], &["text_embedding_padding"]]),
    family("LTX-Video", &[&["patchify_proj."], &["adaln_single.", "proj_in.", "caption_projection."]]),
    family("Sana", &[&["conv_inverted."], &["attention_y_norm."]]),
    family("PixArt", &[&["t_block.1.", "y_embedder."], &["adaln_single.", "pos_embed."]]),
    family("OmniGen", &[&["ref_image_refiner."], &["ref_image_patch_embedder."]]),
    family("Z-Image", &[&["cap_pad_token"], &["all_x_embedder."]]),
    family("Lumina", &[&["cap_embedder."], &["time_caption_embed."], &["context_refiner."]]),
    family("Wan", &[&["head.modulation"], &["condition_embedder.time_embedder.", "attn2."]]),
    family("Mochi", &[&["t5_yproj."], &["t5_y_embedder."]]),
    family("Cosmos", &[&["blocks.block0."], &["crossattn_emb"]]),
    family("CogVideoX or CogView", &[&["patch_embed.text_proj."]]),
    family("Stable Audio", &[&["rotary_pos_emb.inv_freq"]]),
];

/// Beginnings of `_class_name` in model_index.json, and what such a folder holds.
const PIPELINES: &[(&str, &str)] = &[
    ("StableDiffusion3", "Stable Diffusion 3"),
    ("StableDiffusion", "Stable Diffusion 1 or 2"),
    ("LatentConsistencyModel", "Stable Diffusion 1"),
    ("StableCascade", "Stable Cascade"),
    ("Wuerstchen", "Würstchen"),
    ("StableVideoDiffusion", "Stable Video Diffusion"),
    ("AnimateDiff", "AnimateDiff"),
    ("Flux2", "Flux.2"),
    ("Flux", "Flux"),
    ("Chroma", "Chroma"),
    ("Kolors", "Kolors"),
    ("PixArt", "PixArt"),
    ("AuraFlow", "AuraFlow"),
    ("HunyuanDiT", "Hunyuan-DiT"),
    ("HunyuanVideo", "Hunyuan Video"),
    ("Lumina", "Lumina"),
    ("Sana", "Sana"),
    ("LTX", "LTX-Video"),
    ("CogVideo", "CogVideoX"),
    ("CogView", "CogView"),
    ("Wan", "Wan"),
    ("Mochi", "Mochi"),
    ("Cosmos", "Cosmos"),
    ("HiDream", "HiDream"),
    ("OmniGen", "OmniGen"),
    ("QwenImage", "Qwen-Image"),
    ("ZImage", "Z-Image"),
    ("Kandinsky", "Kandinsky"),
    ("IF", "DeepFloyd IF"),
];

/// The family of a diffusers pipeline that is not SDXL's.
pub(super) fn of_pipeline(class: &str) -> Option<&'static str> {
    let is_sdxl = class.contains("StableDiffusionXL") || class.contains("LatentConsistencyModelXL");
    let found = PIPELINES.iter().find(|(begin, _)| class.starts_with(begin));
    found.filter(|_| !is_sdxl).map(|(_, name)| *name)
}
