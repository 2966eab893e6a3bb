//! What Rust and WGSL must say alike, for a test that compares them: parameters and constants.

/// How a kernel's parameters lie in memory.
#[derive(Debug, Clone, Copy)]
pub struct ParamsLayout {
    /// The kernels that take them.
    pub kernels: &'static [&'static str],
    /// Bytes.
    pub size: usize,
    /// Every field, and the byte at which it begins.
    pub fields: &'static [(&'static str, usize)],
}

/// A constant of a kernel with which its lowering counts too.
#[derive(Debug, Clone, Copy)]
pub struct KernelConstant {
    /// The kernel.
    pub kernel: &'static str,
    /// The constant in WGSL.
    pub name: &'static str,
    /// What it must be.
    pub value: u32,
}

/// `struct NameParams for ["kernel", …] { field: type, … }`: the uniform struct at `@binding(0)`.
macro_rules! params {
    ($(#[$doc:meta])* struct $name:ident for [$($kernel:literal),+] { $($field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
        pub(super) struct $name {
            $(pub(super) $field: $type,)+
        }

        impl $name {
            pub(super) const LAYOUT: $crate::gpu::lowering::ParamsLayout =
                $crate::gpu::lowering::ParamsLayout {
                    kernels: &[$($kernel),+],
                    size: size_of::<Self>(),
                    fields: &[$((stringify!($field), std::mem::offset_of!(Self, $field))),+],
                };
        }
    };
}

pub(in crate::gpu) use params;
