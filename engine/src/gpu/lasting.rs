//! Values that outlast a run, in buffers of their program's own.

use super::device::Device;
use super::memory::DeviceBuffer;
use crate::Result;
use crate::backend::{HostTensor, LastingInputs};
use crate::graph::Graph;

/// The values, and what they were made of; nothing while they are made.
pub(super) struct LastingValues {
    buffers: Vec<DeviceBuffer>,
    made_of: Option<LastingInputs>,
}

impl LastingValues {
    /// Buffers of so many bytes.
    pub(super) fn new(device: &Device, sizes: &[u64]) -> Result<Self> {
        let buffer = |&size: &u64| DeviceBuffer::new(device, "lasting values", size);
        Ok(Self { buffers: sizes.iter().map(buffer).collect::<Result<_>>()?, made_of: None })
    }

    /// The buffers, in the order of the values.
    pub(super) fn buffers(&self) -> &[DeviceBuffer] {
        &self.buffers
    }

    /// Whether they hold for what a run is given. Where they do not, they are to be made.
    pub(super) fn hold(&mut self, graph: &Graph, given: &[(&str, &HostTensor)]) -> bool {
        let holds = |made_of: &LastingInputs| made_of.are_those_of(graph, given);
        self.made_of = self.made_of.take().filter(holds);
        self.made_of.is_some()
    }

    /// Forgets what they were made of: all of them are to be made.
    pub(super) fn forget(&mut self) {
        self.made_of = None;
    }

    /// Says what they were made of.
    pub(super) fn made_of(&mut self, inputs: LastingInputs) {
        if !self.buffers.is_empty() {
            self.made_of = Some(inputs);
        }
    }
}
