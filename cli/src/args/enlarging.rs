//! The arguments of enlarging finished pictures.

use std::path::PathBuf;

use fulmen_engine::request::Upscale;

/// How finished pictures are enlarged.
#[derive(Debug, clap::Args)]
pub(crate) struct EnlargingArgs {
    /// Enlarge the finished picture with an upscaler: RRDBNet (ESRGAN, Real-ESRGAN) or SRVGG, as .safetensors, .pth, or
    /// ncnn's .param with its .bin
    #[arg(long, value_name = "FILE")]
    upscale: Option<PathBuf>,

    /// What width and height are multiplied by, 1 to 16; without --upscale by Lanczos resampling [default: what the
    /// upscaler is made for]
    #[arg(long, value_name = "R")]
    upscale_by: Option<f64>,
}

impl EnlargingArgs {
    pub(crate) fn upscale(self) -> Option<Upscale> {
        let asked = self.upscale.is_some() || self.upscale_by.is_some();
        asked.then_some(Upscale { file: self.upscale, by: self.upscale_by })
    }
}
