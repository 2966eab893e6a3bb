//! One dispatch, as an operation describes it.

use crate::gpu::cores::Sizes;
use crate::gpu::shaders::Shader;
use crate::graph::NodeId;

/// One run of a kernel.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::gpu) struct Dispatch {
    /// The node that it belongs to.
    pub node: NodeId,
    /// What runs.
    pub kernel: Kernel,
    /// Storage buffers, from `@binding(1)` on.
    pub bindings: Vec<Binding>,
    /// The bytes of the uniform struct at `@binding(0)`.
    pub params: Vec<u8>,
    /// Workgroups in each dimension.
    pub workgroups: [u32; 3],
    /// An estimate in floating-point operations, by which work is cut into submits.
    pub work: u64,
}

impl Dispatch {
    /// The room for parameters; also the alignment that every device accepts for uniforms.
    pub(in crate::gpu) const PARAMS_BYTES: usize = 256;
}

/// A shader with its `override` constants: what a pipeline is made of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::gpu) struct Kernel {
    /// The file.
    pub shader: &'static Shader,
    /// Values of its overrides, in the order in which they were given.
    pub constants: Vec<(&'static str, f64)>,
    /// What is written in front of it.
    pub sizes: Option<Sizes>,
}

impl Kernel {
    /// A shader with the defaults of its overrides.
    pub(in crate::gpu) fn new(shader: &'static Shader) -> Self {
        Self { shader, constants: Vec::new(), sizes: None }
    }

    /// Writes sizes in front.
    pub(in crate::gpu) fn with_sizes(self, sizes: Option<Sizes>) -> Self {
        Self { sizes, ..self }
    }

    /// The text that is compiled.
    pub(in crate::gpu) fn source(&self) -> String {
        match &self.sizes {
            None => self.shader.source(),
            Some(sizes) => sizes.written_out(&self.shader.source()),
        }
    }

    /// Sets a bool.
    pub(in crate::gpu) fn flag(self, name: &'static str, value: bool) -> Self {
        self.number(name, u32::from(value))
    }

    /// Sets a number.
    pub(in crate::gpu) fn number(mut self, name: &'static str, value: u32) -> Self {
        self.constants.push((name, f64::from(value)));
        self
    }
}

/// Which buffer is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gpu) enum BufferName {
    /// The buffer that holds a node's value.
    Value(NodeId),
    /// A place in [`super::Lowering::weights`].
    Weight(usize),
    /// A place in [`super::Lowering::scratch`].
    Scratch(usize),
    /// A few zeros.
    Nothing,
}

/// How a kernel declares a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gpu) enum Access {
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    Write,
}

/// A range of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gpu) struct Binding {
    /// The buffer.
    pub buffer: BufferName,
    /// Bytes from its start, a multiple of the device's alignment.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// How the kernel declares it.
    pub access: Access,
}

impl Binding {
    /// A range of a buffer.
    pub(in crate::gpu) fn new(buffer: BufferName, offset: u64, size: u64, access: Access) -> Self {
        Self { buffer, offset, size, access }
    }

    /// The same range, to be read.
    pub(in crate::gpu) fn read(&self) -> Self {
        Self { access: Access::Read, ..self.clone() }
    }
}
