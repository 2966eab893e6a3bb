//! The arguments of `fulmen tune`.

use std::path::PathBuf;

use super::help;

/// Times the kernels that a GPU has for a model's layers, and remembers the fastest; shows or forgets them
#[derive(Debug, clap::Args)]
#[command(after_help = help::TUNE)]
pub(crate) struct TuneArgs {
    /// auto, gpu, gpu:N, or part of a device's name; `fulmen devices` lists them [default: auto; with --show every device
    /// of which something is remembered, whether it is there or not]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// The model whose layers are timed: SDXL, or the small one inside this program
    #[arg(long, value_name = "CONFIG", default_value = "sdxl", value_parser = ["sdxl", "demo"])]
    pub(crate) config: String,
    /// A model whose own layers are timed instead, with guidance where it draws with it: a diffusers folder or a file
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    pub(crate) model: Option<PathBuf>,
    /// Width and height in pixels, multiples of 8 [default: what the model was trained at]
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub(crate) size: Option<(usize, usize)>,
    /// Seconds at the most; what takes most time in a picture is timed first
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) seconds: u16,
    /// Show what was timed before, and time nothing
    #[arg(long)]
    pub(crate) show: bool,
    /// Forget what was timed on this device with this driver
    #[arg(long, conflicts_with = "show")]
    pub(crate) forget: bool,
    /// Print events as JSON lines on standard output, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `1216x832`, or one number for both.
fn size(text: &str) -> Result<(usize, usize), String> {
    let (width, height) = text.split_once('x').unwrap_or((text, text));
    let sides = width.parse().ok().zip(height.parse().ok());
    sides.ok_or_else(|| "write WIDTHxHEIGHT, such as 1216x832, or one number for both".into())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_is_two_numbers_or_one_for_both() {
        assert_eq!((size("1216x832"), size("512")), (Ok((1216, 832)), Ok((512, 512))));
        for wrong in ["", "x", "512x", "-8x8", "8x8x8", "wide"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
