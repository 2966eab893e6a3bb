//! Prepares CLIP's own vocabulary, which nearly every model has, so that a start need not: parsing it and sorting its
//! merges took half of the time that the demo model needs for a picture.

#[path = "src/tokens/alphabet.rs"]
mod alphabet;
#[path = "src/tokens/table.rs"]
mod table;

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

const FOLDER: &str = "../models/demo/tokenizer";

fn main() -> Result<(), Box<dyn Error>> {
    let files = ["vocab.json", "merges.txt"].map(|name| Path::new(FOLDER).join(name));
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let [vocab, merges] = files.map(fs::read_to_string);
    let ids: HashMap<String, u32> = serde_json::from_str(&vocab?)?;
    let id = |token: String| {
        let id = ids.get(&token).copied();
        id.ok_or_else(|| format!("CLIP's vocabulary has no `{token}`"))
    };
    let marks = ["<|startoftext|>", "<|endoftext|>"].map(str::to_owned);
    let numbers = alphabet::letters().chain(marks).map(id).collect::<Result<Vec<_>, _>>()?;
    let numbers: [u32; table::NUMBERS] =
        numbers.try_into().map_err(|_| "letters and marks are not as many")?;
    let merges = merges?;
    let pairs = merges.lines().skip(1).filter_map(|line| line.split_once(' '));
    let rows =
        pairs.map(|(left, right)| Ok([id(left.into())?, id(right.into())?, id(format!("{left}{right}"))?]));
    let rows = rows.collect::<Result<Vec<_>, String>>()?;
    let made = table::table(numbers, &rows);
    let end = numbers[table::NUMBERS - 1];
    let is_there = rows.iter().all(|[left, right, _]| table::merge(&made, *left, *right).is_some());
    if !is_there || table::number(&made, table::NUMBERS - 1) != end {
        return Err("the table of CLIP's vocabulary cannot be read back".into());
    }
    let place = Path::new(&env::var("OUT_DIR")?).join("clip.vocabulary");
    Ok(fs::write(place, made)?)
}
