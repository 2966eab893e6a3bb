//! What programs take of memory, and what a device has of it, in bytes.

use std::collections::HashMap;

/// Memory that a compiled program takes, known before it first runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Bytes for the values of the graph at their peak, buffers being reused.
    pub activations: u64,
    /// Bytes of values that are kept from one run to the next.
    pub kept: u64,
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
        self.values() + self.weights + self.scratch + self.picture
    }

    /// Bytes of all values of the graph.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.activations + self.kept
    }

    /// What of it is this machine's memory, where the device keeps its values there or not.
    #[must_use]
    pub fn on_host(&self, is_host: bool) -> u64 {
        if is_host { self.total() } else { self.picture }
    }
}

/// How a program has its weights on a device with memory of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Holding {
    /// They are copied once, and stay.
    #[default]
    Held,
    /// They are copied in every run, piece by piece, while the device computes with the piece before.
    Streamed,
}

/// What programs take of a device's own memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceNeed {
    /// Bytes of weights that stay, by what tells each from all others: programs share those that are the same.
    pub weights: HashMap<u64, u64>,
    /// Bytes of the buffers that programs use in turn, falling: the largest of each is one and the same.
    pub buffers: Vec<u64>,
    /// Bytes that each program has for itself, what it keeps from one run to the next among them.
    pub own: u64,
    /// Bytes of this machine's memory that streamed weights are still to take, where they stay packed there.
    pub packed: u64,
}

impl DeviceNeed {
    /// Of two programs, or of more, that are ready at the same time.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.weights.extend(&other.weights);
        self.own += other.own;
        self.packed += other.packed;
        let missing = other.buffers.len().saturating_sub(self.buffers.len());
        self.buffers.extend(std::iter::repeat_n(0, missing));
        self.buffers.iter_mut().zip(&other.buffers).for_each(|(own, other)| *own = (*own).max(*other));
        self
    }

    /// Bytes of weights.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        self.weights.values().sum()
    }

    /// Bytes of buffers.
    #[must_use]
    pub fn buffer_bytes(&self) -> u64 {
        self.buffers.iter().sum()
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weight_bytes() + self.buffer_bytes() + self.own
    }
}

/// The memory of a device, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct DeviceMemory {
    /// All that it has.
    pub total: u64,
    /// What this process may have of it at this moment, with what it has already; `total` where the driver does not tell.
    pub budget: u64,
    /// Whether it is this machine's memory.
    pub is_shared: bool,
}
