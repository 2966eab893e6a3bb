//! The list of layers: a line each, with its kind, its name, what it reads and makes, and its parameters.

use std::str::SplitAsciiWhitespace;

/// Bytes of a list: that of a large network has a tenth of a megabyte.
pub(super) const LONGEST: u64 = 4 << 20;

/// Layers and lines that no network exceeds.
const MOST: usize = 100_000;

/// How a list begins.
const MAGIC: &str = "7767517";
/// How a list in numbers begins.
const BINARY: [u8; 4] = 0x007685DD_u32.to_le_bytes();

/// One layer.
#[derive(Debug, PartialEq)]
pub(super) struct Layer {
    pub(super) kind: String,
    pub(super) inputs: usize,
    /// Its parameters by their numbers; rows of them by the same, and separately.
    values: Vec<(i32, f64)>,
    rows: Vec<(i32, Vec<f64>)>,
}

impl Layer {
    /// A parameter; `usual` where the line does not say.
    pub(super) fn value(&self, number: i32, usual: f64) -> f64 {
        self.values.iter().find(|(known, _)| *known == number).map_or(usual, |(_, value)| *value)
    }

    /// A row of them; empty where the line does not say.
    pub(super) fn row(&self, number: i32) -> &[f64] {
        self.rows.iter().find(|(known, _)| *known == number).map_or(&[], |(_, row)| row)
    }

    /// A parameter that counts something.
    pub(super) fn count(&self, number: i32) -> usize {
        let value = self.value(number, 0.0);
        // What is too large is refused where it is compared.
        if (0.0..1e9).contains(&value) { value as usize } else { usize::MAX }
    }
}

/// Whether a file is a list of layers, as text or in numbers.
pub(in crate::weights) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&BINARY)
        || bytes
            .strip_prefix(MAGIC.as_bytes())
            .is_some_and(|rest| rest.starts_with(b"\n") || rest.starts_with(b"\r\n"))
}

/// The layers of a list.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Layer>, String> {
    if bytes.starts_with(&BINARY) {
        return Err("is ncnn's list of layers in numbers; give the .param file in text".into());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not an ncnn .param file; fetch it again")?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next() != Some(MAGIC) {
        return Err("is not an ncnn .param file; fetch it again".into());
    }
    let counts = lines.next().unwrap_or_default();
    let layers: Vec<Layer> = lines
        .take(MOST)
        .enumerate()
        .map(|(place, line)| {
            layer(line).ok_or_else(|| format!("has a damaged line {}; fetch it again", place + 3))
        })
        .collect::<Result<_, _>>()?;
    let promised = counts.split_ascii_whitespace().next().and_then(|count| count.parse().ok());
    if promised != Some(layers.len()) {
        let promised = promised.unwrap_or(0);
        return Err(format!(
            "has {} layers and promises {promised}; the download did not finish, fetch it again",
            layers.len()
        ));
    }
    Ok(layers)
}

fn layer(line: &str) -> Option<Layer> {
    let mut words = line.split_ascii_whitespace();
    let (kind, _name) = (words.next()?.to_owned(), words.next()?);
    let mut count = || words.next()?.parse::<usize>().ok();
    let (inputs, outputs) = (count()?, count()?);
    let blobs = inputs.checked_add(outputs)?;
    if blobs > line.len() || (blobs > 0 && words.nth(blobs - 1).is_none()) {
        return None;
    }
    let (mut values, mut rows) = (vec![], vec![]);
    parameters(words, &mut values, &mut rows)?;
    Some(Layer { kind, inputs, values, rows })
}

/// `4=1`, or `-23310=2,0.2,1.0`: a row of two, number 10.
fn parameters(
    words: SplitAsciiWhitespace<'_>,
    values: &mut Vec<(i32, f64)>,
    rows: &mut Vec<(i32, Vec<f64>)>,
) -> Option<()> {
    for word in words {
        let (number, value) = word.split_once('=')?;
        let number: i32 = number.parse().ok()?;
        if number > -23300 {
            values.push((number, value.parse().ok()?));
            continue;
        }
        let mut numbers = value.split(',');
        let count: usize = numbers.next()?.parse().ok()?;
        let row: Vec<f64> = numbers.map(|value| value.parse().ok()).collect::<Option<_>>()?;
        (row.len() == count).then_some(())?;
        rows.push((-23300 - number, row));
    }
    Some(())
}
