//! How a device is used: all of it injectable, so that tests can play a poorer device.

use serde::{Deserialize, Serialize};

/// The shape of the kernels for products, convolutions and attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Core {
    /// Tiles in workgroup memory: needs nothing, runs everywhere.
    Tiled,
    /// A subgroup owns a tile and broadcasts: needs subgroups whose sizes are multiples of eight.
    Subgroup,
    /// Matrix units multiply halves: what is not stored in halves runs on one of the others.
    Cooperative,
}

/// Options of [`super::GpuBackend::open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpuOptions {
    /// The core, instead of the one that the device's kind suggests. What a core cannot do runs on the tiled one.
    pub core: Option<Core>,
    /// The matrices that the cooperative core multiplies, 8 or 16, instead of the largest that the device lists. For
    /// tests: some software adapters can do those that they do not list.
    pub fragment: Option<u32>,
    /// Kernels of the cooperative core as they are for compilers that read eight halves at once, or as for others, instead
    /// of what the device's subgroups tell. For tests.
    pub joins_reads: Option<bool>,
    /// Rows of matrices that a subgroup of attention has on the cooperative core, 1 or 2, instead of what suits the device's
    /// subgroups. For tests.
    pub attention_rows: Option<u32>,
    /// Kernels of the cooperative core on software adapters as they are on GPUs, whose compilers are faster. For tests.
    pub as_on_gpus: bool,
    /// The place in a core's table of tiles of the only one to be used, where it fits the device. For
    /// tests: small products would never run on large ones.
    pub tile: Option<usize>,
    /// Ask for wgpu's default limits instead of all that the adapter has.
    pub default_limits: bool,
    /// The most bytes of a value that one dispatch binds; the device's own limit if it is lower.
    pub window_bytes: Option<u64>,
    /// The most workgroups in one dimension of a grid; the device's own limit if it is lower.
    pub grid_width: Option<u32>,
    /// Bytes of weights that are copied at once where they are streamed, at the most. For tests: small models would never
    /// be cut.
    pub segment_bytes: Option<u64>,
    /// Compile kernels with wgpu's run-time checks.
    pub checked: bool,
    /// Use matrix units where the device has them.
    pub matrix_units: bool,
    /// Use subgroups where the device has them.
    pub subgroups: bool,
    /// Treat a subgroup of eight lanes as the wider ones of most cards are, which hold several bands and shuffle where one
    /// band broadcasts. For tests: software adapters have eight.
    pub several_bands: bool,
    /// Compute all convolutions of stride 1 by Winograd's F(4, 3), or none, instead of those that it suits. For tests:
    /// small ones would never be.
    pub winograd: Option<bool>,
    /// Let the parameters say what constants say otherwise, so that one pipeline serves all products of a kind; `None`:
    /// where compiling several takes longer than the work itself.
    pub general: Option<bool>,
    /// Surround every buffer with a pattern and fail a run that changes it or that leaves numbers
    /// in the padding of an output. For tests: slow.
    pub guards: bool,
}

impl Default for GpuOptions {
    fn default() -> Self {
        Self {
            core: None,
            fragment: None,
            joins_reads: None,
            attention_rows: None,
            as_on_gpus: false,
            tile: None,
            default_limits: false,
            window_bytes: None,
            grid_width: None,
            segment_bytes: None,
            checked: false,
            matrix_units: true,
            subgroups: true,
            several_bands: false,
            winograd: None,
            general: None,
            guards: false,
        }
    }
}
