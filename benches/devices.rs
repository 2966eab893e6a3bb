//! The devices of this machine, and what results call them.

use std::sync::{Arc, OnceLock};

use fulmen_engine::backend::{Backend, Peak};
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::gpu::{AdapterDescription, AdapterKind, Core, GpuBackend, GpuOptions, list_adapters};
use fulmen_engine::graph::Element;

/// A backend with one of its cores.
pub struct Device {
    /// What results call it: `cpu`, `gpu0 subgroup`.
    pub name: String,
    /// It, opened.
    pub backend: Arc<dyn Backend>,
    /// How activations are stored: as the engine does on such a device.
    pub element: Element,
    /// Whether this machine's processor does the work.
    pub on_cpu: bool,
    peak: OnceLock<Option<Peak>>,
}

impl Device {
    /// The CPU backend, with activations in f32.
    #[must_use]
    pub fn cpu() -> Self {
        Self::of_cpu("cpu", CpuBackend::new())
    }

    /// The CPU backend whose products are of bf16.
    ///
    /// # Errors
    /// The processor has none.
    pub fn cpu_in_bf16() -> fulmen_engine::Result<Self> {
        Ok(Self::of_cpu("cpu bf16", CpuBackend::in_bf16()?))
    }

    fn of_cpu(name: &str, backend: CpuBackend) -> Self {
        let (name, backend) = (name.into(), Arc::new(backend));
        Self { name, backend, element: Element::F32, on_cpu: true, peak: OnceLock::new() }
    }

    /// The first adapter, as the engine opens it.
    ///
    /// # Errors
    /// None opens.
    pub fn first_adapter() -> fulmen_engine::Result<Self> {
        let backend = Arc::new(GpuBackend::open("gpu:0", GpuOptions::default())?);
        let on_cpu = list_adapters().first().is_some_and(|first| first.kind == AdapterKind::Software);
        Ok(Self { name: "gpu0".into(), backend, element: Element::F16, on_cpu, peak: OnceLock::new() })
    }

    /// The adapter of this choice, with kernels compiled for each shape however little its work is: software adapters
    /// compile so slowly that small graphs run on general ones.
    ///
    /// # Errors
    /// It does not open.
    pub fn specialised(choice: &str) -> fulmen_engine::Result<Self> {
        let options = GpuOptions { general: Some(false), ..GpuOptions::default() };
        let backend = GpuBackend::open(choice, options)?;
        let AdapterDescription { name, driver, kind, .. } = backend.description();
        let (name, on_cpu) = (format!("{name}, {driver}"), *kind == AdapterKind::Software);
        let backend = Arc::new(backend);
        Ok(Self { name, backend, element: Element::F16, on_cpu, peak: OnceLock::new() })
    }

    /// What it does at best, measured when that is first asked for.
    pub(crate) fn peak(&self) -> Option<&Peak> {
        let measure = || self.backend.peak().inspect_err(|error| eprintln!("no peak: {error}")).ok();
        self.peak.get_or_init(measure).as_ref()
    }

    /// How many copies of a node a run computes, if `least` are enough on a processor. A GPU takes
    /// a fraction of a millisecond for one: submitting the work must not be what is measured.
    pub(crate) fn copies(&self, least: usize) -> usize {
        if self.on_cpu { least } else { 16 * least }
    }
}

/// The CPU backend, and every adapter that opens, with each core that it has.
#[must_use]
pub fn devices() -> Vec<Device> {
    let mut devices = vec![Device::cpu()];
    let adapters = list_adapters();
    for adapter in adapters.iter().filter(|adapter| !is_known(adapter, &adapters)) {
        let AdapterDescription { index, name, backend, driver, .. } = adapter;
        eprintln!("gpu{index}: {name}, {backend}, {driver}");
        for core in [Core::Tiled, Core::Subgroup, Core::Cooperative] {
            devices.extend(open(adapter, core));
        }
    }
    devices
}

/// Whether this is a device of the list once more, seen through GL.
fn is_known(adapter: &AdapterDescription, all: &[AdapterDescription]) -> bool {
    adapter.backend == "gl" && all.iter().any(|other| other.backend != "gl" && other.name == adapter.name)
}

/// `None` where the adapter does not open or does not have the core.
fn open(adapter: &AdapterDescription, core: Core) -> Option<Device> {
    let options = GpuOptions { core: Some(core), ..GpuOptions::default() };
    let backend = match GpuBackend::open(&format!("gpu:{}", adapter.index), options) {
        Ok(backend) => backend,
        Err(error) => {
            eprintln!("not measured: {error}");
            return None;
        }
    };
    let word = match core {
        Core::Tiled => "tiled",
        Core::Subgroup => "subgroup",
        Core::Cooperative => "cooperative",
    };
    let on_cpu = adapter.kind == AdapterKind::Software;
    (backend.core() == core).then(|| Device {
        name: format!("gpu{} {word}", adapter.index),
        backend: Arc::new(backend),
        element: Element::F16,
        on_cpu,
        peak: OnceLock::new(),
    })
}
