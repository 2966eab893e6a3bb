//! The units of a device that multiply matrices.

/// What must be known of a device's matrix units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gpu) struct MatrixUnits {
    /// Rows, columns and depth of a matrix that they multiply: 8 or 16, the only ones that WGSL can say.
    pub fragment: u32,
    /// Lanes of every subgroup.
    pub lanes: u32,
    /// Whether the driver's compiler reads eight halves at once as they are, and leaves what is fetched ahead where it is:
    /// AMD's does, NVIDIA's does neither.
    pub joins_reads: bool,
    /// Rows of matrices that a subgroup of attention has: two, so that keys and values are read for twice as many queries.
    /// One where registers do not hold two: where lanes are few, and where there are 64, since AMD's hold every left matrix
    /// twice.
    pub attention_rows: u32,
    /// Whether a CPU plays the device. Its driver compiles long code without branches far more slowly.
    pub on_cpu: bool,
}

impl MatrixUnits {
    /// Of a GPU. Subgroups of 64 lanes are AMD's.
    pub(in crate::gpu) fn of(fragment: u32, lanes: u32) -> Self {
        let attention_rows = if lanes < 2 * fragment || lanes > 32 { 1 } else { 2 };
        Self { fragment, lanes, joins_reads: lanes > 32, attention_rows, on_cpu: false }
    }
}
