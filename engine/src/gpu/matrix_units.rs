//! The units of a device that multiply matrices.

/// What must be known of a device's matrix units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gpu) struct MatrixUnits {
    /// Rows, columns and depth of a matrix that they multiply: 8 or 16, the only ones that WGSL can say.
    pub fragment: u32,
    /// Lanes of every subgroup.
    pub lanes: u32,
}
