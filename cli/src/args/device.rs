//! The device that draws, and what is kept for it.

use std::path::PathBuf;

use fulmen_engine::engine::{Device, MeasuredKernels};

use crate::failure::Failure;
use crate::{cached, kernels, matrix_units};

/// What every command that draws takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DeviceArgs {
    /// auto, cpu, gpu, gpu:N, or part of a device's name; `fulmen devices` lists them
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,

    /// Do without the cache of compiled kernels in the user's cache folder: neither read nor write it
    #[arg(long)]
    no_cache: bool,

    /// Run every layer on the kernel that rules choose, not on what `fulmen tune` or the first run found to be fastest,
    /// and time nothing at the first run
    #[arg(long)]
    no_tuning: bool,

    /// Run layers on the kernels that this file chooses, and time nothing: what `fulmen tune --show --json` prints, of this
    /// machine or of another, perhaps changed by hand
    #[arg(long, value_name = "FILE", conflicts_with = "no_tuning")]
    kernels_from: Option<PathBuf>,
}

impl DeviceArgs {
    /// The device that is meant.
    pub(crate) fn device(&self) -> Result<Device, Failure> {
        let device: Device = self.device.parse()?;
        let given =
            self.kernels_from.as_deref().map(|file| kernels::given(file, &self.device)).transpose()?;
        let folder = cached::folder().filter(|_| !self.no_cache);
        let kernels = (!self.no_tuning).then_some(kernels::known_or_timed as MeasuredKernels);
        Ok(device
            .with_cache(folder)
            .with_trust(matrix_units::trust)
            .with_kernels(kernels)
            .with_given_kernels(given))
    }
}
