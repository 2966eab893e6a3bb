//! The table of WGSL files. Shared files are joined in front; kernels of the cooperative core get their sizes, and their
//! marked loops are written out ([`super::cores`]).

/// One kernel's file.
#[derive(Debug, PartialEq)]
pub(super) struct Shader {
    /// Its name, without `.wgsl`.
    pub name: &'static str,
    parts: &'static [&'static str],
}

impl Shader {
    /// The text that is compiled.
    pub(super) fn source(&self) -> String {
        self.parts.join("\n")
    }
}

/// How kernels of the cooperative core see workgroup memory, as two shared files that can stand for each other.
pub(super) struct Elements {
    /// By vectors of four numbers.
    pub vectors: &'static str,
    /// By single numbers.
    pub scalars: &'static str,
}

/// How kernels of the cooperative core read eight halves: in words.
pub(super) static EIGHT_WORDS: &str = include_str!("../../../shaders/shared/eight_words.wgsl");
/// As they are.
pub(super) static EIGHT_HALVES: &str = include_str!("../../../shaders/shared/eight_halves.wgsl");

/// How a product of the cooperative core reads its left side: halves.
pub(super) static LEFT_HALVES: &str = include_str!("../../../shaders/shared/left_halves.wgsl");
/// f32, as two halves.
pub(super) static LEFT_IN_PARTS: &str = include_str!("../../../shaders/shared/left_in_parts.wgsl");

/// How a product of the cooperative core reads its weight: halves.
pub(super) static RIGHT_HALVES: &str = include_str!("../../../shaders/shared/right_halves.wgsl");
/// Eight bits.
pub(super) static RIGHT_BYTES: &str = include_str!("../../../shaders/shared/right_bytes.wgsl");
/// Four bits.
pub(super) static RIGHT_NIBBLES: &str = include_str!("../../../shaders/shared/right_nibbles.wgsl");

/// Of products, and of what measures the peak.
pub(super) static PRODUCT_ELEMENTS: Elements = Elements {
    vectors: include_str!("../../../shaders/shared/cooperative_vectors.wgsl"),
    scalars: include_str!("../../../shaders/shared/cooperative_scalars.wgsl"),
};

/// Of attention.
pub(super) static ATTENTION_ELEMENTS: Elements = Elements {
    vectors: include_str!("../../../shaders/shared/attention_vectors.wgsl"),
    scalars: include_str!("../../../shaders/shared/attention_scalars.wgsl"),
};

/// `NAME = "file" with ["shared file", …];`
macro_rules! shaders {
    ($($(#[$doc:meta])* $id:ident = $file:literal with [$($shared:literal),*];)*) => {
        $(
            $(#[$doc])*
            pub(super) static $id: Shader = Shader {
                name: $file,
                parts: &[
                    $(include_str!(concat!("../../../shaders/shared/", $shared, ".wgsl")),)*
                    include_str!(concat!("../../../shaders/", $file, ".wgsl")),
                ],
            };
        )*
        static ALL: &[&Shader] = &[$(&$id),*];
    };
}

shaders! {
    ACTIVATE = "activate" with ["grid", "threads", "half", "read_x", "write_y", "activation"];
    ADD = "add" with ["grid", "threads", "half", "read_ab", "write_y"];
    ADD_PER_IMAGE = "add_per_image" with ["grid", "threads", "half", "read_x", "write_y"];
    ADD_SCALED = "add_scaled" with ["grid", "threads", "half", "read_ab", "write_y"];
    ATTENTION_SUBGROUP = "attention_subgroup" with ["grid", "half", "band", "attention"];
    ATTENTION_TILED = "attention_tiled" with ["grid", "tile", "attention"];
    CONCAT = "concat" with ["grid", "threads", "half", "read_ab", "write_y"];
    ATTENTION_COOPERATIVE = "attention_cooperative" with ["grid", "half", "attention"];
    CONV3X3_COOPERATIVE = "conv3x3_cooperative"
        with ["grid", "half", "activation", "epilogue_eight", "conv3x3", "cooperative"];
    CONV3X3_SUBGROUP = "conv3x3_subgroup"
        with ["grid", "half", "band", "weight", "weight_band", "activation", "epilogue", "conv3x3"];
    CONV3X3_TILED = "conv3x3_tiled" with ["grid", "tile", "weight", "weight_tile", "activation", "epilogue", "conv3x3"];
    COPY = "copy" with ["grid", "threads"];
    EMBED = "embed" with ["grid", "threads", "half", "write_y"];
    GUIDE = "guide" with ["grid", "half", "read_ab", "write_y"];
    LAYER_NORM = "layer_norm" with ["grid", "half", "read_x", "write_y"];
    LINEAR_COOPERATIVE = "linear_cooperative"
        with ["grid", "half", "activation", "epilogue_eight", "linear", "cooperative"];
    LINEAR_SUBGROUP = "linear_subgroup"
        with ["grid", "half", "band", "weight", "weight_band", "activation", "epilogue", "linear"];
    LINEAR_TILED = "linear_tiled" with ["grid", "tile", "weight", "weight_tile", "activation", "epilogue", "linear"];
    MOMENTS_MERGE = "moments_merge" with [];
    MOMENTS_STATS = "moments_stats" with ["grid", "threads", "half", "read_x"];
    MULTIPLY_ADD = "multiply_add" with ["grid", "threads"];
    MULTIPLY_ADD_COOPERATIVE = "multiply_add_cooperative" with ["grid"];
    NORMALISE = "normalise" with ["grid", "threads", "half", "read_x", "write_y", "activation"];
    PAD = "pad" with ["grid", "threads", "half", "read_x", "write_y", "planes"];
    PICTURE = "picture" with ["grid", "threads", "half", "read_x"];
    PRELU = "prelu" with ["grid", "threads", "half", "read_x", "write_y"];
    SOFTMAX = "softmax" with ["grid"];
    TAKE_TOKEN = "take_token" with ["grid", "threads", "half", "read_x", "write_y"];
    UPSAMPLE = "upsample" with ["grid", "threads", "half", "read_x", "write_y", "planes"];
    WINOGRAD_FINISH = "winograd_finish" with ["grid", "threads", "activation", "epilogue"];
    WINOGRAD_INPUT = "winograd_input" with ["grid", "threads", "half", "read_x"];
    WINOGRAD_SUBGROUP = "winograd_subgroup" with ["grid", "half", "band", "weight", "weight_band", "winograd"];
    WINOGRAD_TILED = "winograd_tiled" with ["grid", "tile", "weight", "weight_tile", "winograd"];
    WINOGRAD_WEIGHT = "winograd_weight" with ["grid", "threads", "weight"];
}

/// A checksum of the cooperative core's kernels: what a driver made of others says nothing of these.
#[must_use]
pub fn cooperative_checksum() -> u32 {
    let kernels = ALL.iter().filter(|shader| shader.name.ends_with("_cooperative"));
    let elements = [&PRODUCT_ELEMENTS, &ATTENTION_ELEMENTS];
    let elements = elements.into_iter().flat_map(|elements| [elements.vectors, elements.scalars]);
    let others =
        [EIGHT_WORDS, EIGHT_HALVES, LEFT_HALVES, LEFT_IN_PARTS, RIGHT_HALVES, RIGHT_BYTES, RIGHT_NIBBLES];
    let mut sum = crc32fast::Hasher::new();
    for text in kernels.flat_map(|shader| shader.parts).copied().chain(elements).chain(others) {
        sum.update(text.as_bytes());
    }
    sum.finalize()
}

/// Every kernel's name and complete text, but those of the cooperative core: for tests that translate them for other
/// systems.
#[must_use]
pub fn shader_sources() -> Vec<(&'static str, String)> {
    let all = ALL.iter().filter(|shader| !shader.name.ends_with("_cooperative"));
    all.map(|shader| (shader.name, shader.source())).collect()
}
