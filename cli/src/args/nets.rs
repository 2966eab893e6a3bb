//! Networks that requests to a server may use beside its models.

use std::path::{Path, PathBuf};

use fulmen_server::Nets;

use crate::failure::Failure;

/// Each is opened when a request first uses it.
#[derive(Debug, clap::Args)]
pub(crate) struct NetArgs {
    /// An IP-Adapter, by which the pictures of `imagePrompts` are prompts; needs --image-encoder
    #[arg(long, value_name = "FILE", requires = "image_encoder", help_heading = "Model")]
    ip_adapter: Option<PathBuf>,

    /// The encoder of pictures that the IP-Adapter was made for: a file, or a folder of transformers'
    #[arg(long, value_name = "PATH", requires = "ip_adapter", help_heading = "Model")]
    image_encoder: Option<PathBuf>,
}

impl NetArgs {
    /// Those that were given; all of them are there.
    pub(crate) fn nets(&self) -> Result<Nets, Failure> {
        let Self { ip_adapter, image_encoder } = self;
        for (flag, path) in [("--ip-adapter", ip_adapter), ("--image-encoder", image_encoder)] {
            path.as_deref().map_or(Ok(()), |path| is_there(flag, path))?;
        }
        let (ip_adapter, image_encoder) = (ip_adapter.clone(), image_encoder.clone());
        Ok(Nets { ip_adapter, image_encoder, ..Nets::default() })
    }
}

fn is_there(flag: &str, path: &Path) -> Result<(), Failure> {
    match path.metadata() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Usage(format!("{flag} {}: {error}", path.display()))),
    }
}
