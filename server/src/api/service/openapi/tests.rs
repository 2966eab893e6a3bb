//! The description is whole: nothing in it points nowhere, and no route is left out.

use std::collections::HashSet;

use serde_json::Value;

use super::{described, document};
use crate::api::all;
use crate::route::Access;

/// Every object in a document.
fn objects(value: &Value) -> Vec<&Value> {
    let below: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => vec![],
    };
    std::iter::once(value).chain(below.into_iter().flat_map(objects)).collect()
}

fn operations(document: &Value) -> Vec<&Value> {
    let items = document["paths"].as_object().unwrap().values();
    items.flat_map(|item| item.as_object().unwrap().values()).collect()
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut count = 0;
    for object in objects(&document) {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').expect("a reference into the document itself");
            assert!(document.pointer(pointer).is_some(), "{reference}");
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_component_is_used() {
    let document = document();
    let text = document.to_string();
    for kind in ["schemas", "headers", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(text.contains(&format!("\"#/components/{kind}/{name}\"")), "{kind} {name}");
        }
    }
}

#[test]
fn every_route_is_described_at_every_path() {
    let document = document();
    for route in all() {
        for path in route.paths.iter().filter(|_| !route.doc.answers.is_empty()) {
            let operation = &document["paths"][path][route.method.name().to_ascii_lowercase()];
            assert_eq!(operation["summary"], route.doc.summary, "{path}");
            assert_eq!(operation.get("requestBody").is_some(), route.doc.fields.is_some(), "{path}");
            assert_eq!(operation["responses"].get("401").is_some(), route.access != Access::Open, "{path}");
            let in_path =
                operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "path");
            assert_eq!(in_path.count(), path.matches('{').count(), "{path}");
        }
    }
}

#[test]
fn programs_that_make_clients_understand_every_schema() {
    let document = document();
    for object in objects(&document) {
        let values = object.get("enum").and_then(Value::as_array);
        let kinds: HashSet<_> = values.into_iter().flatten().map(std::mem::discriminant).collect();
        assert!(kinds.len() <= 1, "values of several types: {object}");
        let is_list = object.get("type").is_some_and(|kind| match kind {
            Value::String(kind) => kind == "array",
            Value::Array(kinds) => kinds.iter().any(|kind| kind == "array"),
            _ => false,
        });
        assert!(!is_list || object.get("items").is_some(), "a list of what? {object}");
    }
}

#[test]
fn who_may_ask_is_said_of_every_operation() {
    let document = document();
    for route in described() {
        let operation = &document["paths"][route.paths[0]][route.method.name().to_ascii_lowercase()];
        let schemes = operation["security"].as_array().expect("it is said");
        assert_eq!(schemes.is_empty(), route.access == Access::Open, "{}", route.paths[0]);
    }
}

#[test]
fn what_begins_with_a_picture_is_a_form_or_json_and_all_else_json() {
    let document = document();
    let kinds = |path: &str| {
        let body = &document["paths"][path]["post"]["requestBody"]["content"];
        body.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>()
    };
    for path in ["/v1/images/edits", "/v1/images/variations"] {
        let mut both = kinds(path);
        both.sort_unstable();
        assert_eq!(both, ["application/json", "multipart/form-data"]);
    }
    assert_eq!(kinds("/v1/images/generations"), ["application/json"]);
    assert_eq!(kinds("/uploads"), ["multipart/form-data"]);
    assert_eq!(kinds("/generations"), ["application/json"]);
    let form = &document["components"]["schemas"]["post_v1_images_edits_form"]["properties"];
    assert_eq!(form["image"]["items"]["format"], "binary");
    assert_eq!(form["n"]["type"], "integer");
    let json = &document["components"]["schemas"]["post_v1_images_edits_body"]["properties"];
    assert_eq!(json["image"]["anyOf"][2]["type"], "array");
}

#[test]
fn no_two_operations_have_one_name() {
    let document = document();
    let names: Vec<_> =
        operations(&document).iter().map(|one| one["operationId"].as_str().unwrap()).collect();
    let different: HashSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len());
}

#[test]
fn every_answer_says_what_it_is() {
    for response in
        operations(&document()).iter().flat_map(|one| one["responses"].as_object().unwrap().values())
    {
        assert!(response.get("$ref").is_some() || response["description"].is_string(), "{response}");
    }
}
