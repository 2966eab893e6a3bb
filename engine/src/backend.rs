//! What a device must be able to do: compile a graph once, run it many times.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::graph::{Graph, Node, Shape};
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

/// Memory that a compiled program takes, known before it first runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Bytes for the values of the graph at their peak, buffers being reused.
    pub activations: u64,
    /// Bytes of weights copied to the device (or converted on the host); mapped files not counted.
    pub weights: u64,
    /// Bytes of working space of the operations.
    pub scratch: u64,
    /// Bytes of this machine's memory for one picture at a time: its latents, its pixels, and a file of it.
    pub picture: u64,
}

impl MemoryNeed {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.activations + self.weights + self.scratch + self.picture
    }

    /// What of it is this machine's memory, where the device keeps its values there or not.
    #[must_use]
    pub fn on_host(&self, is_host: bool) -> u64 {
        if is_host { self.total() } else { self.picture }
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

    /// Plans memory, prepares weights and kernels. Nothing is computed yet.
    fn compile(&self, graph: Arc<Graph>) -> Result<Box<dyn Program>>;
}

/// A graph made ready for one device; run as often as there are steps.
pub trait Program: Send {
    /// What it takes.
    fn memory(&self) -> MemoryNeed;

    /// Runs the graph. `inputs` by name, in any order; the outputs in the order in which the graph
    /// lists them.
    fn run(&mut self, inputs: &[(&str, &HostTensor)], cancel: &CancelToken) -> Result<Vec<HostTensor>>;

    /// Runs the graph and shows every node's value as it is made: the microscope. Slow; every
    /// value is copied to the host.
    fn trace(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> Result<()>,
    ) -> Result<()>;
}
