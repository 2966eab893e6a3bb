//! A kernel as SPIR-V, as the engine lets wgpu make it: overrides set, workgroup memory not cleared.

use fulmen_engine::gpu::KernelVariant;
use naga::back::pipeline_constants::process_overrides;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use naga::{Module, ShaderStage};

/// What a module is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Environment {
    /// A driver of Vulkan 1.1, with the run-time checks that some tests ask for.
    Checked,
    /// A driver of Vulkan 1.3, without them: what users run.
    Trusted,
}

impl Environment {
    pub(crate) const ALL: [Self; 2] = [Self::Checked, Self::Trusted];

    /// As spirv-val calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Checked => "vulkan1.1",
            Self::Trusted => "vulkan1.3",
        }
    }

    fn options(self) -> spv::Options<'static> {
        let checked = spv::Options {
            lang_version: (1, 3),
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            ..spv::Options::default()
        };
        match self {
            Self::Checked => checked,
            Self::Trusted => spv::Options {
                lang_version: (1, 6),
                bounds_check_policies: BoundsCheckPolicies {
                    index: BoundsCheckPolicy::Unchecked,
                    buffer: BoundsCheckPolicy::Unchecked,
                    ..BoundsCheckPolicies::default()
                },
                force_loop_bounding: false,
                emit_int_div_checks: false,
                ..checked
            },
        }
    }
}

/// The words of the module; its entry point is `main`.
pub(crate) fn of(kernel: &KernelVariant, environment: Environment) -> Result<Vec<u32>, String> {
    let module =
        naga::front::wgsl::parse_str(&kernel.source).map_err(|e| e.emit_to_string(&kernel.source))?;
    let info = validate(&module, kernel)?;
    let constants = kernel.constants.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let entry = Some((ShaderStage::Compute, "main"));
    let (module, _) =
        process_overrides(&module, &info, entry, &constants).map_err(|e| format!("{}: {e}", kernel.name))?;
    let info = validate(&module, kernel)?;
    let options = environment.options();
    spv::write_vec(&module, &info, &options, None).map_err(|e| format!("{}: {e}", kernel.name))
}

fn validate(module: &Module, kernel: &KernelVariant) -> Result<ModuleInfo, String> {
    Validator::new(ValidationFlags::all(), Capabilities::all())
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::all())
        .validate(module)
        .map_err(|e| e.emit_to_string(&kernel.source))
}
