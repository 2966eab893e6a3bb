//! The device that draws, and what is kept for it.

use fulmen_engine::engine::Device;

use crate::failure::Failure;
use crate::matrix_units;

/// What every command that draws takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DeviceArgs {
    /// auto, cpu, gpu, gpu:N, or part of a device's name; `fulmen devices` lists them
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,

    /// Do without the cache of compiled kernels in the user's cache folder: neither read nor write it
    #[arg(long)]
    no_cache: bool,
}

impl DeviceArgs {
    /// The device that is meant.
    pub(crate) fn device(&self) -> Result<Device, Failure> {
        let device: Device = self.device.parse()?;
        let folder = dirs::cache_dir().filter(|_| !self.no_cache).map(|folder| folder.join("fulmen"));
        Ok(device.with_cache(folder).with_trust(matrix_units::trust))
    }
}
