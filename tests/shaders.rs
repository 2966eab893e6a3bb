//! Every kernel in every variant is valid, and can be said in every system's own language.
//!
//! Drivers of most of those systems are not here; their translations at least are made.

use fulmen_engine::gpu::{cooperative_sources, kernel_interfaces, shader_sources};
use naga::back::{glsl, hlsl, msl, spv};
use naga::proc::BoundsCheckPolicies;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};

type Constants = Vec<(String, f64)>;

/// Values of the overrides that are numbers; those that are bools are tried both ways.
fn numbers_of(name: &str) -> Vec<f64> {
    match name {
        "W_STORED" => vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "TILE_ROWS" | "TILE_COLUMNS" => vec![64.0, 128.0, 32.0],
        "LANES" => vec![64.0, 128.0, 256.0],
        "PARTS" => vec![2.0, 1.0],
        "ACTIVATION" => vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        _ => Vec::new(),
    }
}

/// Every override with the values to be tried.
fn choices(module: &Module) -> Vec<(String, Vec<f64>)> {
    let choice = |constant: &naga::Override| {
        let name = constant.name.clone().expect("an override has a name");
        let is_bool = matches!(
            module.types[constant.ty].inner,
            naga::TypeInner::Scalar(naga::Scalar { kind: naga::ScalarKind::Bool, .. })
        );
        let values = if is_bool { vec![0.0, 1.0] } else { numbers_of(&name) };
        (name, values)
    };
    module.overrides.iter().map(|(_, constant)| choice(constant)).filter(|(_, v)| !v.is_empty()).collect()
}

/// Combinations of a kernel's overrides: all of them where they are few; otherwise those in which at
/// most one differs from all first or all last values.
fn variants(module: &Module) -> Vec<Constants> {
    let choices = choices(module);
    let named = |values: &[f64]| -> Constants {
        choices.iter().map(|(name, _)| name.clone()).zip(values.iter().copied()).collect()
    };
    if choices.iter().map(|(_, values)| values.len()).product::<usize>() <= 32 {
        let mut all: Vec<Vec<f64>> = vec![Vec::new()];
        for (_, values) in &choices {
            let with = |start: &Vec<f64>| values.iter().map(|&v| [start.as_slice(), &[v]].concat()).collect();
            all = all.iter().flat_map(|start| -> Vec<Vec<f64>> { with(start) }).collect();
        }
        return all.iter().map(|values| named(values)).collect();
    }
    let mut all = Vec::new();
    for pick in [<[f64]>::first, <[f64]>::last] {
        let base: Vec<f64> = choices.iter().filter_map(|(_, values)| pick(values)).copied().collect();
        for (place, (_, values)) in choices.iter().enumerate() {
            for &value in values {
                let mut one = base.clone();
                one[place] = value;
                all.push(named(&one));
            }
        }
    }
    all
}

fn to_spirv(module: &Module, info: &ModuleInfo) -> Result<(), String> {
    let spirv = spv::Options { lang_version: (1, 3), ..Default::default() };
    spv::write_vec(module, info, &spirv, None).map(drop).map_err(|e| format!("SPIR-V: {e}"))
}

fn to_msl(module: &Module, info: &ModuleInfo) -> Result<String, String> {
    let entry = (ShaderStage::Compute, "main".to_owned());
    let options = msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
    let pipeline = msl::PipelineOptions { entry_point: Some(entry), ..Default::default() };
    let written = msl::write_string(module, info, &options, &pipeline);
    written.map(|(text, _)| text).map_err(|e| format!("MSL: {e}"))
}

fn translate(module: &Module, info: &ModuleInfo) -> Result<(), String> {
    let entry = (ShaderStage::Compute, "main".to_owned());
    to_spirv(module, info)?;
    to_msl(module, info)?;
    to_hlsl(module, info, entry).map_err(|e| format!("HLSL: {e}"))?;
    if !uses_subgroups(module) {
        to_glsl(module, info).map_err(|e| format!("GLSL: {e}"))?;
    }
    Ok(())
}

/// Shader model 5.1 is what Windows' own compiler takes; subgroups are wanted from 6.0 on.
fn to_hlsl(module: &Module, info: &ModuleInfo, entry: (ShaderStage, String)) -> Result<(), hlsl::Error> {
    let shader_model = if uses_subgroups(module) { hlsl::ShaderModel::V6_0 } else { hlsl::ShaderModel::V5_1 };
    let target = hlsl::BindTarget { space: 1, ..Default::default() };
    let options =
        hlsl::Options { shader_model, special_constants_binding: Some(target), ..Default::default() };
    let pipeline = hlsl::PipelineOptions { entry_point: Some(entry) };
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None)?;
    Ok(())
}

fn to_glsl(module: &Module, info: &ModuleInfo) -> Result<(), glsl::Error> {
    let options = glsl::Options { version: glsl::Version::new_gles(310), ..Default::default() };
    let pipeline = glsl::PipelineOptions {
        shader_stage: ShaderStage::Compute,
        entry_point: "main".to_owned(),
        multiview: None,
    };
    let mut text = String::new();
    let policies = BoundsCheckPolicies::default();
    glsl::Writer::new(&mut text, module, info, &options, &pipeline, policies)?.write()?;
    Ok(())
}

fn uses_subgroups(module: &Module) -> bool {
    let text = format!("{:?}", module.entry_points[0].function.body);
    text.contains("Subgroup")
        || module.functions.iter().any(|(_, f)| format!("{:?}", f.body).contains("Subgroup"))
}

/// Checks every variant, each translated by `translate`.
fn check(
    source: &str,
    translate: impl Fn(&Module, &ModuleInfo) -> Result<(), String>,
) -> Result<usize, String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|e| e.emit_to_string(source))?;
    let validate = |module: &Module| {
        Validator::new(
            ValidationFlags::all(),
            Capabilities::SUBGROUP
                | Capabilities::SHADER_FLOAT16_IN_FLOAT32
                | Capabilities::SHADER_FLOAT16
                | Capabilities::COOPERATIVE_MATRIX,
        )
        .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
        .subgroup_operations(naga::valid::SubgroupOperationSet::all())
        .validate(module)
        .map_err(|e| e.emit_to_string(source))
    };
    let info = validate(&module)?;
    let variants = variants(&module);
    for variant in &variants {
        let constants = variant.iter().cloned().collect();
        let entry = Some((ShaderStage::Compute, "main"));
        let (resolved, _) =
            naga::back::pipeline_constants::process_overrides(&module, &info, entry, &constants)
                .map_err(|e| format!("{variant:?}: {e}"))?;
        let info = validate(&resolved)?;
        translate(&resolved, &info).map_err(|e| format!("{variant:?}: {e}"))?;
    }
    Ok(variants.len())
}

#[test]
fn every_kernel_can_be_said_in_every_shading_language() {
    let sources = shader_sources();
    assert!(!sources.is_empty());
    for (name, source) in sources {
        if let Err(error) = check(&source, translate) {
            panic!("shaders/{name}.wgsl: {error}");
        }
    }
}

/// Matrices of 16 on Vulkan, of 8 on Metal. Nothing else has them.
#[test]
fn every_cooperative_kernel_can_be_said_where_there_are_matrix_units() {
    for (fragment, lanes) in [(16, 32), (16, 64), (8, 32), (8, 8)] {
        let sources = cooperative_sources(fragment, lanes);
        assert!(sources.len() > 3);
        for (name, source) in sources {
            if let Err(error) = check(&source, if fragment == 8 { to_spirv_and_msl } else { to_spirv }) {
                panic!("shaders/{name}.wgsl, matrices of {fragment}, subgroups of {lanes}: {error}");
            }
        }
    }
}

fn to_spirv_and_msl(module: &Module, info: &ModuleInfo) -> Result<(), String> {
    to_spirv(module, info)?;
    matrices_lie_in_numbers(&to_msl(module, info)?)
}

/// Metal's functions take pointers to single numbers, and naga writes those that WGSL has: each must be to an element of
/// an array of such.
fn matrices_lie_in_numbers(msl: &str) -> Result<(), String> {
    let transfers = ["= NagaCooperativeLoad(&", "simdgroup_store("];
    let lines = msl.lines().filter(|line| transfers.iter().any(|transfer| line.contains(transfer)));
    let mut count = 0;
    for line in lines {
        let array = line.split_once('&').and_then(|(_, place)| place.split_once(".inner["));
        let (array, _) = array.ok_or_else(|| format!("MSL: {line:?} points to no array"))?;
        let element = element_of(msl, array).ok_or_else(|| format!("MSL: {array} is not declared"))?;
        if !["half", "float"].contains(&element) {
            return Err(format!("MSL: {line:?} points to {element}"));
        }
        count += 1;
    }
    if count == 0 { Err("MSL: no matrix is loaded".to_owned()) } else { Ok(()) }
}

/// The type of the elements of an array in workgroup memory, which functions are given as `threadgroup type_3& tiles`.
fn element_of<'a>(msl: &'a str, array: &str) -> Option<&'a str> {
    let declared = msl.lines().find_map(|line| {
        let (_, declared) = line.split_once("threadgroup ")?;
        declared.trim_end_matches(',').strip_suffix(&format!("& {array}"))
    })?;
    let (_, members) = msl.split_once(&format!("struct {declared} {{"))?;
    members.split_once(" inner[").map(|(element, _)| element.trim())
}

/// Some drivers fail to compile both in one kernel.
#[test]
fn no_cooperative_kernel_uses_subgroup_operations() {
    for (name, source) in cooperative_sources(16, 32) {
        let module = naga::front::wgsl::parse_str(&source).expect("WGSL");
        assert!(!uses_subgroups(&module) && !source.contains("subgroup_"), "{name}");
        assert!(module.entry_points[0].workgroup_size[0].is_multiple_of(64), "{name}");
    }
}

#[test]
fn every_kernel_is_in_the_table() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shaders");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wgsl"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let listed = shader_sources().into_iter().chain(cooperative_sources(16, 32));
    let mut listed: Vec<String> = listed.map(|(name, _)| name.to_owned()).collect();
    listed.sort();
    listed.dedup();
    assert_eq!(files, listed);
}

#[test]
fn no_kernel_asks_for_an_extension() {
    for (name, source) in shader_sources() {
        let asks = source.lines().find(|line| line.starts_with("enable ") || line.contains("arrayLength("));
        assert_eq!(asks, None, "shaders/{name}.wgsl");
    }
}

/// The uniform struct of a kernel: its bytes, and where its fields begin.
fn params_of(module: &Module) -> (usize, Vec<(String, usize)>) {
    let params = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Params"));
    let Some((_, naga::Type { inner: naga::TypeInner::Struct { members, span }, .. })) = params else {
        panic!("there is no struct `Params`")
    };
    let field = |member: &naga::StructMember| (member.name.clone().expect("a name"), member.offset as usize);
    (*span as usize, members.iter().map(field).collect())
}

#[test]
fn parameters_lie_in_rust_as_kernels_read_them() {
    let layouts = kernel_interfaces().0;
    for (name, source) in shader_sources().into_iter().chain(cooperative_sources(16, 32)) {
        let module = naga::front::wgsl::parse_str(&source).expect("WGSL");
        let mut of_kernel = layouts.iter().filter(|layout| layout.kernels.contains(&name));
        let layout = of_kernel.next().unwrap_or_else(|| panic!("{name} has no parameters in Rust"));
        assert!(of_kernel.next().is_none(), "{name} has two kinds of parameters");
        let fields = layout.fields.iter().map(|(field, offset)| ((*field).to_owned(), *offset)).collect();
        assert_eq!(params_of(&module), (layout.size, fields), "{name}");
    }
}

#[test]
fn kernels_and_their_lowering_count_with_the_same_constants() {
    let sources = shader_sources();
    let constants = kernel_interfaces().1;
    assert!(constants.iter().any(|constant| constant.name == "THREADS"));
    for constant in constants {
        let (_, source) = sources.iter().find(|(name, _)| *name == constant.kernel).expect("a kernel");
        let module = naga::front::wgsl::parse_str(source).expect("WGSL");
        let is_it = |name: &Option<String>| name.as_deref() == Some(constant.name);
        let of_constant = module.constants.iter().find(|(_, c)| is_it(&c.name)).map(|(_, c)| c.init);
        // What may be told otherwise counts by what it is where nothing is said.
        let of_override = || module.overrides.iter().find(|(_, o)| is_it(&o.name)).and_then(|(_, o)| o.init);
        let found = of_constant.or_else(of_override);
        let found = found.unwrap_or_else(|| panic!("{constant:?} is not in the kernel"));
        let naga::Expression::Literal(naga::Literal::U32(found)) = module.global_expressions[found] else {
            panic!("{constant:?} is no number in the kernel")
        };
        assert_eq!(found, constant.value, "{constant:?}");
        if constant.name == "THREADS" {
            assert_eq!(module.entry_points[0].workgroup_size, [found, 1, 1], "{}", constant.kernel);
        }
    }
}
