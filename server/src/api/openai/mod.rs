//! `…/images/generations` in the form that OpenAI began, and `/v1/models`.

mod begin;
mod edit;
mod fields;
mod generate;
mod hub;
mod models;
mod quality;
mod request;
mod stream;

use crate::http::Method;
use crate::problem::Family;
use crate::route::{Access, Content, Doc, Parameter, Route};

/// The documented path, the customary one, and those that clients of this family use.
const GENERATIONS: &[&str] = &[
    "/api/images/generations",
    "/v1/images/generations",
    "/api/v1/images/generations",
    "/api/image/generations",
    "/v1/image/generations",
    "/api/v1/image/generations",
    "/api/v2/image/generations",
];

/// What draws over a picture, at the same places.
const EDITS: &[&str] = &[
    "/v1/images/edits",
    "/api/images/edits",
    "/api/v1/images/edits",
    "/v1/image/edits",
    "/api/image/edits",
    "/api/v1/image/edits",
    "/api/v2/image/edits",
];
const VARIATIONS: &[&str] = &[
    "/v1/images/variations",
    "/api/images/variations",
    "/api/v1/images/variations",
    "/v1/image/variations",
    "/api/image/variations",
    "/api/v1/image/variations",
    "/api/v2/image/variations",
];

/// The routes of this family.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: Method::Post,
        paths: GENERATIONS,
        family: Family::OpenAi,
        access: Access::Key,
        handler: generate::generate,
        doc: Doc {
            summary: "Generates images from a prompt, and returns links that are valid for an hour, or the \
                      files themselves",
            fields: Some(fields::GENERATIONS),
            query: &[],
            answers: &[(200, Content::JsonOrEvents("ImageGeneration"))],
            errors: &[400, 403, 410, 413, 415, 503],
        },
    },
    Route {
        method: Method::Post,
        paths: EDITS,
        family: Family::OpenAi,
        access: Access::Key,
        handler: generate::edit,
        doc: Doc {
            summary: "Draws over an image, or over what a mask shows of it, as a prompt says; JSON with the same \
                      members is taken, too",
            fields: Some(fields::EDITS),
            query: &[],
            answers: &[(200, Content::JsonOrEvents("ImageEdit"))],
            errors: &[400, 403, 410, 413, 415, 503],
        },
    },
    Route {
        method: Method::Post,
        paths: VARIATIONS,
        family: Family::OpenAi,
        access: Access::Key,
        handler: generate::vary,
        doc: Doc {
            summary: "Draws over an image, so that others like it come out; JSON with the same members is taken, too",
            fields: Some(fields::VARIATIONS),
            query: &[],
            answers: &[(200, Content::JsonOrEvents("ImageEdit"))],
            errors: &[400, 403, 410, 413, 415, 503],
        },
    },
    Route {
        method: Method::Post,
        paths: &["/api/v2/image"],
        family: Family::OpenAi,
        access: Access::Key,
        handler: hub::draw,
        doc: Doc {
            summary: "Generates images as AIGNE's hub does, and returns links that are valid for an hour",
            fields: Some(fields::HUB),
            query: &[],
            answers: &[(200, Content::Json("HubImages"))],
            errors: &[400, 403, 410, 413, 415, 503],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/api/ai/models"],
        family: Family::OpenAi,
        access: Access::Key,
        handler: hub::models,
        doc: Doc {
            summary: "The loaded models, as AIGNE's hub lists its own",
            fields: None,
            query: &[Parameter {
                name: "type",
                range: None,
                required: false,
                about: "`image`; there are no other types.",
            }],
            answers: &[(200, Content::Json("HubModels"))],
            errors: &[],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/__blocklet__.js"],
        family: Family::OpenAi,
        access: Access::Open,
        handler: hub::mounts,
        doc: Doc {
            summary: "Where clients of AIGNE's hub find the server",
            fields: None,
            query: &[],
            answers: &[(200, Content::Json("HubMounts"))],
            errors: &[],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/v1/models", "/api/models", "/api/v1/models"],
        family: Family::OpenAi,
        access: Access::Key,
        handler: models::list,
        doc: Doc {
            summary: "The loaded models",
            fields: None,
            query: &[],
            answers: &[(200, Content::Json("ModelList"))],
            errors: &[],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/v1/models/{id}", "/api/models/{id}", "/api/v1/models/{id}"],
        family: Family::OpenAi,
        access: Access::Key,
        handler: models::get,
        doc: Doc {
            summary: "The model of this name; the first one draws under all others",
            fields: None,
            query: &[],
            answers: &[(200, Content::Json("Model"))],
            errors: &[404],
        },
    },
];
