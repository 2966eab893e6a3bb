//! `/generations`: pictures that are asked for now and fetched later.

mod account;
mod background;
mod describe;
mod elements;
mod enhance;
mod fields;
mod generations;
mod guides;
mod ids;
mod init;
mod model;
mod object;
mod prompts;
mod recipes;
mod request;
mod resume;
mod rules;
mod sizes;
mod styles;
#[cfg(test)]
mod tests;
mod universal;
mod unzoom;
mod uploads;
mod variations;
mod words;

pub(crate) use background::attempt;
pub(crate) use describe::{notes, schemas};
pub(crate) use resume::resume;

use crate::http::Method;
use crate::problem::Family;
use crate::route::{Access, Content, Doc, Handler, Parameter, Route};

const PAGE: &[Parameter] = &[
    Parameter {
        name: "offset",
        range: Some((0, generations::LARGEST_OFFSET)),
        required: false,
        about: "How many of the newest to pass over; 0 if absent.",
    },
    Parameter {
        name: "limit",
        range: Some((1, generations::LARGEST_PAGE)),
        required: false,
        about: "How many generations; 10 if absent.",
    },
];

const fn route(
    (method, paths): (Method, &'static [&'static str]),
    handler: Handler,
    summary: &'static str,
    answers: &'static [(u16, Content)],
) -> Route {
    let doc = Doc { summary, fields: None, query: &[], answers, errors: &[503] };
    Route { method, paths, family: Family::Leonardo, access: Access::Key, handler, doc }
}

const GENERATIONS: &[&str] = &["/api/rest/v1/generations", "/generations"];
const GENERATION: &[&str] = &["/api/rest/v1/generations/{id}", "/generations/{id}"];
const OF_USER: &[&str] = &["/api/rest/v1/generations/user/{userId}", "/generations/user/{userId}"];

const CREATE: Route = route(
    (Method::Post, GENERATIONS),
    generations::create,
    "Has pictures drawn; answers at once with an id under which they can be fetched",
    &[(200, Content::Json("GenerationJob"))],
);
const INPUT: &[&str] = &["/api/rest/v1/init-image/{id}", "/init-image/{id}"];
const ANNOUNCE: Route = route(
    (Method::Post, &["/api/rest/v1/init-image", "/init-image"]),
    uploads::announce,
    "Announces a picture to begin from; answers the address and the fields of the form in which it is to be sent within \
     an hour. One that no generation uses is kept for a day",
    &[(200, Content::Json("UploadInitImage"))],
);
const ANNOUNCE_CANVAS: Route = route(
    (Method::Post, &["/api/rest/v1/canvas-init-image", "/canvas-init-image"]),
    uploads::announce_canvas,
    "Announces a picture of the canvas and its mask, each as /init-image does",
    &[(200, Content::Json("UploadCanvasInitImage"))],
);
const UPLOAD: Route = route(
    (Method::Post, &["/uploads"]),
    uploads::receive,
    "Takes a picture that was announced, without a key: the fields that were answered, and the file",
    &[(204, Content::Nothing)],
);
const UPSCALE: Route = route(
    (Method::Post, &["/api/rest/v1/variations/upscale", "/variations/upscale"]),
    variations::upscale,
    "Makes a generated picture twice as large, by the server's network (`--upscale FILE`) or by resampling; answers at \
     once with the id of the variation",
    &[(200, Content::Json("UpscaleJob"))],
);
const UNIVERSAL: Route = route(
    (Method::Post, &["/api/rest/v1/variations/universal-upscaler", "/variations/universal-upscaler"]),
    universal::upscale,
    "Makes a picture larger and draws over it in its new size; answers at once with the id of the variation",
    &[(200, Content::Json("UniversalUpscalerJob"))],
);
const UNZOOM: Route = route(
    (Method::Post, &["/api/rest/v1/variations/unzoom", "/variations/unzoom"]),
    variations::unzoom,
    "Draws more around a generated picture, at its size; answers at once with the id of the variation",
    &[(200, Content::Json("UnzoomJob"))],
);
const NOBG: Route = route(
    (Method::Post, &["/api/rest/v1/variations/nobg", "/variations/nobg"]),
    variations::without_background,
    "Makes the background of a generated picture transparent, by a matte; answers at once with the id of the variation",
    &[(200, Content::Json("NobgJob"))],
);
const LIST: Route = route(
    (Method::Get, OF_USER),
    generations::list,
    "The caller's generations, newest first",
    &[(200, Content::Json("Generations"))],
);

const IMPROVE: Route = route(
    (Method::Post, &["/api/rest/v1/prompt/improve", "/prompt/improve"]),
    prompts::improve,
    "A prompt with words for detail, as `enhancePrompt` adds them",
    &[(200, Content::Json("PromptGeneration"))],
);
const VARIATION_ERRORS: &[u16] = &[400, 404, 413, 415, 503];

/// The routes of this family.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        doc: Doc { fields: Some(fields::GENERATION), errors: &[400, 413, 415, 503], ..CREATE.doc },
        ..CREATE
    },
    route(
        (Method::Get, GENERATION),
        generations::get,
        "A generation, and its pictures once they are drawn; null where there is none of this id",
        &[(200, Content::Json("GenerationByPk"))],
    ),
    route(
        (Method::Delete, GENERATION),
        generations::delete,
        "Deletes a generation and its pictures; what is not drawn yet is not drawn",
        &[(200, Content::Json("DeletedGeneration"))],
    ),
    Route { doc: Doc { query: PAGE, errors: &[400, 503], ..LIST.doc }, ..LIST },
    Route {
        doc: Doc { fields: Some(uploads::INIT), errors: &[400, 413, 415, 503], ..ANNOUNCE.doc },
        ..ANNOUNCE
    },
    Route {
        doc: Doc { fields: Some(uploads::CANVAS), errors: &[400, 413, 415, 503], ..ANNOUNCE_CANVAS.doc },
        ..ANNOUNCE_CANVAS
    },
    Route {
        doc: Doc { fields: Some(variations::UPSCALE), errors: VARIATION_ERRORS, ..UPSCALE.doc },
        ..UPSCALE
    },
    Route {
        doc: Doc { fields: Some(universal::UNIVERSAL), errors: VARIATION_ERRORS, ..UNIVERSAL.doc },
        ..UNIVERSAL
    },
    Route { doc: Doc { fields: Some(variations::OTHERS), errors: VARIATION_ERRORS, ..UNZOOM.doc }, ..UNZOOM },
    Route { doc: Doc { fields: Some(variations::OTHERS), errors: VARIATION_ERRORS, ..NOBG.doc }, ..NOBG },
    route(
        (Method::Get, &["/api/rest/v1/variations/{id}", "/variations/{id}"]),
        variations::get,
        "A variation, with its address once it is made; an empty list where there is none of this id",
        &[(200, Content::Json("Variations"))],
    ),
    Route {
        access: Access::Open,
        doc: Doc {
            fields: Some(uploads::UPLOAD),
            errors: &[400, 403, 404, 409, 413, 415, 503],
            ..UPLOAD.doc
        },
        ..UPLOAD
    },
    route(
        (Method::Get, INPUT),
        uploads::get,
        "A picture that was announced, with its address once it has come; null where there is none of this id",
        &[(200, Content::Json("InitImageByPk"))],
    ),
    route(
        (Method::Delete, INPUT),
        uploads::delete,
        "Deletes a picture that was announced; what is not drawn yet and begins from it fails",
        &[(200, Content::Json("DeletedInitImage"))],
    ),
    route(
        (Method::Get, &["/api/rest/v1/elements", "/elements"]),
        elements::list,
        "The LoRAs that requests may name, with their ids",
        &[(200, Content::Json("Elements"))],
    ),
    Route { doc: Doc { fields: Some(prompts::IMPROVE), errors: &[400, 413, 415], ..IMPROVE.doc }, ..IMPROVE },
    route(
        (Method::Post, &["/api/rest/v1/prompt/random", "/prompt/random"]),
        prompts::random,
        "A prompt to begin from",
        &[(200, Content::Json("PromptGeneration"))],
    ),
    route(
        (Method::Post, &["/api/rest/v1/pricing-calculator", "/pricing-calculator"]),
        prompts::price,
        "What a request costs: nothing",
        &[(200, Content::Json("Price"))],
    ),
    route(
        (Method::Get, &["/api/rest/v1/me", "/me"]),
        account::me,
        "Who asks",
        &[(200, Content::Json("UserDetails"))],
    ),
    route(
        (Method::Get, &["/api/rest/v1/platformModels", "/platformModels"]),
        account::models,
        "The loaded models",
        &[(200, Content::Json("PlatformModels"))],
    ),
];
