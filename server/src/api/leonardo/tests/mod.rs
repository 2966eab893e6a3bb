//! Every documented field, every rule between fields, and the life of a generation.

mod fields;
mod life;
mod request;
mod rules;

use serde_json::{Value, json};

use super::fields::GENERATION;
use crate::fields::Values;
use crate::http::Client;
use crate::http::{Method, Request};
use crate::jobs::ModelInfo;
use crate::problem::Problem;

fn request(body: &Value) -> Request {
    Request {
        id: "1".into(),
        method: Method::Post,
        path: "/generations".into(),
        query: vec![],
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_string().into_bytes().into(),
        client: Client::default(),
        memory: crate::budget::Memory::default(),
    }
}

/// A body that asks for a cat, with these members.
fn cat(members: Value) -> Value {
    let mut body = json!({"prompt": "a cat"});
    let Value::Object(members) = members else { panic!("members") };
    body.as_object_mut().unwrap().extend(members);
    body
}

/// Fields, then the rules between them.
fn checked(body: &Value) -> Result<Values, Problem> {
    let values = Values::of(&request(body), GENERATION)?;
    super::rules::check(&values)?;
    Ok(values)
}

/// The field that a body is refused for.
fn refused(body: &Value) -> Option<String> {
    let problem = checked(body).err()?;
    assert_eq!(problem.status, 400, "{body}");
    let field = problem.field.expect("a refusal names its field");
    assert!(problem.message.contains(&format!("`{field}`")), "{}", problem.message);
    Some(field)
}

/// A model like SDXL-Lightning, or one like SDXL.
fn model(distilled: bool) -> ModelInfo {
    ModelInfo {
        name: "a model".into(),
        own_size: 1024,
        is_demo: false,
        distilled,
        steps: if distilled { 4 } else { 30 },
        hd_steps: 8,
        guidance: if distilled { 0.0 } else { 5.0 },
        largest_preview: 256,
        device: "cpu".into(),
        nets: crate::config::Nets::default(),
        enlarging: 0.0,
    }
}
