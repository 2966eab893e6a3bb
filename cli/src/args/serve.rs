//! The arguments of `fulmen serve`.

use std::path::PathBuf;

use clap::ValueEnum;
use fulmen_engine::weights::LoraFile;
use fulmen_server::{AllowedOrigin, Network, Work};

use super::device::DeviceArgs;
use super::drawing::DrawingArgs;
use super::generate::{PngTextArg, PrecisionArg};
use super::help;
use super::listen::{Listen, listen};
use super::lora::lora;
use super::memory::MemoryArgs;
use super::model::{ModelArg, model};
use super::nets::NetArgs;
use super::parts::PartArgs;

/// Serves three documented image APIs and a page over HTTP
#[derive(Debug, clap::Args)]
#[command(after_help = help::SERVE, args_override_self = true, allow_negative_numbers = true)]
pub(crate) struct ServeArgs {
    /// Address and port to listen at; a port alone is one of 127.0.0.1, port 0 takes a free one. Elsewhere than on this
    /// machine a key is needed
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8188", value_parser = listen,
          help_heading = "Network")]
    pub(crate) listen: Listen,

    /// The address by which clients know this server behind a proxy, for instance `https://draw.example.org`
    /// or `https://example.org/draw`
    #[arg(long, value_name = "URL", help_heading = "Network")]
    pub(crate) public_url: Option<String>,

    /// Another name that requests may be sent to, besides localhost and addresses; may be repeated
    #[arg(long = "host", value_name = "NAME", help_heading = "Network")]
    pub(crate) hosts: Vec<String>,

    /// A proxy whose X-Forwarded-For, -Host, -Proto and -Prefix are trusted: an address, or a network such as
    /// 10.0.0.0/8; may be repeated
    #[arg(long = "trusted-proxy", value_name = "ADDRESS", help_heading = "Network")]
    pub(crate) trusted_proxies: Vec<Network>,

    /// Another site whose pages may use this server: https://HOST, or such as app://* and tauri://localhost;
    /// `*` is every site, where keys are needed; may be repeated
    #[arg(long = "cors-origin", value_name = "ORIGIN", help_heading = "Network")]
    pub(crate) cors_origins: Vec<AllowedOrigin>,

    /// A file with a line `name:sha256` for each key; with --new-key, where the new line goes
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    pub(crate) api_keys: Option<PathBuf>,

    /// A key that opens /metrics and nothing else. Other users of this machine can see arguments; the variable
    /// FULMEN_METRICS_KEY sets it out of their sight
    #[arg(long, value_name = "KEY", help_heading = "Keys")]
    pub(crate) metrics_key: Option<String>,

    /// Make a key, print it once, and exit
    #[arg(long, value_name = "NAME", help_heading = "Keys")]
    pub(crate) new_key: Option<String>,

    /// Let everyone in who can reach the address
    #[arg(long, help_heading = "Keys")]
    pub(crate) no_auth: bool,

    /// Requests that may wait for the engine; further ones are told when to try again
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Work",
          value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(crate) queue: u16,

    /// Requests of one key that may wait, if there are keys; keys take turns, however many requests each has waiting
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Work",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) max_jobs_per_key: u16,

    /// Most pixels of all pictures of one request together [default: ten pictures of 2048×2048]
    #[arg(long, value_name = "N", default_value_t = Work::default().pixels, hide_default_value = true,
          help_heading = "Work", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_pixels: u64,

    /// Most steps of one request
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Work",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) max_steps: u16,

    /// Most seconds that one request may take; then it is stopped with an error
    #[arg(long, value_name = "N", default_value_t = 1800, help_heading = "Work",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_seconds: u32,

    /// Where pictures and records are kept [default: fulmen in the user's data folder]
    #[arg(long, value_name = "DIR", help_heading = "Work")]
    pub(crate) data: Option<PathBuf>,

    /// Most bytes to keep, for instance 20G: pictures, texts, the database with its log. What is kept is
    /// never deleted before its time: where there is no room, requests are refused [default: as many as
    /// the disk holds]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Work")]
    pub(crate) max_storage: Option<u64>,

    /// Start although more than a tenth of the records or of the pictures does not match: what does not is
    /// moved to `lost` in the data directory, and nothing is deleted
    #[arg(long, help_heading = "Work")]
    pub(crate) accept_loss: bool,

    /// Whether files carry their settings, including prompt and seed, where a request does not say with
    /// `png_text`; in JPEG and WebP too. What is published never does
    #[arg(long, value_name = "TEXT", default_value = "full", help_heading = "Work")]
    pub(crate) png_text: PngTextArg,

    /// A diffusers folder, or a single .safetensors or .gguf file with the whole model; may be repeated.
    /// Requests choose one by its id, which is ID or the file's or folder's name; the first draws where they
    /// do not [default: the small demo model inside this program]
    #[arg(long = "model", value_name = "[ID=]PATH", value_parser = model, help_heading = "Model")]
    pub(crate) models: Vec<ModelArg>,

    #[command(flatten)]
    pub(crate) parts: PartArgs,

    /// A LoRA, DoRA, LoHa or LoKr file that changes the model, and how strongly [default: 1]; any number of them
    #[arg(long = "lora", value_name = "FILE[=WEIGHT]", value_parser = lora, help_heading = "Model")]
    pub(crate) loras: Vec<LoraFile>,

    /// The folder with the LoRAs that prompts ask for: `<lora:NAME:0.8>`
    #[arg(long, value_name = "DIR", help_heading = "Model")]
    pub(crate) lora_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) nets: NetArgs,

    #[command(flatten, next_help_heading = "Defaults of requests")]
    pub(crate) drawing: DrawingArgs,

    #[command(flatten, next_help_heading = "Device")]
    pub(crate) device: DeviceArgs,

    /// How values are stored between layers. bf16 stores f32 and rounds what is multiplied, which takes half the time on
    /// CPUs with AVX512_BF16, and draws slightly different pictures [default: f16 on a GPU, f32 on the CPU]
    #[arg(long, value_name = "P", help_heading = "Device")]
    pub(crate) precision: Option<PrecisionArg>,

    #[command(flatten, next_help_heading = "Device")]
    pub(crate) memory: MemoryArgs,

    /// Form of the log on standard error: text for people, json for programs
    #[arg(long, value_name = "FORM", default_value = "text", help_heading = "Log")]
    pub(crate) log: LogArg,
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogArg {
    Text,
    Json,
}

/// `500M`, `20G`, `1T` or plain bytes.
fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, unit)) if !unit.is_ascii_digit() => (&text[..at], unit.to_ascii_uppercase()),
        _ => (text, 'B'),
    };
    let shift = ['B', 'K', 'M', 'G', 'T'].iter().position(|&known| known == unit);
    let bytes = digits.parse::<u64>().ok().zip(shift).and_then(|(n, shift)| n.checked_mul(1 << (10 * shift)));
    bytes.ok_or_else(|| "write bytes, or a number with K, M, G or T: 20G".into())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units_or_none() {
        assert_eq!((size("12"), size("2k"), size("20G")), (Ok(12), Ok(2048), Ok(20 << 30)));
        for wrong in ["", "G", "-1", "1.5G", "20GB", "99999999999T", "é"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
