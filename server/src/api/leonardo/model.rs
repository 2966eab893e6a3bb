//! Which of the server's models a request asks for: by `modelId`, else by the kind that `sd_version` names.

use super::ids::stable_id;
use crate::fields::Values;
use crate::jobs::{Known, ModelInfo, Models};

/// The model that draws: the one of this id or name; else the first of the kind that the version means; else the first.
pub(super) fn chosen<'m>(values: &Values, models: &'m Models) -> &'m Known {
    let asked = |name| values.text(name).filter(|_| values.is_unusual(name));
    let of_id = |id: &str| models.named(id).or_else(|| models.find(|model| model_id(model) == id));
    let of_version = |version: &str| models.find(|model| is_version(model, version));
    let found = asked("modelId").and_then(of_id).or_else(|| asked("sd_version").and_then(of_version));
    found.unwrap_or(models.first())
}

/// What requests may call a model that draws without being told that another one does.
pub(super) fn names(model: &ModelInfo) -> Vec<String> {
    let versions = [LIGHTNING].iter().chain(SDXL).filter(|version| is_version(model, version));
    [model.name.clone(), model_id(model)].into_iter().chain(versions.map(|&name| name.to_owned())).collect()
}

/// Its id, in the shape that this family has.
pub(super) fn model_id(model: &ModelInfo) -> String {
    stable_id("model", &model.name)
}

const LIGHTNING: &str = "SDXL_LIGHTNING";
const SDXL: &[&str] = &["SDXL_1_0", "SDXL_0_9", "SDXL_0_8"];

/// Whether a version means models of this kind: SDXL_LIGHTNING those that were distilled to few steps, SDXL's own
/// numbers those that were not. The model inside the program is neither.
fn is_version(model: &ModelInfo, version: &str) -> bool {
    let means = if model.distilled { version == LIGHTNING } else { SDXL.contains(&version) };
    means && !model.is_demo
}
