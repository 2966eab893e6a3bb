//! What products and convolutions share: the epilogue, `shared/epilogue.wgsl`, and the weight.

use std::ops::Range;
use std::sync::Arc;

use half::f16;

use crate::Result;
use crate::gpu::cores::{ProductKernel, subgroup, tiled};
use crate::gpu::doubled;
use crate::gpu::lowering::{Binding, Kernel, KernelConstant, Lowering, PackedWeight, Value};
use crate::gpu::options::Core;
use crate::gpu::packing::{Columns, Packing};
use crate::gpu::shaders::Shader;
use crate::gpu::work::{Finish, Operation, Task, Work};
use crate::graph::{Activation, Epilogue, NodeId};
use crate::weights::Weight;

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
    for (kernel, name, tile) in [
        ("linear_tiled", "TILE_ROWS", tiled::TILE),
        ("linear_tiled", "TILE_COLUMNS", tiled::TILE),
        ("linear_subgroup", "TILE", subgroup::TILE),
        ("conv3x3_tiled", "TILE_ROWS", tiled::TILE),
        ("conv3x3_tiled", "TILE_COLUMNS", tiled::TILE),
        ("conv3x3_subgroup", "TILE", subgroup::TILE),
        ("winograd_tiled", "TILE_ROWS", tiled::TILE),
        ("winograd_tiled", "TILE_COLUMNS", tiled::TILE),
        ("winograd_subgroup", "TILE", subgroup::TILE),
    ] {
        constants.push(KernelConstant { kernel, name, value: tile as u32 });
    }
    for kernel in ["linear_tiled", "linear_subgroup", "conv3x3_tiled", "conv3x3_subgroup", "winograd_finish"]
    {
        constants.extend(activations.map(|(name, of)| KernelConstant { kernel, name, value: number_of(of) }));
    }
    constants
}

fn columns_of(epilogue: &Epilogue) -> Columns {
    match epilogue.activation {
        Activation::Geglu => Columns::Geglu,
        _ => Columns::Plain,
    }
}

/// Node `id`, as the choice of its kernel sees it.
pub(super) fn task_of(
    lowering: &Lowering,
    id: NodeId,
    operation: Operation,
    (weight, epilogue): (&Weight, &Epilogue),
) -> Task {
    let (x, y) = (lowering.input(0), lowering.value(id));
    let taps = match operation {
        Operation::Doubled => doubled::TAPS,
        Operation::Conv3x3 | Operation::Winograd => 9,
        Operation::Linear | Operation::Attention => 1,
    };
    let stored = lowering.stored_matrix(weight);
    Task {
        operation,
        columns: columns_of(epilogue).padded(weight.outputs()),
        depth: x.pitch * taps,
        heads: 1,
        finish: Finish::of(epilogue),
        left: x.element.into(),
        bounded: lowering.bound_of_input(0).is_some_and(|bound| bound <= f16::MAX.to_f32()),
        weight: if operation == Operation::Doubled { doubled::stored(stored, x.element) } else { stored },
        out: y.element.into(),
    }
}

/// Everything of a product but its left side.
pub(super) struct Product {
    chosen: ProductKernel,
    /// Numbers that are summed for each.
    depth: usize,
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
    /// Of node `id`, whose inputs are `[x, per_image?, residual?]`, on the core that suits it.
    pub(super) fn new(
        lowering: &mut Lowering,
        id: NodeId,
        task: Task,
        (weight, epilogue): (&Arc<Weight>, &Epilogue),
    ) -> Result<Self> {
        let columns = columns_of(epilogue);
        let bias = epilogue.bias.as_ref().map(|bias| lowering.vector(bias, columns)).transpose()?;
        let (x, y) = (lowering.input(0), lowering.value(id));
        let chosen: ProductKernel = lowering.choose(Work { task, rows: y.rows() });
        let packing = Packing::Matrix {
            stored: task.weight,
            columns,
            order: chosen.order,
            doubled: task.operation == Operation::Doubled,
        };
        Ok(Self {
            chosen,
            depth: task.depth,
            matrix: lowering.packed(weight, packing)?,
            bias,
            per_image: epilogue.per_image.then(|| lowering.input(1)),
            residual: epilogue.residual.then(|| lowering.input(1 + usize::from(epilogue.per_image))),
            activation: epilogue.activation,
            x,
            y,
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

    /// Its variant for these elements and this epilogue; the one for all where kernels are general.
    pub(super) fn kernel(&self, lowering: &Lowering) -> Kernel {
        if self.is_general(lowering) {
            let kernel = Kernel::new(self.chosen.shader).flag("GENERAL", true);
            return self.shared_out(lowering, kernel.number("W_STORED", self.matrix.stored.code()));
        }
        self.finishing(self.kernel_of_core(lowering))
    }

    /// Whether all products are made of a convolution that could be computed by Winograd's.
    pub(super) fn is_direct(&self) -> bool {
        self.chosen.direct
    }

    /// Whether its kernel is the one for all.
    pub(super) fn is_general(&self, lowering: &Lowering) -> bool {
        lowering.facts().general && self.chosen.core != Core::Cooperative
    }

    /// A kernel that has nothing but the epilogue of it.
    pub(super) fn kernel_of_epilogue(&self, lowering: &Lowering, shader: &'static Shader) -> Kernel {
        let kernel = Kernel::new(shader);
        if lowering.facts().general { kernel.flag("GENERAL", true) } else { self.finishing(kernel) }
    }

    /// A kernel of its core that multiplies f32 by f32 and has no epilogue.
    pub(super) fn kernel_of_products(&self, lowering: &Lowering) -> Kernel {
        self.shared_out(lowering, Kernel::new(self.chosen.shader))
    }

    /// Tells a kernel the epilogue.
    fn finishing(&self, kernel: Kernel) -> Kernel {
        let half = |value: &Option<Value>| value.as_ref().is_some_and(Value::half);
        kernel
            .flag("Y_HALF", self.y.half())
            .flag("HAS_BIAS", self.bias.is_some())
            .flag("HAS_PER_IMAGE", self.per_image.is_some())
            .flag("PER_IMAGE_HALF", half(&self.per_image))
            .flag("HAS_RESIDUAL", self.residual.is_some())
            .flag("RESIDUAL_HALF", half(&self.residual))
            .number("ACTIVATION", number_of(self.activation))
    }

    /// Tells a kernel of its core how lanes share the sums.
    fn shared_out(&self, lowering: &Lowering, kernel: Kernel) -> Kernel {
        match self.chosen.core {
            Core::Tiled => tiled::constants(self.chosen.tile)
                .into_iter()
                .fold(kernel, |kernel, (name, value)| kernel.number(name, value)),
            Core::Subgroup => banded(lowering, kernel),
            Core::Cooperative => kernel,
        }
    }

    /// What its core must know.
    fn kernel_of_core(&self, lowering: &Lowering) -> Kernel {
        let kernel = Kernel::new(self.chosen.shader).with_sizes(self.chosen.sizes);
        match self.chosen.core {
            Core::Tiled | Core::Subgroup => {
                let kernel = kernel.flag("X_HALF", self.x.half());
                self.shared_out(lowering, kernel.number("W_STORED", self.matrix.stored.code()))
            }
            Core::Cooperative => {
                let at_once = if self.activation == Activation::Geglu { 1 } else { 2 };
                kernel.flag("ALIGNED", self.chosen.is_aligned(self.depth)).number("FINISHED_AT_ONCE", at_once)
            }
        }
    }

    /// What the variant for all is told by its parameters: the bits of `shared/epilogue.wgsl`.
    pub(super) fn flags(&self) -> u32 {
        let half = |value: &Option<Value>| value.as_ref().is_some_and(Value::half);
        let bits = [
            self.x.half(),
            self.y.half(),
            self.bias.is_some(),
            self.per_image.is_some(),
            half(&self.per_image),
            self.residual.is_some(),
            half(&self.residual),
        ];
        let flags = (0..).zip(bits).map(|(bit, is_set)| u32::from(is_set) << bit).sum::<u32>();
        flags | number_of(self.activation) << 8
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

    /// The packed weight.
    pub(super) fn matrix(&self) -> &PackedWeight {
        &self.matrix
    }

    /// The grid for a window of `rows` rows.
    pub(super) fn grid(&self, lowering: &Lowering, rows: usize) -> [u32; 3] {
        self.grid_of(lowering, rows, self.matrix.columns)
    }

    /// The grid for some rows of some columns.
    pub(super) fn grid_of(&self, lowering: &Lowering, rows: usize, columns: usize) -> [u32; 3] {
        let [down, across] = self.chosen.tile;
        lowering.fold(rows.div_ceil(down) * columns.div_ceil(across))
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
