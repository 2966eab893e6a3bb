//! Which device draws: what a user may write, and what it means here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::Precision;
use crate::backend::Backend;
use crate::cpu::CpuBackend;
use crate::gpu::{self, AdapterDescription, Core, GpuBackend, GpuOptions, KernelTable};
use crate::message::{Message, Setting};
use crate::{Error, Result};

/// What a user may ask for with `--device`: `auto`, `cpu`, `gpu`, `gpu:N`, or part of a name.
///
/// `auto` is the best real GPU, else the CPU backend: a software adapter is never chosen by itself,
/// for the CPU backend is faster.
#[derive(Debug, Clone)]
pub struct Device {
    choice: String,
    /// Where what its driver compiles is kept.
    cache: Option<PathBuf>,
    /// Says whether matrix units may be used.
    trust: Option<TrustMatrixUnits>,
    /// Says which kernels were measured to be fastest.
    kernels: Option<MeasuredKernels>,
    /// Says which kernels are used, whatever was measured.
    given: Option<GivenKernels>,
}

/// Kernels that someone chose.
#[derive(Debug, Clone)]
pub struct GivenKernels {
    /// Which; rules choose the others.
    pub table: KernelTable,
    /// Where that is said, for errors: `--kernels-from kernels.json`.
    pub source: String,
}

impl GivenKernels {
    /// Refuses what the device does not have.
    fn check(&self, backend: &GpuBackend) -> Result<()> {
        let Some((work, name, has)) = backend.lacking(&self.table) else { return Ok(()) };
        let has: Vec<String> = has.iter().map(ToString::to_string).collect();
        Err(Error::Request(
            format!(
                "{} chooses the kernel {name} for {work}, and {} does not have it; it has {}",
                self.source,
                backend.name(),
                has.join(", ")
            )
            .into(),
        ))
    }
}

/// Asked before the matrix units of a device are used: whether they compute what they should with its driver. Drivers are
/// known that do not, or that end the process.
pub type TrustMatrixUnits = fn(&AdapterDescription, Option<&Path>) -> bool;

/// Asked before a device is opened: which kernels are fastest on it, opened with such options; it is given the folder of the
/// cache, too.
pub type MeasuredKernels = fn(&AdapterDescription, GpuOptions, Option<&Path>) -> KernelTable;

impl Default for Device {
    fn default() -> Self {
        Self { choice: "auto".into(), cache: None, trust: None, kernels: None, given: None }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "" => Err(Error::Request("the device is empty; try auto, cpu or gpu".into())),
            device => Ok(Self { choice: device.to_owned(), ..Self::default() }),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.choice)
    }
}

/// A backend, and what the user should know of how it was chosen.
pub(super) struct Opened {
    pub(super) backend: Arc<dyn Backend>,
    /// Whether activations are best stored in 16 bits.
    pub(super) is_gpu: bool,
    pub(super) warning: Option<Message>,
}

impl Device {
    /// The same with a folder in which what a GPU's driver compiles is kept from one start to the next. By itself nothing
    /// is kept.
    #[must_use]
    pub fn with_cache(self, cache: Option<PathBuf>) -> Self {
        Self { cache, ..self }
    }

    /// The same, with matrix units used only where `trust` says so; it is given the folder of the cache, too. By itself
    /// they are used wherever they are.
    #[must_use]
    pub fn with_trust(self, trust: TrustMatrixUnits) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// The same, with kernels as `kernels` says; where it says nothing, and by itself, rules choose them.
    #[must_use]
    pub fn with_kernels(self, kernels: Option<MeasuredKernels>) -> Self {
        Self { kernels, ..self }
    }

    /// The same, with these kernels on a GPU, and nothing measured or asked for.
    ///
    /// A device that does not have one of them is not opened: that is an [`Error::Request`].
    #[must_use]
    pub fn with_given_kernels(self, given: Option<GivenKernels>) -> Self {
        Self { given, ..self }
    }

    /// The GPU that `choice` names.
    fn open_gpu(&self, choice: &str) -> Result<Opened> {
        let description = gpu::find_adapter(choice)?;
        let has_units = description.core == Core::Cooperative;
        let trusts = |trust: TrustMatrixUnits| trust(&description, self.cache.as_deref());
        let trusted = !has_units || self.trust.is_none_or(trusts);
        let options = GpuOptions { matrix_units: trusted, ..GpuOptions::default() };
        let measured = self.kernels.filter(|_| self.given.is_none());
        let measured = measured.map(|kernels| kernels(&description, options, self.cache.as_deref()));
        let backend = GpuBackend::open_caching(choice, options, self.cache.as_deref())?;
        self.given.as_ref().map(|given| given.check(&backend)).transpose()?;
        let given = self.given.as_ref().map(|given| given.table.clone());
        backend.use_kernels(given.or(measured).unwrap_or_default());
        let warning = (!trusted).then(|| {
            let name = &description.name;
            format!(
                "the matrix units of {name} do not compute what they should with its driver ({}), so they are not used, \
                 which is slower; a newer driver may help",
                description.driver
            )
        });
        Ok(Opened { backend: Arc::new(backend), is_gpu: true, warning: warning.map(Message::from) })
    }

    /// The backend that this means on this machine.
    ///
    /// # Errors
    /// [`Error::Device`] where no such device is there or it cannot be opened.
    pub fn open(&self) -> Result<Arc<dyn Backend>> {
        self.open_in(None)
    }

    /// The same, for what is to be computed in this precision.
    ///
    /// # Errors
    /// As [`Device::open`]; [`Error::Request`] where the device does not multiply so.
    pub fn open_in(&self, precision: Option<Precision>) -> Result<Arc<dyn Backend>> {
        Ok(self.choose(precision)?.backend)
    }

    /// What is to be computed on it in this precision.
    pub(super) fn choose(&self, precision: Option<Precision>) -> Result<Opened> {
        let in_bf16 = precision == Some(Precision::Bf16);
        let cpu = |warning| {
            let backend = if in_bf16 { CpuBackend::in_bf16()? } else { CpuBackend::new() };
            Ok(Opened { backend: Arc::new(backend), is_gpu: false, warning })
        };
        match self.choice.as_str() {
            "cpu" => cpu(None),
            "auto" if !gpu::has_gpu() => cpu(None),
            _ if in_bf16 => {
                let what = Message::of(Setting::Precision).text(" bf16 is for the CPU alone; use ");
                let what = what.setting(Setting::Device).text(" cpu, or f16 or f32 on a GPU");
                Err(Error::Request(what))
            }
            choice => match self.open_gpu(choice) {
                Ok(gpu) => Ok(gpu),
                Err(error @ Error::Request(_)) => Err(error),
                Err(error) if choice == "auto" => cpu(Some(format!("{error}; the CPU draws instead").into())),
                Err(error) => Err(error),
            },
        }
    }
}
