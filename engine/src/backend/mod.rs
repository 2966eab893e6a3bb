//! What a device must be able to do: compile a graph once, run it many times.

mod memory;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

pub use self::memory::{DeviceMemory, DeviceNeed, Holding, MemoryNeed};
use crate::graph::{Graph, Node, Op, Shape};
use crate::{Error, Result};

/// Numbers on the host.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Activations, whatever the device stores them as.
    F32(Vec<f32>),
    /// Token ids, or the packed pixels of a picture (red in the low byte).
    U32(Vec<u32>),
}

/// A tensor on the host: `[images, height, width, channels]`, dense, channels innermost.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// The extents.
    pub shape: Shape,
    /// The numbers, `shape.len()` of them.
    pub values: Values,
}

impl HostTensor {
    /// A tensor of activations.
    ///
    /// # Panics
    /// If `values` is not as long as the shape says.
    #[must_use]
    pub fn f32(shape: Shape, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), shape.len(), "values of a host tensor");
        Self { shape, values: Values::F32(values) }
    }

    /// A tensor of ids.
    ///
    /// # Panics
    /// If `values` is not as long as the shape says.
    #[must_use]
    pub fn u32(shape: Shape, values: Vec<u32>) -> Self {
        assert_eq!(values.len(), shape.len(), "values of a host tensor");
        Self { shape, values: Values::U32(values) }
    }

    /// The activations.
    ///
    /// # Panics
    /// If these are ids.
    #[must_use]
    pub fn as_f32(&self) -> &[f32] {
        match &self.values {
            Values::F32(values) => values,
            Values::U32(_) => panic!("ids where activations were expected"),
        }
    }

    /// The ids or packed pixels.
    ///
    /// # Panics
    /// If these are activations.
    #[must_use]
    pub fn as_u32(&self) -> &[u32] {
        match &self.values {
            Values::U32(values) => values,
            Values::F32(_) => panic!("activations where ids were expected"),
        }
    }

    /// Whether both have the same bits.
    fn is(&self, other: &Self) -> bool {
        fn bits(values: &Values) -> &[u32] {
            match values {
                Values::F32(values) => bytemuck::cast_slice(values),
                Values::U32(values) => values,
            }
        }
        self.shape == other.shape && bits(&self.values) == bits(&other.values)
    }
}

/// The lasting inputs that a run was given: what was made of them holds for the next one that is given the same.
#[derive(Debug)]
pub(crate) struct LastingInputs(Vec<HostTensor>);

impl LastingInputs {
    /// Those of a graph among what a run is given.
    pub(crate) fn of(graph: &Graph, given: &[(&str, &HostTensor)]) -> Self {
        Self(Self::among(graph, given).cloned().collect())
    }

    /// Whether a run of the same graph is given the same.
    pub(crate) fn are_those_of(&self, graph: &Graph, given: &[(&str, &HostTensor)]) -> bool {
        let mut others = Self::among(graph, given);
        self.0.iter().all(|mine| others.next().is_some_and(|other| mine.is(other)))
    }

    fn among<'a>(graph: &'a Graph, given: &'a [(&str, &HostTensor)]) -> impl Iterator<Item = &'a HostTensor> {
        let find = |wanted: &str| given.iter().find(|(name, _)| *name == wanted).map(|(_, input)| *input);
        graph.nodes().iter().filter_map(move |node| match &node.op {
            Op::Input { name, lasts: true } => find(name),
            _ => None,
        })
    }
}

/// Asks a running program to stop at its next node. Clones are the same token.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<Cancelled>);

#[derive(Debug, Default)]
struct Cancelled {
    now: AtomicBool,
    at: OnceLock<Instant>,
    /// Asks too once all of these do, where there are any.
    all: Vec<CancelToken>,
}

impl CancelToken {
    /// One that asks once all of these do, or by itself.
    pub fn once_all(tokens: impl Iterator<Item = Self>) -> Self {
        Self(Arc::new(Cancelled { all: tokens.collect(), ..Cancelled::default() }))
    }

    /// Asks.
    pub fn cancel(&self) {
        self.0.now.store(true, Ordering::Relaxed);
    }

    /// Asks for the time to come, so that nothing runs longer. The first call counts.
    pub fn cancel_at(&self, time: Instant) {
        // Whoever was first has said it.
        let _ = self.0.at.set(time);
    }

    /// Whether it is over because its time is, and for no other reason.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        let over = self.0.at.get().is_some_and(|time| Instant::now() >= *time);
        over && !self.0.now.load(Ordering::Relaxed)
    }

    /// `Err(Error::Cancelled)` once someone has asked.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        let Cancelled { now, all, .. } = &*self.0;
        let all_ask = !all.is_empty() && all.iter().all(|token| token.check().is_err());
        if all_ask || now.load(Ordering::Relaxed) || self.is_overdue() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// By which clock kernels are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The device's: timestamps before and after each kernel.
    Device,
    /// This machine's, around a submission for each kernel alone: what submitting and waiting cost is in it. Where a
    /// device takes no timestamps.
    Submission,
    /// This machine's, which runs the kernels itself.
    Host,
}

/// One run of a kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelRun {
    /// A shader's name on a GPU, an operation's on the CPU.
    pub kernel: &'static str,
    /// Values of a shader's constants; nothing on the CPU.
    pub variant: String,
    /// What it works on: `4096×640 → 5120`.
    pub extents: String,
    /// Where in the model its node stands.
    pub label: String,
    /// How long it took.
    pub seconds: f64,
    /// Its multiplications and additions, as [`Graph::flops`] counts them.
    pub flops: u64,
    /// Bytes that it must at least read and write.
    pub bytes: u64,
}

/// A run with a clock at every kernel.
#[derive(Debug, Clone)]
pub struct Profiled {
    /// As those of [`Program::run`].
    pub outputs: Vec<HostTensor>,
    /// By which clock.
    pub clock: Clock,
    /// All kernels, in the order in which they ran.
    pub kernels: Vec<KernelRun>,
}

/// What a device does at best, measured.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Peak {
    /// Multiply-adds of f32 in registers, in FLOP/s.
    pub multiply_add: f64,
    /// Products of f16 with sums in f32 on matrix units, in FLOP/s, where kernels use them.
    pub matrix: Option<f64>,
    /// A copy, read and written, in bytes/s.
    pub bandwidth: f64,
}

impl Peak {
    /// The highest rate of products, in FLOP/s.
    #[must_use]
    pub fn flops(&self) -> f64 {
        self.matrix.unwrap_or(0.0).max(self.multiply_add)
    }
}

/// A device that runs graphs.
pub trait Backend: Send + Sync {
    /// The device's name, as a user would recognise it.
    fn name(&self) -> &str;

    /// Whether it keeps values in this machine's own memory.
    fn is_host(&self) -> bool {
        false
    }

    /// Whether its products round what they multiply to bf16.
    fn multiplies_bf16(&self) -> bool {
        false
    }

    /// Gives back the memory that it keeps for the next run: a picture is done, or memory is counted.
    fn rest(&self) {}

    /// Plans memory and kernels. Nothing is computed yet, and nothing is taken of a device's own memory.
    fn compile(&self, graph: Arc<Graph>) -> Result<Box<dyn Program>>;

    /// Bytes of its memory that were allocated at the peak, where it has memory of its own and counts it.
    fn allocated(&self) -> Option<u64> {
        None
    }

    /// The memory of its own; `None` where it has none, or where nobody tells.
    fn device_memory(&self) -> Option<DeviceMemory> {
        None
    }

    /// Bytes of weights that programs have on the device at this moment, whoever they belong to.
    fn held(&self) -> u64 {
        0
    }

    /// Makes the buffers that programs use in turn as large as these, and no larger.
    fn reserve(&self, _buffers: &[u64]) -> Result<()> {
        Ok(())
    }

    /// Measures what the device does at best, which takes less than a second or two.
    fn peak(&self) -> Result<Peak>;
}

/// A graph made ready for one device; run as often as there are steps.
pub trait Program: Send {
    /// What it takes.
    fn memory(&self) -> MemoryNeed;

    /// What it takes of a device's own memory with its weights held so; nothing where it is this machine's.
    fn device_need(&self, _holding: Holding) -> DeviceNeed {
        DeviceNeed::default()
    }

    /// The same as weights are held now.
    fn own_need(&self) -> DeviceNeed {
        DeviceNeed::default()
    }

    /// Says how weights are held from now on. What is held otherwise goes.
    fn hold(&mut self, _holding: Holding) {}

    /// Takes what it needs of a device's memory, which otherwise its first run does.
    fn load(&mut self) -> Result<()> {
        Ok(())
    }

    /// Gives it back. Another run takes it anew.
    fn unload(&mut self) {}

    /// Whether it has memory of a device.
    fn is_loaded(&self) -> bool {
        false
    }

    /// Says that it will be run many times: what is worth the memory may be made ready for all of them. What it takes is
    /// then asked anew.
    fn run_often(&mut self) {}

    /// Runs the graph. `inputs` by name, in any order; the outputs in the order in which the graph
    /// lists them. What depends on lasting inputs alone may be computed only where one of these is another than in the run
    /// before.
    fn run(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Vec<HostTensor>>;

    /// Runs all of the graph and shows every node's value as it is made: the microscope. Slow; every
    /// value is copied to the host.
    fn trace(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
    ) -> Result<()>;

    /// Runs the graph, as [`Program::run`] would, and tells how long each kernel took. Slower than [`Program::run`]: kernels wait for each other, and
    /// for the clock.
    fn profile(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Profiled>;
}
