//! An opened device. Whatever wgpu or the driver says becomes a sentence here, never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::adapters::AdapterKind;
use super::kernel_table::KernelTable;
use super::matrix_units::MatrixUnits;
use super::tally::{Allocated, Tally};
use super::{AdapterDescription, Core, GpuOptions};
use crate::backend::CancelToken;
use crate::{Error, Result};

/// While the device works, whoever wants it to stop is heard so often.
const LOOK: Duration = Duration::from_millis(20);

/// What operations must know of the device they are lowered for.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The device's name, for errors.
    pub name: String,
    /// The cores that may be used, the one first that is preferred where nothing was measured; the tiled one is always
    /// among them.
    pub cores: Vec<Core>,
    /// What was measured; nothing where the core or its tile is given.
    pub kernels: Arc<KernelTable>,
    /// The matrix units, where they are used.
    pub units: Option<MatrixUnits>,
    /// Whether f32 is multiplied in parts by matrix units even where that was not measured to be faster.
    pub prefers_parts: bool,
    /// The only one of a core's tiles; all of them where there is none.
    pub tile: Option<usize>,
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
    /// The most lanes of a workgroup.
    pub max_lanes: u32,
    /// The size of every subgroup; `None` where it varies, subgroups are off, or a test plays wider ones.
    pub subgroup: Option<u32>,
    /// The most bytes of one binding.
    pub max_binding: u64,
    /// The most bytes of one binding of rows; lower than `max_binding` only in tests.
    pub window: u64,
    /// The most bytes of one buffer.
    pub max_buffer: u64,
    /// The most bytes of weights that are streamed at once; less than usual only in tests.
    pub segment: u64,
    /// Bindings start at multiples of this.
    pub alignment: u64,
    /// The most workgroups in one dimension of a grid; lower than the device's own only in tests.
    pub max_workgroups: u32,
    /// Whether convolutions of stride 1 are computed by Winograd's F(4, 3); `None`: those that it suits.
    pub winograd: Option<bool>,
    /// Whether one pipeline serves all products of a kind.
    pub general: bool,
    /// The most work of one dispatch, as `Dispatch::work` counts it: see `pace`.
    pub most_work: u64,
    /// Whether buffers are surrounded by a pattern.
    pub guards: bool,
}

impl Facts {
    fn new(device: &wgpu::Device, description: &AdapterDescription, options: GpuOptions) -> Self {
        let limits = device.limits();
        let subgroup = description.fixed_subgroup().filter(|_| options.subgroups && !options.several_bands);
        let cores = cores(description, options);
        let max_binding = limits.max_storage_buffer_binding_size;
        let max_workgroups = limits.max_compute_workgroups_per_dimension;
        Self {
            name: description.name.clone(),
            units: matrix_units(description, options).filter(|_| cores.contains(&Core::Cooperative)),
            cores,
            kernels: Arc::default(),
            prefers_parts: options.core == Some(Core::Cooperative),
            tile: options.tile,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            max_lanes: limits.max_compute_invocations_per_workgroup,
            subgroup,
            max_binding,
            window: options.window_bytes.unwrap_or(max_binding).min(max_binding),
            max_buffer: limits.max_buffer_size,
            segment: options.segment_bytes.unwrap_or(u64::MAX),
            alignment: u64::from(limits.min_storage_buffer_offset_alignment),
            max_workgroups: options.grid_width.unwrap_or(max_workgroups).min(max_workgroups),
            winograd: options.winograd,
            general: options.general == Some(true),
            most_work: u64::MAX,
            guards: options.guards,
        }
    }

    /// A grid of `count` workgroups, folded to two dimensions where one does not hold them. Kernels
    /// count with `flat_workgroup` of `shared/grid.wgsl`; the last ones may be beyond `count`.
    pub(super) fn fold(&self, count: usize) -> [u32; 3] {
        let rows = count.div_ceil(self.max_workgroups as usize).max(1);
        [count.div_ceil(rows).max(1) as u32, rows as u32, 1]
    }

    /// The core that most of the work runs on where nothing was measured.
    pub(super) fn best_core(&self) -> Core {
        self.cores.first().copied().unwrap_or(Core::Tiled)
    }

    /// The core for what the matrix units do not do.
    pub(super) fn core(&self) -> Core {
        self.cores.iter().find(|core| **core != Core::Cooperative).copied().unwrap_or(Core::Tiled)
    }

    /// Those of a device that is not there, and would refuse nothing.
    pub(super) fn unlimited(core: Core, subgroup: Option<u32>) -> Self {
        let most = u64::from(u32::MAX);
        let units = subgroup.filter(|_| core == Core::Cooperative);
        let units = units.map(|lanes| MatrixUnits::of(16, lanes));
        Self {
            name: "no device".to_owned(),
            cores: if units.is_none() && core == Core::Cooperative {
                vec![Core::Tiled]
            } else {
                vec![core, Core::Tiled]
            },
            kernels: Arc::default(),
            units,
            prefers_parts: false,
            tile: None,
            workgroup_memory: 64 << 10,
            max_lanes: 1024,
            subgroup,
            max_binding: most,
            window: most,
            max_buffer: most,
            segment: u64::MAX,
            alignment: 256,
            max_workgroups: u32::from(u16::MAX),
            winograd: None,
            general: false,
            most_work: u64::MAX,
            guards: false,
        }
    }
}

/// The cores that a device has and its options allow, the one first that they want or that suits its kind.
fn cores(description: &AdapterDescription, options: GpuOptions) -> Vec<Core> {
    let [usual, other] = match description.kind {
        AdapterKind::Software => [Core::Subgroup, Core::Tiled],
        _ => [Core::Tiled, Core::Subgroup],
    };
    let wanted = match options.core {
        Some(Core::Tiled) => vec![Core::Tiled],
        Some(Core::Subgroup) => vec![Core::Subgroup, Core::Tiled],
        Some(Core::Cooperative) => vec![Core::Cooperative, usual, Core::Tiled],
        None if description.core == Core::Cooperative => vec![Core::Cooperative, usual, other],
        None => vec![usual, other],
    };
    let has = |core: &Core| match core {
        Core::Tiled => true,
        Core::Subgroup => options.subgroups && description.has_subgroup_core(),
        Core::Cooperative => matrix_units(description, options).is_some(),
    };
    wanted.into_iter().filter(has).collect()
}

/// The matrix units of a device, as its options want them.
fn matrix_units(description: &AdapterDescription, options: GpuOptions) -> Option<MatrixUnits> {
    let wanted = options.matrix_units && options.subgroups && !options.default_limits;
    let lanes = description.matrix_lanes().filter(|_| wanted)?;
    let fragment = options.fragment.or(description.matrix_units);
    description.matrix_units.and(fragment).map(|fragment| {
        let units = MatrixUnits::of(fragment, lanes);
        MatrixUnits {
            joins_reads: options.joins_reads.unwrap_or(units.joins_reads),
            attention_rows: options.attention_rows.unwrap_or(units.attention_rows),
            on_cpu: description.kind == AdapterKind::Software && !options.as_on_gpus,
            ..units
        }
    })
}

/// A device, its queue, and whether they were lost.
pub(super) struct Device {
    pub wgpu: wgpu::Device,
    pub queue: wgpu::Queue,
    pub facts: Facts,
    /// The first failure that came outside any call of ours: a lost device, a late error.
    failure: Arc<Mutex<Option<String>>>,
    /// Held by whoever submits or waits.
    turn: Mutex<()>,
    pub tally: Arc<Tally>,
}

impl Device {
    /// Opens an adapter.
    pub(super) fn open(
        adapter: &wgpu::Adapter,
        description: &AdapterDescription,
        options: GpuOptions,
    ) -> Result<Self> {
        let wanted =
            wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::PIPELINE_CACHE;
        let wanted = if options.subgroups { wanted } else { wanted - wgpu::Features::SUBGROUP };
        let units = matrix_units(description, options).is_some();
        let matrices = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16;
        let wanted = if units { wanted | matrices } else { wanted };
        let limits = if options.default_limits { wgpu::Limits::defaults() } else { adapter.limits() };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("fulmen"),
            required_features: adapter.features() & wanted,
            required_limits: limits,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            // SAFETY: wgpu calls features experimental whose validation may have holes. Only kernels of this project are
            // compiled, and the parity tests run each with guards around its buffers.
            experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| {
            Error::Device(format!(
                "{} cannot be opened: {error}; is its driver up to date?",
                description.name
            ))
        })?;
        let failure = Arc::new(Mutex::new(None));
        watch(&device, &failure);
        let facts = Facts::new(&device, description, options);
        Ok(Self { wgpu: device, queue, facts, failure, turn: Mutex::default(), tally: Arc::default() })
    }

    /// Calls into wgpu and turns what it complains of into an error.
    pub(super) fn attempt<T>(&self, doing: &str, call: impl FnOnce() -> T) -> Result<T> {
        let filters =
            [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory];
        let scopes = filters.map(|filter| self.wgpu.push_error_scope(filter));
        let value = call();
        let mut first = None;
        for scope in scopes.into_iter().rev() {
            first = first.or(pollster::block_on(scope.pop()));
        }
        match first {
            None => self.healthy().map(|()| value),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(self.out_of_memory(0)),
            Some(error) => Err(Error::Device(format!("{}: {doing} failed: {error}", self.facts.name))),
        }
    }

    /// A new buffer, counted.
    pub(super) fn buffer(&self, label: &str, size: u64, usage: wgpu::BufferUsages) -> Result<Allocated> {
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        let buffer =
            self.attempt("a buffer", || self.wgpu.create_buffer(&descriptor)).map_err(
                |error| match error {
                    Error::Memory { .. } => self.out_of_memory(size),
                    other => other,
                },
            )?;
        Ok(self.tally.count(buffer))
    }

    fn out_of_memory(&self, more: u64) -> Error {
        let have = self.tally.now();
        Error::Memory { device: self.facts.name.clone(), need: have + more, have }
    }

    /// Hands commands to the device.
    pub(super) fn submit(&self, commands: wgpu::CommandBuffer) -> Result<wgpu::SubmissionIndex> {
        let _turn = self.turn();
        self.attempt("submitting work", || self.queue.submit([commands]))
    }

    /// Submits what was written to buffers.
    pub(super) fn submit_copies(&self) -> Result<wgpu::SubmissionIndex> {
        let _turn = self.turn();
        self.attempt("a copy to the device", || self.queue.submit([]))
    }

    /// Submits and finishes what was written to buffers, so that its staging memory is given back.
    pub(super) fn flush(&self) -> Result<()> {
        self.submit_copies()?;
        self.wait(None)
    }

    /// Waits until a submission (or all of them) is done.
    pub(super) fn wait(&self, submission: Option<&wgpu::SubmissionIndex>) -> Result<()> {
        while !self.is_done(submission)? {
            thread::yield_now();
        }
        Ok(())
    }

    /// Waits until a submission is done, or someone asks to stop: then the device goes on with it alone.
    pub(super) fn wait_for(&self, submission: &wgpu::SubmissionIndex, cancel: &CancelToken) -> Result<()> {
        while !self.is_done(Some(submission))? {
            cancel.check()?;
            thread::yield_now();
        }
        Ok(())
    }

    /// Waits for the threads that submit or wait meanwhile: wgpu panics where a wait runs out of time while another thread
    /// sees the queue empty.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is done within a short time.
    fn is_done(&self, submission: Option<&wgpu::SubmissionIndex>) -> Result<bool> {
        let poll = wgpu::PollType::Wait { submission_index: submission.cloned(), timeout: Some(LOOK) };
        let turn = self.turn();
        // wgpu treats a device that is lost while it waits as fatal: that panic stops here.
        let polled = catch_unwind(AssertUnwindSafe(|| self.wgpu.poll(poll)));
        drop(turn);
        self.healthy()?;
        match polled {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(wgpu::PollError::Timeout)) => Ok(false),
            Ok(Err(error)) => Err(Error::Device(format!("{} does not answer: {error}", self.facts.name))),
            Err(_) => Err(Error::Device(format!("{} was lost while it computed", self.facts.name))),
        }
    }

    /// `Err` once the device has failed.
    fn healthy(&self) -> Result<()> {
        match &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(what) => Err(Error::Device(format!(
                "{} failed: {what}; a driver that was updated or a picture that is too large can cause that",
                self.facts.name
            ))),
        }
    }
}

/// Keeps the first failure that no call of ours is there to see.
fn watch(device: &wgpu::Device, failure: &Arc<Mutex<Option<String>>>) {
    let keep = |failure: &Mutex<Option<String>>, what: String| {
        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    };
    let uncaptured = failure.clone();
    device.on_uncaptured_error(Arc::new(move |error| keep(&uncaptured, error.to_string())));
    let lost = failure.clone();
    device.set_device_lost_callback(move |reason, message| {
        if reason != wgpu::DeviceLostReason::Destroyed {
            keep(&lost, format!("the device was lost ({message})"));
        }
    });
}
