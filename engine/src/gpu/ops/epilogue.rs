//! What products and convolutions share: the epilogue, `shared/epilogue.wgsl`, and the weight.

use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::gpu::lowering::{Binding, Kernel, KernelConstant, Lowering, PackedWeight, Value};
use crate::gpu::packing::Columns;
use crate::gpu::shaders::Shader;
use crate::graph::{Activation, Epilogue, NodeId};
use crate::weights::Weight;

/// Rows and columns of the sums that one workgroup makes, in every core.
const TILE: usize = 64;

/// What the kernels of products must agree with.
pub(super) fn constants() -> Vec<KernelConstant> {
    let activations = [
        ("SILU", Activation::Silu),
        ("GELU", Activation::Gelu),
        ("QUICK_GELU", Activation::QuickGelu),
        ("GEGLU", Activation::Geglu),
        ("RELU", Activation::Relu),
        ("SOFT_CLAMP", Activation::SoftClamp),
        ("LEAKY_RELU", Activation::LeakyRelu),
    ];
    let mut constants = Vec::new();
    for kernel in ["linear_tiled", "linear_subgroup", "conv3x3_tiled", "conv3x3_subgroup"] {
        constants.push(KernelConstant { kernel, name: "TILE", value: TILE as u32 });
        constants.extend(activations.map(|(name, of)| KernelConstant { kernel, name, value: number_of(of) }));
    }
    constants
}

/// Everything of a product but its left side.
pub(super) struct Product {
    matrix: PackedWeight,
    bias: Option<Binding>,
    per_image: Option<Value>,
    residual: Option<Value>,
    activation: Activation,
    x: Value,
    y: Value,
}

/// Some rows of it, bound: the buffers from the weight on, and what the kernel's `Params` say.
pub(super) struct BoundProduct {
    pub bindings: Vec<Binding>,
    pub y_skip: u32,
    pub residual_skip: u32,
}

impl Product {
    /// Of node `id`, whose inputs are `[x, per_image?, residual?]`.
    pub(super) fn new(
        lowering: &mut Lowering,
        id: NodeId,
        weight: &Arc<Weight>,
        epilogue: &Epilogue,
    ) -> Result<Self> {
        let columns = match epilogue.activation {
            Activation::Geglu => Columns::Geglu,
            _ => Columns::Plain,
        };
        let bias = epilogue.bias.as_ref().map(|bias| lowering.vector(bias, columns)).transpose()?;
        Ok(Self {
            matrix: lowering.matrix(weight, columns)?,
            bias,
            per_image: epilogue.per_image.then(|| lowering.input(1)),
            residual: epilogue.residual.then(|| lowering.input(1 + usize::from(epilogue.per_image))),
            activation: epilogue.activation,
            x: lowering.input(0),
            y: lowering.value(id),
        })
    }

    /// The left side.
    pub(super) fn x(&self) -> &Value {
        &self.x
    }

    /// The result.
    pub(super) fn y(&self) -> &Value {
        &self.y
    }

    /// Columns of the packed weight.
    pub(super) fn columns(&self) -> u32 {
        self.matrix.columns as u32
    }

    /// The values with a row for each row of the result, for [`Lowering::windows`].
    pub(super) fn rows(&self, rows: &Range<usize>) -> Vec<(Value, Range<usize>)> {
        self.residual.into_iter().chain([self.y]).map(|value| (value, rows.clone())).collect()
    }

    /// The variant of `shader` for these elements and this epilogue.
    pub(super) fn kernel(&self, shader: &'static Shader) -> Kernel {
        let half = |value: &Option<Value>| value.as_ref().is_some_and(Value::half);
        Kernel::new(shader)
            .flag("X_HALF", self.x.half())
            .number("W_STORED", self.matrix.stored.code())
            .flag("Y_HALF", self.y.half())
            .flag("HAS_BIAS", self.bias.is_some())
            .flag("HAS_PER_IMAGE", self.per_image.is_some())
            .flag("PER_IMAGE_HALF", half(&self.per_image))
            .flag("HAS_RESIDUAL", self.residual.is_some())
            .flag("RESIDUAL_HALF", half(&self.residual))
            .number("ACTIVATION", number_of(self.activation))
    }

    /// Binds a window of rows: weight, bias, per_image, residual, y.
    pub(super) fn bind(&self, lowering: &Lowering, rows: &Range<usize>) -> Result<BoundProduct> {
        let y = lowering.write(&self.y, rows.clone());
        let residual = self.residual.map(|residual| lowering.read(&residual, rows.clone()));
        let per_image = self.per_image.map(|value| lowering.whole(&value)).transpose()?;
        let residual_skip = residual.as_ref().map_or(0, |residual| residual.skip);
        let bindings = vec![
            self.matrix.binding.clone(),
            self.bias.clone().unwrap_or_else(|| lowering.nothing()),
            per_image.unwrap_or_else(|| lowering.nothing()),
            residual.map_or_else(|| lowering.nothing(), |residual| residual.binding),
            y.binding,
        ];
        Ok(BoundProduct { bindings, y_skip: y.skip, residual_skip })
    }

    /// The grid for a window of `rows` rows.
    pub(super) fn grid(&self, lowering: &Lowering, rows: usize) -> [u32; 3] {
        lowering.fold(rows.div_ceil(TILE) * self.matrix.columns.div_ceil(TILE))
    }
}

/// Tells a kernel of the subgroup core whether a subgroup is one band.
pub(super) fn banded(lowering: &Lowering, kernel: Kernel) -> Kernel {
    kernel.flag("ONE_BAND", lowering.facts().subgroup == Some(8))
}

/// The numbers by which kernels know them.
pub(super) fn number_of(activation: Activation) -> u32 {
    match activation {
        Activation::None => 0,
        Activation::Silu => 1,
        Activation::Gelu => 2,
        Activation::QuickGelu => 3,
        Activation::Geglu => 4,
        Activation::Relu => 5,
        Activation::SoftClamp => 6,
        Activation::LeakyRelu => 7,
    }
}
