//! The description is whole: nothing in it points nowhere, and no route is left out.

use std::collections::HashSet;

use serde_json::Value;

use super::document;
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
    for kind in ["schemas", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(text.contains(&format!("\"#/components/{kind}/{name}\"")), "{kind} {name}");
        }
    }
}

#[test]
fn every_route_is_described_at_every_path() {
    let document = document();
    for route in all() {
        for path in route.paths {
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
