//! Networks that requests to a server may use beside its models.

use std::path::{Path, PathBuf};

use fulmen_engine::layer_diffuse::LayerDiffuseFiles;
use fulmen_server::Nets;

use crate::failure::Failure;

/// What nets may read.
const KINDS: [&str; 3] = ["canny", "depth", "pose"];

/// Each is opened when a request first uses it.
#[derive(Debug, clap::Args)]
pub(crate) struct NetArgs {
    /// A ControlNet or T2I-Adapter, by what it reads: canny, depth or pose; may be repeated
    #[arg(long = "control", value_name = "KIND=FILE", value_parser = control, help_heading = "Model")]
    controls: Vec<(String, PathBuf)>,

    /// An IP-Adapter, by which the pictures of `imagePrompts` are prompts; needs --image-encoder
    #[arg(long, value_name = "FILE", requires = "image_encoder", help_heading = "Model")]
    ip_adapter: Option<PathBuf>,

    /// A network that enlarges pictures, for `upscaleRatio`, variations and second passes; without one they are resampled
    #[arg(long = "upscale", value_name = "FILE", help_heading = "Model")]
    upscaler: Option<PathBuf>,

    /// LayerDiffuse's files, by which pictures with transparency are drawn; without them a finished one is given a matte
    #[arg(long, value_name = "DIR", help_heading = "Model")]
    layer_diffuse: Option<PathBuf>,

    /// The encoder of pictures that the IP-Adapter was made for: a file, or a folder of transformers'
    #[arg(long, value_name = "PATH", requires = "ip_adapter", help_heading = "Model")]
    image_encoder: Option<PathBuf>,
}

impl NetArgs {
    /// Those that were given; all of them are there.
    pub(crate) fn nets(&self) -> Result<Nets, Failure> {
        let Self { controls, ip_adapter, upscaler, layer_diffuse, image_encoder } = self;
        controls.iter().try_for_each(|(_, path)| is_there("--control", path))?;
        let controls = controls.iter().cloned().collect();
        let paths =
            [("--ip-adapter", ip_adapter), ("--image-encoder", image_encoder), ("--upscale", upscaler)];
        for (flag, path) in paths {
            path.as_deref().map_or(Ok(()), |path| is_there(flag, path))?;
        }
        layer_diffuse.as_deref().map(LayerDiffuseFiles::find).transpose()?;
        let [ip_adapter, image_encoder, upscaler] = paths.map(|(_, path)| path.clone());
        Ok(Nets { controls, ip_adapter, image_encoder, upscaler, layer_diffuse: layer_diffuse.clone() })
    }
}

/// `KIND=FILE`
fn control(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((kind, file)) if KINDS.contains(&kind) && !file.is_empty() => Ok((kind.into(), file.into())),
        _ => Err(format!("it needs what the net reads, and its file: {}=FILE", KINDS.join("=FILE, "))),
    }
}

fn is_there(flag: &str, path: &Path) -> Result<(), Failure> {
    match path.metadata() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Usage(format!("{flag} {}: {error}", path.display()))),
    }
}
