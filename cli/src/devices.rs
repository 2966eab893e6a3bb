//! `fulmen devices`: what can draw here.

use fulmen_engine::backend::{Backend, DeviceMemory};
use fulmen_engine::gpu::{AdapterDescription, AdapterKind, choose_adapter, list_adapters};
use serde::Serialize;

use crate::args::DevicesArgs;
use crate::console;
use crate::failure::Failure;
use crate::kernels;

/// All devices of this machine.
#[derive(Debug, Serialize)]
pub(crate) struct Devices {
    adapters: Vec<Adapter>,
    cpu: Cpu,
    /// What `--device auto` takes: `gpu:N` or `cpu`.
    auto: String,
}

/// A device, and for how many shapes its kernels were timed.
#[derive(Debug, Serialize)]
struct Adapter {
    #[serde(flatten)]
    description: AdapterDescription,
    tuned_shapes: usize,
}

/// The processor.
#[derive(Debug, Serialize)]
struct Cpu {
    name: String,
    /// Threads that this process may use.
    threads: usize,
    /// Vector instructions that products use where they are there.
    instruction_sets: Vec<&'static str>,
}

/// Prints them.
pub(crate) fn run(args: &DevicesArgs) -> Result<(), Failure> {
    let devices = Devices::find();
    if args.json {
        console::json(&devices);
    } else {
        devices.print();
    }
    Ok(())
}

impl Devices {
    pub(crate) fn find() -> Self {
        let adapters = list_adapters();
        let auto = choose_adapter("auto", &adapters).map_or_else(|_| "cpu".into(), |n| format!("gpu:{n}"));
        let adapters = adapters.into_iter().map(|description| {
            let tuned_shapes = kernels::count(&description);
            Adapter { description, tuned_shapes }
        });
        Self { adapters: adapters.collect(), cpu: Cpu::find(), auto }
    }

    pub(crate) fn print(&self) {
        self.adapters.iter().for_each(|adapter| console::out(&adapter_lines(adapter)));
        console::out(&self.cpu.lines());
        console::out(&format!("auto   takes {}", self.auto));
    }
}

/// What was opened as `choice`, with its driver or its threads: as results of measurements name it.
pub(crate) fn full_name(choice: &str, backend: &dyn Backend) -> String {
    if backend.is_host() {
        let Cpu { name, threads, .. } = Cpu::find();
        return format!("{name} ({threads} threads)");
    }
    opened(choice, backend).map_or_else(
        || backend.name().to_owned(),
        |adapter| format!("{} ({}, {})", adapter.name, adapter.backend, adapter.driver),
    )
}

/// The adapter that was opened as `choice`, where it was one.
pub(crate) fn opened(choice: &str, backend: &dyn Backend) -> Option<AdapterDescription> {
    let adapters = (!backend.is_host()).then(list_adapters)?;
    choose_adapter(choice, &adapters).ok().and_then(|place| adapters.get(place).cloned())
}

/// An adapter in five lines.
fn adapter_lines(Adapter { description: adapter, tuned_shapes }: &Adapter) -> String {
    let AdapterDescription { index, name, backend, driver, .. } = adapter;
    let subgroups = match adapter.subgroup_sizes {
        None => "no subgroups".to_owned(),
        Some((min, max)) if min == max => format!("subgroups of {min}"),
        Some((min, max)) => format!("subgroups of {min} to {max}"),
    };
    let f16 = if adapter.f16 { "native f16" } else { "no native f16 (not needed)" };
    let timestamps = if adapter.timestamps { "timestamps" } else { "no timestamps" };
    let core = format!("{:?}", adapter.core).to_lowercase();
    let tuned = match tuned_shapes {
        0 => String::new(),
        shapes => format!(", kernels timed for {shapes} shapes"),
    };
    let DeviceMemory { total, budget, is_shared } = adapter.memory;
    let whose = if is_shared { " of this machine's" } else { "" };
    let memory = format!("{}{whose} memory, {} free for this program", mib(total), mib(budget));
    format!(
        "gpu:{index}  {name} ({backend}, {})\n       driver {driver}\n       {memory}\n       {core} core{tuned}; {subgroups}, {f16}, {timestamps}\n       \
         buffers of {}, bindings of {}, {} KiB of workgroup memory",
        kind(adapter.kind),
        mib(adapter.max_buffer_bytes),
        mib(adapter.max_binding_bytes),
        adapter.workgroup_memory_bytes >> 10
    )
}

fn kind(kind: AdapterKind) -> &'static str {
    match kind {
        AdapterKind::Discrete => "discrete GPU",
        AdapterKind::Integrated => "integrated GPU",
        AdapterKind::Virtual => "virtual GPU",
        AdapterKind::Other => "unknown kind",
        AdapterKind::Software => "software: computes on the CPU, slower than the CPU backend",
    }
}

/// Drivers without a limit say 2⁶⁴ − 1 or thereabouts.
fn mib(bytes: u64) -> String {
    if bytes >> 50 > 0 { "any size".into() } else { format!("{} MiB", bytes >> 20) }
}

impl Cpu {
    fn find() -> Self {
        Self {
            name: model_name().unwrap_or_else(|| std::env::consts::ARCH.into()),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            instruction_sets: instruction_sets(),
        }
    }

    /// The processor in two lines.
    fn lines(&self) -> String {
        let threads = if self.threads == 1 { "1 thread".into() } else { format!("{} threads", self.threads) };
        let sets = if self.instruction_sets.is_empty() {
            "baseline".into()
        } else {
            self.instruction_sets.join(", ")
        };
        format!("cpu    {} ({threads})\n       instructions: {sets}", self.name)
    }
}

#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> Vec<&'static str> {
    let sets = [
        ("AVX2", std::is_x86_feature_detected!("avx2")),
        ("FMA", std::is_x86_feature_detected!("fma")),
        ("F16C", std::is_x86_feature_detected!("f16c")),
        ("AVX-512F", std::is_x86_feature_detected!("avx512f")),
    ];
    sets.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

#[cfg(target_arch = "aarch64")]
fn instruction_sets() -> Vec<&'static str> {
    let sets = [
        ("NEON", std::arch::is_aarch64_feature_detected!("neon")),
        ("FP16", std::arch::is_aarch64_feature_detected!("fp16")),
    ];
    sets.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instruction_sets() -> Vec<&'static str> {
    Vec::new()
}

/// Where the operating system says it in a file.
fn model_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
