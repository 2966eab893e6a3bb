//! The rules of the house that a reader of the files can check: who knows whom, how long a file is,
//! what it begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the engine from the bottom up: one knows only those in the lines above it.
const STOREYS: &[&str] = &[
    "memory message noise quote threads",
    "error",
    "weights",
    "graph tokens schedule picture",
    "edit prompt",
    "init",
    "request",
    "backend settings sampler",
    "layers cpu gpu strips",
    "ip_adapter layer_diffuse text unet upscaler vae cases",
    "controlnet",
    "networks",
    "selftest synth",
    "engine",
];

/// Modules of the server, the same.
const SERVER_STOREYS: &[&str] = &[
    "allocator clock",
    "address crew error log metrics problem warning",
    "multipart path",
    "capacity config",
    "budget mount",
    "http",
    "fields gate store",
    "auth jobs page",
    "app",
    "route",
    "api",
    "routes",
    "running",
];

/// A model is recorded in a graph and never learns what runs it.
const MODELS: &[&str] =
    &["controlnet", "graph", "layers", "ip_adapter", "layer_diffuse", "text", "unet", "upscaler", "vae"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// All files of this extension under a folder, by their path from the root.
fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let name =
                    path.strip_prefix(root()).expect("under the root").to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no .{extension} files");
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let folders = ["engine", "cli", "server", "benches", "tests", "tools"].map(|folder| files(folder, "rs"));
    folders.into_iter().flatten().chain(files("shaders", "wgsl")).collect()
}

/// The module of its crate that a file belongs to: `unet` for `engine/src/unet/time.rs`.
fn module(file: &str) -> &str {
    let (_, path) = file.split_once("/src/").expect("a file of a crate");
    path.split_once('/').map_or(path.trim_end_matches(".rs"), |(module, _)| module)
}

/// The modules that follow `crate::` in a text, also in braces. What begins with a capital is an
/// item of the crate's root.
fn known(text: &str) -> Vec<&str> {
    let mut modules = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let list = rest.strip_prefix('{').and_then(|rest| rest.split(';').next()).unwrap_or(rest);
        let items: Vec<&str> = if rest.starts_with('{') { list.split(',').collect() } else { vec![list] };
        for item in items {
            let name = item.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("");
            if name.starts_with(|c: char| c.is_lowercase()) {
                modules.push(name);
            }
        }
    }
    modules
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Every `(file, module it belongs to, module it knows)` of a crate, without `lib.rs`. Tests may reach anywhere.
fn acquaintances(sources: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let is_test = |file: &str| file.contains("tests");
    let is_one = |file: &str| !(file.ends_with("src/lib.rs") || is_test(file));
    for (file, text) in files(sources, "rs").iter().filter(|(file, _)| is_one(file)) {
        let text = if sources == "server/src" {
            text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
        } else {
            text
        };
        for other in known(text).into_iter().filter(|other| *other != module(file)) {
            found.push((file.clone(), module(file).to_owned(), other.to_owned()));
        }
    }
    found
}

/// Complaints about modules that know what is not beneath them.
fn out_of_order(sources: &str, lines: &[&str]) -> Vec<String> {
    let mut storeys = BTreeMap::new();
    for (height, line) in lines.iter().enumerate() {
        storeys.extend(line.split(' ').map(|name| (name, height)));
    }
    let mut complaints = Vec::new();
    for (file, own, other) in acquaintances(sources) {
        match (storeys.get(own.as_str()), storeys.get(other.as_str())) {
            (Some(own), Some(other)) if other < own => {}
            (Some(_), Some(_)) => complaints.push(format!("{file} knows `{other}`, which is not beneath it")),
            _ => complaints.push(format!("{file}: give `{own}` and `{other}` a place in tests/house.rs")),
        }
    }
    complaints
}

#[test]
fn modules_of_the_engine_know_only_what_lies_beneath_them() {
    assert_none(&out_of_order("engine/src", STOREYS));
}

#[test]
fn modules_of_the_server_know_only_what_lies_beneath_them() {
    assert_none(&out_of_order("server/src", SERVER_STOREYS));
}

/// What a `use` names: `super::{a, b::c}` is two paths.
fn paths(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in rest.trim_end().trim_end_matches('}').chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == 0 => items.push(String::new()),
            _ => items.last_mut().expect("one at least").push(c),
        }
    }
    let whole =
        |item: &String| paths(item).into_iter().map(|path| format!("{}{path}", before.trim())).collect();
    items.iter().flat_map::<Vec<String>, _>(whole).collect()
}

/// `engine/src/gpu/ops/mod.rs` is the module `gpu::ops`.
fn module_path(file: &str) -> Vec<String> {
    let (_, path) = file.split_once("/src/").expect("a file of a crate");
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// For every folder, which of its modules imports which other.
fn siblings(sources: &str) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut found: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (file, text) in files(sources, "rs").iter().filter(|(file, _)| !file.contains("tests")) {
        let own = module_path(file);
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
        let uses = text.split("\nuse ").skip(1).filter_map(|rest| rest.split(';').next());
        for path in uses.flat_map(paths) {
            let mut base = own.clone();
            let mut names: Vec<&str> = path.split("::").collect();
            match names[0] {
                "crate" => base.clear(),
                "super" => {}
                _ => continue,
            }
            base.truncate(base.len() - names.iter().take_while(|name| **name == "super").count());
            names.retain(|name| !["crate", "super"].contains(name));
            let other: Vec<String> = base.into_iter().chain(names.into_iter().map(str::to_owned)).collect();
            let shared = own.iter().zip(&other).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (own.get(shared), other.get(shared)) {
                let folder = found.entry(own[..shared].join("::")).or_default();
                folder.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    found
}

#[test]
fn modules_of_a_folder_do_not_import_each_other_in_circles() {
    let mut complaints = Vec::new();
    let crates = ["engine/src", "server/src", "cli/src"];
    for (folder, mut imports) in crates.into_iter().flat_map(siblings) {
        // What imports nothing that is left is in no circle.
        while let Some(free) = imports.iter().find(|(_, to)| !to.iter().any(|to| imports.contains_key(to))) {
            let free = free.0.clone();
            imports.remove(&free);
        }
        complaints.extend((!imports.is_empty()).then(|| format!("a circle in `{folder}`: {imports:?}")));
    }
    assert_none(&complaints);
}

#[test]
fn models_do_not_know_what_runs_them() {
    let mut complaints = Vec::new();
    for (file, own, other) in acquaintances("engine/src") {
        if MODELS.contains(&own.as_str()) && ["backend", "cpu", "gpu"].contains(&other.as_str()) {
            complaints.push(format!("{file} knows `{other}`"));
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_engine_knows_neither_terminals_nor_http() {
    let manifest = fs::read_to_string(root().join("engine/Cargo.toml")).expect("a manifest");
    for dependency in ["clap", "indicatif", "tiny_http", "httparse", "fulmen-server"] {
        assert!(!manifest.contains(dependency), "engine/Cargo.toml has {dependency}");
    }
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let long = sources().into_iter().map(|(file, text)| (file, text.lines().count()));
    let long: Vec<_> = long.filter(|(_, n)| *n > 400).map(|(file, n)| format!("{file}: {n} lines")).collect();
    assert_none(&long);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let begins = |file: &str, text: &str| match file.ends_with(".wgsl") {
        true => text.starts_with("// "),
        // The tests of a module are told by their names.
        false => text.starts_with("//! ") || file.contains("/tests/"),
    };
    let silent = sources().into_iter().filter(|(file, text)| !begins(file, text));
    assert_none(&silent.map(|(file, _)| format!("{file} has no header")).collect::<Vec<_>>());
}

#[test]
fn every_kernel_names_its_cpu_twin() {
    let twins: String = files("engine/src/cpu", "rs").into_iter().map(|(_, text)| text).collect();
    let mut complaints = Vec::new();
    for (file, text) in files("shaders", "wgsl").iter().filter(|(file, _)| !file.contains("/shared/")) {
        let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//")).collect();
        let twin = header.iter().find_map(|line| line.split_once("CPU twin: cpu::")).map(|(_, rest)| rest);
        let twin = twin.and_then(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next());
        match twin {
            None => complaints.push(format!("{file} names no CPU twin")),
            Some(twin) if ["(", "<"].iter().any(|next| twins.contains(&format!("fn {twin}{next}"))) => {}
            Some(twin) => complaints.push(format!("{file}: there is no cpu::{twin}")),
        }
    }
    assert_none(&complaints);
}

#[test]
fn every_dependency_has_its_reason_in_the_architecture_page() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let table = manifest.split("[workspace.dependencies]").nth(1).expect("a table of dependencies");
    let table = table.split("\n[").next().expect("the table's end");
    let crates = table.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let silent = crates.filter(|name| !name.starts_with("fulmen-") && !page.contains(&format!("`{name}`")));
    assert_none(&silent.map(|name| format!("ARCHITECTURE.md does not say why {name}")).collect::<Vec<_>>());
}
