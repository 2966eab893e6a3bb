//! The demo model, as files in this binary.

use super::source::Source;

/// One file of `models/demo`.
macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../models/demo/", $name)))
    };
}

/// CLIP's vocabulary: each token and its number.
pub(crate) static VOCAB: &[u8] = include_bytes!("../../../models/demo/tokenizer/vocab.json");
/// CLIP's merges: which pairs become one token, most frequent first.
pub(crate) static MERGES: &[u8] = include_bytes!("../../../models/demo/tokenizer/merges.txt");
/// The first tokenizer's settings.
pub(crate) static TOKENIZER: &[u8] = include_bytes!("../../../models/demo/tokenizer/tokenizer_config.json");
/// The second tokenizer's settings: it pads with another token.
pub(crate) static TOKENIZER_2: &[u8] =
    include_bytes!("../../../models/demo/tokenizer_2/tokenizer_config.json");

/// The tokenizers share one vocabulary, so it is here once.
static FILES: &[(&str, &[u8])] = &[
    file!("model_index.json"),
    file!("scheduler/scheduler_config.json"),
    file!("text_encoder/config.json"),
    file!("text_encoder/model.safetensors"),
    file!("text_encoder_2/config.json"),
    file!("text_encoder_2/model.safetensors"),
    file!("unet/config.json"),
    file!("unet/diffusion_pytorch_model.safetensors"),
    file!("vae/config.json"),
    file!("vae/diffusion_pytorch_model.safetensors"),
    ("tokenizer/vocab.json", VOCAB),
    ("tokenizer/merges.txt", MERGES),
    ("tokenizer/tokenizer_config.json", TOKENIZER),
    ("tokenizer_2/vocab.json", VOCAB),
    ("tokenizer_2/merges.txt", MERGES),
    ("tokenizer_2/tokenizer_config.json", TOKENIZER_2),
];

/// The demo model's folder.
pub(crate) fn demo() -> Source {
    Source::Embedded("the embedded demo model", FILES)
}
