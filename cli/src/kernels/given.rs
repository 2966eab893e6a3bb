//! Kernels that a user's file chooses: what `fulmen tune --json` prints, with `--show` or without, perhaps changed by hand.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use fulmen_engine::engine::GivenKernels;
use fulmen_engine::gpu::{KernelName, KernelTable, Task, Work, choose_adapter, list_adapters};
use serde::Deserialize;
use serde_json::Value;

use crate::cached;
use crate::failure::Failure;

/// What writes such a file.
const WRITTEN_BY: &str = "`fulmen tune --show --json` prints what such a file has";

/// The kernels of a device.
struct Section {
    /// As [`cached::key`] writes it; nothing where the file does not say.
    device: Option<String>,
    table: KernelTable,
}

/// What counts of a line; the rest says how it was found.
#[derive(Deserialize)]
struct Line {
    work: Work,
    chosen: KernelName,
}

/// What a file chooses for the GPU that `device` names: what it has of that device with this driver, or all of it where it
/// is of one device alone.
pub(crate) fn given(file: &Path, device: &str) -> Result<GivenKernels, Failure> {
    let source = format!("--kernels-from {}", file.display());
    let wrong = |what: String| Failure::Usage(format!("{source} {what}"));
    if device.trim() == "cpu" {
        let what = "is for GPUs, and --device cpu has no kernels to choose from; leave one of both out";
        return Err(wrong(what.into()));
    }
    let text = read(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let sections = sections(&text).map_err(wrong)?;
    let adapters = list_adapters();
    let place = choose_adapter(device, &adapters).map_err(|error| wrong(format!("is for GPUs: {error}")))?;
    let table = table_for(&cached::key(&adapters[place]), sections).map_err(wrong)?;
    Ok(GivenKernels { table, source })
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(cached::LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// The tables of all devices: of the last of several events.
fn sections(text: &str) -> Result<Vec<Section>, String> {
    let events: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let events = events.map_err(|error| format!("is not JSON: {error}; {WRITTEN_BY}"))?;
    let last = events.last().unwrap_or(&Value::Null);
    let sections = match last.get("devices").and_then(Value::as_array) {
        Some(devices) => devices.iter().map(section).collect(),
        None => section(last).map(|section| vec![Section { device: None, ..section }]),
    };
    sections.map_err(|what| format!("{what}; {WRITTEN_BY}"))
}

fn section(value: &Value) -> Result<Section, String> {
    let lines = value.get("kernels").and_then(Value::as_array);
    let lines = lines.ok_or("has no list of `kernels`")?;
    let mut table = KernelTable::default();
    let mut first: BTreeMap<Task, Work> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        let name = line.get("shape").and_then(Value::as_str).unwrap_or("which has no `shape`");
        let Line { work, chosen } = Line::deserialize(line)
            .map_err(|error| format!("has a wrong entry, number {} ({name}): {error}", place + 1))?;
        if table.kind(&work.task).is_some_and(|kind| kind != chosen.kind()) {
            let other = first[&work.task];
            return Err(format!(
                "chooses different cores for {other} and {work}, or computes only one of them directly: a shape is computed \
                 in one way whatever its number of rows, since they differ in their last bits"
            ));
        }
        first.entry(work.task).or_insert(work);
        table.insert(&work, &chosen);
    }
    Ok(Section { device: value.get("device").and_then(Value::as_str).map(str::to_owned), table })
}

/// Those of this device, or the only ones.
fn table_for(device: &str, mut sections: Vec<Section>) -> Result<KernelTable, String> {
    let own = sections.iter().position(|section| section.device.as_deref() == Some(device));
    let place = match (own, sections.len()) {
        (Some(place), _) => place,
        (None, 1) => 0,
        (None, 0) => return Err(format!("chooses no kernels; {WRITTEN_BY} after `fulmen tune`")),
        (None, _) => {
            let others: Vec<&str> = sections.iter().filter_map(|section| section.device.as_deref()).collect();
            return Err(format!(
                "has kernels for {}, and none for {device}; leave in it the one that is meant",
                others.join("; for ")
            ));
        }
    };
    Ok(sections.swap_remove(place).table)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(rows: usize, core: &str) -> Value {
        json!({
            "shape": format!("linear {rows}×64 → 64"), "nodes": 2, "gain": 0.5,
            "work": {"task": {
                "operation": "linear", "columns": 64, "depth": 64, "heads": 1, "finish": {},
                "left": "f16", "weight": "f16", "out": "f16",
            }, "rows": rows},
            "chosen": {"core": core, "tile": "64x64"},
        })
    }

    fn chosen(text: &str, device: &str) -> Result<Vec<(usize, String)>, String> {
        let table = table_for(device, sections(text)?)?;
        Ok(table.choices().map(|(work, name)| (work.rows, name.to_string())).collect())
    }

    #[test]
    fn the_table_of_the_device_counts_and_an_only_one_counts_for_any() {
        let of = |device, core| json!({"device": device, "kernels": [line(64, core)]});
        let both = json!({"event": "done", "devices": [of("a", "tiled"), of("b", "subgroup")]}).to_string();
        let tiled = Ok(vec![(64, "tiled 64x64".to_owned())]);
        assert_eq!(chosen(&both, "a"), tiled);
        assert_eq!(chosen(&both, "b"), Ok(vec![(64, "subgroup 64x64".to_owned())]));
        let none = chosen(&both, "c").unwrap_err();
        assert!(none.contains("for a; for b, and none for c"), "{none}");
        let alone = json!({"devices": [of("a", "tiled")]}).to_string();
        assert_eq!(chosen(&alone, "c"), tiled);
        // What `fulmen tune --json` prints: events, the last of which has the kernels.
        let events = format!("{}\n{}\n", json!({"event": "kernel", "done": 0}), of("A card", "tiled"));
        assert_eq!(chosen(&events, "c"), tiled);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let with = |lines: &[Value]| json!({"kernels": lines}).to_string();
        let said = |text: &str, words: &[&str]| {
            let error = chosen(text, "a").expect_err(text);
            words.iter().for_each(|word| assert!(error.contains(word), "no `{word}` in: {error}"));
        };
        said("{\"kernels\": [", &["not JSON", "line 1 column 13", "fulmen tune"]);
        said("", &["no list of `kernels`", "fulmen tune --show --json"]);
        said("{\"devices\": []}", &["chooses no kernels", "fulmen tune"]);
        said("{\"devices\": [{\"device\": \"a\"}]}", &["no list of `kernels`"]);
        said(&with(&[line(64, "tiled"), line(64, "tild")]), &["number 2 (linear 64×64", "`tild`", "`tiled`"]);
        said(&with(&[json!({"work": 1})]), &["number 1 (which has no `shape`)"]);
        let differ = with(&[line(64, "tiled"), line(128, "subgroup")]);
        said(&differ, &["different cores for linear 64×64 → 64 and linear 128×64 → 64", "last bits"]);
    }
}
