//! Elements: the LoRAs in the folder that the server was started with, under ids that follow from their names.

use std::cell::LazyCell;
use std::sync::Arc;

use serde_json::{Value, json};

use super::ids::{stable_id, stable_number};
use crate::api::loras::bounded;
use crate::app::App;
use crate::fields::{Values, shown};
use crate::http::Answer;
use crate::problem::Problem;
use crate::route::Call;

/// The largest weight, either way.
const MOST_WEIGHT: f64 = 10.0;

/// `GET /elements`
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn list(app: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    let elements: Vec<Value> = app.models.lora_names().iter().map(|name| element(name)).collect();
    Ok(Answer::json(200, &json!({"loras": elements})))
}

fn element(name: &str) -> Value {
    let mut element = lora(name);
    element["userLoraId"] = json!(number_of(name));
    element["creatorName"] = Value::Null;
    element
}

/// Those that a generation was drawn with, as it keeps them: `[name, weight]`.
pub(super) fn used(loras: &Value) -> Value {
    let one = |(at, used): (usize, &Value)| {
        // Weights are kept in 32 bits, and told in as few digits as name them.
        let weight =
            used[1].as_f64().map(|weight| format!("{}", weight as f32).parse::<f64>().unwrap_or(weight));
        json!({"id": at, "weightApplied": weight, "lora": lora(used[0].as_str().unwrap_or_default())})
    };
    loras.as_array().into_iter().flatten().enumerate().map(one).collect()
}

/// A LoRA, as it is shown with what is drawn with it.
fn lora(name: &str) -> Value {
    json!({
        "akUUID": uuid_of(name),
        "name": name,
        "description": "A LoRA of this server.",
        "baseModel": "SDXL_1_0",
        "urlImage": null,
        "weightDefault": 1,
        "weightMin": -2,
        "weightMax": 2,
    })
}

fn uuid_of(name: &str) -> String {
    stable_id("element", name)
}

fn number_of(name: &str) -> u64 {
    stable_number("element", name)
}

/// The LoRAs that `elements` and `userElements` ask for, by name, with their weights. An element may be called by its
/// name, too. The names are only looked for where one is asked for.
///
/// # Errors
/// 400 that names an element that is not there, or a list that is too long.
pub(super) fn asked(
    values: &Values,
    names: impl FnOnce() -> Vec<String>,
) -> Result<Vec<(String, f32)>, Problem> {
    let names = LazyCell::new(names);
    let mut loras = vec![];
    for (member, id) in [("elements", "akUUID"), ("userElements", "userLoraId")] {
        let list = values.value(member).and_then(Value::as_array);
        bounded(member, list.map_or(0, Vec::len))?;
        for (at, element) in list.into_iter().flatten().enumerate() {
            let Some(asked) = element.get(id).filter(|id| !id.is_null()) else { continue };
            let is = |name: &&String| match asked {
                Value::String(asked) => *asked == uuid_of(name) || asked == *name,
                number => number.as_f64() == Some(number_of(name) as f64),
            };
            let Some(name) = names.iter().find(is) else {
                return Err(unknown(&format!("{member}[{at}].{id}"), asked, &names));
            };
            let weight = element.get("weight").and_then(Value::as_f64).unwrap_or(1.0);
            if weight.abs() > MOST_WEIGHT {
                let field = format!("{member}[{at}].weight");
                let message = format!("`{field}` must be from -{MOST_WEIGHT} to {MOST_WEIGHT}, not {weight}");
                return Err(Problem::field(field, message));
            }
            loras.push((name.clone(), weight as f32));
        }
    }
    Ok(loras)
}

fn unknown(field: &str, asked: &Value, names: &[String]) -> Problem {
    let asked = shown(asked);
    let what = match names {
        [] => {
            "this server has none; start it with --lora-dir DIR, a folder with LoRAs for its model".to_owned()
        }
        _ => "GET /elements lists those of this server".to_owned(),
    };
    Problem::field(field, format!("`{field}`: there is no element {asked}; {what}"))
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::super::fields::GENERATION;
    use super::*;

    fn of(members: &Value) -> Result<Vec<(String, f32)>, String> {
        let mut body: Map<String, Value> = members.as_object().unwrap().clone();
        body.insert("prompt".into(), json!("a"));
        let values = Values::checked(body, GENERATION).unwrap();
        asked(&values, || vec!["fox".into(), "ink".into()]).map_err(|problem| problem.field.unwrap())
    }

    #[test]
    fn a_list_that_would_hold_the_engine_for_minutes_is_refused() {
        let many = |count: usize| vec![json!({"akUUID": "ink", "weight": 0.01}); count];
        assert_eq!(of(&json!({"elements": many(64)})).unwrap().len(), 64);
        assert_eq!(of(&json!({"elements": many(65)})).unwrap_err(), "elements");
        let numbers = vec![json!({"userLoraId": number_of("ink")}); 65];
        assert_eq!(of(&json!({"userElements": numbers})).unwrap_err(), "userElements");
    }

    #[test]
    fn elements_are_found_by_their_ids_and_names() {
        let ink = number_of("ink");
        let members = json!({
            "elements": [{"akUUID": uuid_of("fox"), "weight": 0.5}, {"akUUID": "ink"}],
            "userElements": [{"userLoraId": ink, "weight": -1}, {"userLoraId": null}],
        });
        assert_eq!(of(&members), Ok(vec![("fox".into(), 0.5), ("ink".into(), 1.0), ("ink".into(), -1.0)]));
        assert_eq!(of(&json!({})), Ok(vec![]));
        assert_eq!(of(&json!({"elements": [{"akUUID": "wolf"}]})).unwrap_err(), "elements[0].akUUID");
        assert_eq!(
            of(&json!({"userElements": [{"userLoraId": 5}]})).unwrap_err(),
            "userElements[0].userLoraId"
        );
        let heavy = json!({"elements": [{"akUUID": "fox", "weight": 11}]});
        assert_eq!(of(&heavy).unwrap_err(), "elements[0].weight");
        assert!(ink < 1 << 53, "clients read it as a float");
    }
}
