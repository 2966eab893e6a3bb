//! `/v1/images`: named images that stay until they are deleted, and can be published.

mod fields;
mod imagine;
mod manage;
mod object;
mod over;
mod request;

use crate::http::Method;
use crate::problem::Family;
use crate::route::{Access, Content, Doc, PICTURE, Parameter, Route};

const IMAGE: &[(u16, Content)] = &[(200, Content::Json("Image"))];
const CHANGED: &[(u16, Content)] = &[(201, Content::Json("Image"))];
const PAGE: &[Parameter] = &[
    Parameter {
        name: "take",
        range: Some((1, 100)),
        required: false,
        about: "How many images; 10 if absent.",
    },
    Parameter { name: "from", range: None, required: false, about: "The id of the first image of the page." },
];

const fn doc(summary: &'static str, answers: &'static [(u16, Content)], errors: &'static [u16]) -> Doc {
    Doc { summary, fields: None, query: &[], answers, errors }
}

/// The routes of this family.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: Method::Post,
        paths: &["/v1/images/imagine"],
        family: Family::Images,
        access: Access::Key,
        handler: imagine::imagine,
        doc: Doc {
            summary: "Draws an image, over another if one is sent, and keeps it under a name",
            fields: Some(fields::IMAGINE),
            query: &[],
            answers: &[(201, Content::JsonOrEvents("Image"))],
            errors: &[400, 403, 410, 413, 415, 503],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/v1/images"],
        family: Family::Images,
        access: Access::Key,
        handler: manage::list,
        doc: Doc {
            summary: "The caller's images, newest first",
            fields: None,
            query: PAGE,
            answers: &[(200, Content::Json("ImagePage"))],
            errors: &[400, 404, 503],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/v1/images/{id}"],
        family: Family::Images,
        access: Access::Key,
        handler: manage::get,
        doc: doc("One image", IMAGE, &[404, 503]),
    },
    Route {
        method: Method::Delete,
        paths: &["/v1/images/{id}"],
        family: Family::Images,
        access: Access::Key,
        handler: manage::delete,
        doc: doc("Deletes an image and its file", &[(204, Content::Nothing)], &[404, 503]),
    },
    Route {
        method: Method::Get,
        paths: &["/v1/images/{id}/download"],
        family: Family::Images,
        access: Access::Key,
        handler: manage::download,
        doc: doc("The image's file", PICTURE, &[404, 412, 416, 503]),
    },
    Route {
        method: Method::Post,
        paths: &["/v1/images/{id}/publish"],
        family: Family::Images,
        access: Access::Key,
        handler: manage::publish,
        doc: doc("Gives an image a public address", CHANGED, &[404, 503]),
    },
    Route {
        method: Method::Post,
        paths: &["/v1/images/{id}/unpublish"],
        family: Family::Images,
        access: Access::Key,
        handler: manage::unpublish,
        doc: doc("Takes the public address away", CHANGED, &[404, 503]),
    },
];
