//! What upscalers' files call their tensors: Real-ESRGAN's names, ESRGAN's newer and older ones.

use std::collections::{BTreeMap, HashMap};

use crate::weights::stored::StoredTensor;

/// What trainers put before all names.
const PREFIXES: [&str; 4] = ["params_ema.", "params.", "state_dict.", "module."];

/// The convolutions of ESRGAN's newer names that stand alone.
const NEWER: [(&str, &str); 3] = [("trunk_conv", "conv_body"), ("HRconv", "conv_hr"), ("RRDB_trunk", "body")];

/// The tensors under Real-ESRGAN's names; `None` where this is none of the networks that have them.
pub(super) fn canonical(tensors: &HashMap<String, StoredTensor>) -> Option<BTreeMap<String, StoredTensor>> {
    let prefix = PREFIXES.iter().find(|prefix| tensors.keys().any(|key| key.starts_with(*prefix)));
    let inner = |key: &String| match prefix {
        // What has another prefix is the same network before averaging.
        Some(prefix) => key.strip_prefix(prefix).map(str::to_owned),
        None => Some(key.clone()),
    };
    let named: BTreeMap<String, StoredTensor> =
        tensors.iter().filter_map(|(key, tensor)| Some((inner(key)?, tensor.clone()))).collect();
    let last = last_of_older(&named);
    let renamed = named.into_iter().map(|(key, tensor)| (renamed(&key, last).unwrap_or(key), tensor));
    let renamed: BTreeMap<_, _> = renamed.collect();
    is_known(&renamed).then_some(renamed)
}

/// Whether the names are those of RRDBNet, or of SRVGG: convolutions with a vector of slopes between.
fn is_known(tensors: &BTreeMap<String, StoredTensor>) -> bool {
    let dimensions = |name: &str| tensors.get(name).map_or(0, |tensor| tensor.shape.len());
    let rrdb = dimensions("conv_first.weight") == 4 && dimensions("body.0.rdb1.conv1.weight") == 4;
    let srvgg = dimensions("body.0.weight") == 4 && dimensions("body.1.weight") == 1;
    rrdb || srvgg
}

/// The number of the last convolution under ESRGAN's older names: two more than that of the one before, and three for
/// each time that the picture's sides are doubled.
fn last_of_older(tensors: &BTreeMap<String, StoredTensor>) -> Option<usize> {
    let number = |key: &String| key.strip_prefix("model.")?.strip_suffix(".weight")?.parse::<usize>().ok();
    tensors
        .contains_key("model.1.sub.0.RDB1.conv1.0.weight")
        .then(|| tensors.keys().filter_map(number).max())?
}

/// A tensor's name as Real-ESRGAN has it.
fn renamed(key: &str, last: Option<usize>) -> Option<String> {
    let (layer, number) = key.rsplit_once('.')?;
    let layer = match last {
        Some(last) => older(layer, last)?,
        None => newer(layer)?,
    };
    Some(format!("{layer}.{number}"))
}

/// `RRDB_trunk.0.RDB1.conv1`, `trunk_conv`, `upconv1`, `HRconv`.
fn newer(layer: &str) -> Option<String> {
    let (first, rest) = layer.split_once('.').map_or((layer, ""), |(first, rest)| (first, rest));
    if let Some(number) = first.strip_prefix("upconv") {
        return Some(format!("conv_up{number}"));
    }
    let (_, name) = NEWER.iter().find(|(newer, _)| *newer == first)?;
    Some(if rest.is_empty() { (*name).to_owned() } else { format!("{name}.{}", rest.replace("RDB", "rdb")) })
}

/// `model.0`, `model.1.sub.0.RDB1.conv1.0`, `model.1.sub.23`, `model.3`, `model.6`, `model.8`, `model.10`.
fn older(layer: &str, last: usize) -> Option<String> {
    let rest = layer.strip_prefix("model.")?;
    if let Some(inner) = rest.strip_prefix("1.sub.") {
        return Some(match inner.split_once('.') {
            None => "conv_body".to_owned(),
            Some((block, conv)) => {
                let conv = conv.strip_suffix(".0").unwrap_or(conv);
                format!("body.{block}.{}", conv.replace("RDB", "rdb"))
            }
        });
    }
    let number: usize = rest.parse().ok()?;
    match number {
        0 => Some("conv_first".to_owned()),
        _ if number == last => Some("conv_last".to_owned()),
        _ if number + 2 == last => Some("conv_hr".to_owned()),
        _ if number.is_multiple_of(3) => Some(format!("conv_up{}", number / 3)),
        _ => None,
    }
}
