//! The server's state, its jobs, the links to pictures, and the page.

mod health;
mod jobs;
mod openapi;
mod pictures;

use std::sync::Arc;

use crate::app::App;
use crate::http::{Answer, Method};
use crate::page;
use crate::problem::{Family, Problem};
use crate::route::{Access, Call, Content, Doc, PICTURE, Parameter, Route};

const LINK: &[Parameter] = &[
    Parameter { name: "expires", range: None, required: true, about: "When the link ends, in Unix seconds." },
    Parameter { name: "signature", range: None, required: true, about: "Made by this server for this link." },
];

/// The routes of the server itself.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: Method::Get,
        paths: &["/healthz"],
        family: Family::OpenAi,
        access: Access::Open,
        handler: health::healthz,
        doc: Doc {
            summary: "Whether the process answers, and the models that it was started with",
            fields: None,
            query: &[],
            answers: &[(200, Content::Json("HealthOfModels"))],
            errors: &[],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/readyz"],
        family: Family::OpenAi,
        access: Access::Open,
        handler: health::readyz,
        doc: Doc {
            summary: "Whether it can draw and keep pictures",
            fields: None,
            query: &[],
            answers: &[(200, Content::Json("Health"))],
            errors: &[503],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/metrics"],
        family: Family::OpenAi,
        access: Access::Metrics,
        handler: health::metrics,
        doc: Doc {
            summary: "Counters and times, in Prometheus' text form or as OpenMetrics",
            fields: None,
            query: &[],
            answers: &[
                (200, Content::Text("text/plain")),
                (200, Content::Text("application/openmetrics-text")),
            ],
            errors: &[],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/openapi.json"],
        family: Family::OpenAi,
        access: Access::Open,
        handler: openapi::openapi,
        doc: Doc {
            summary: "This description",
            fields: None,
            query: &[],
            answers: &[(200, Content::Json("Any"))],
            errors: &[],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/v1/jobs"],
        family: Family::OpenAi,
        access: Access::Key,
        handler: jobs::list,
        doc: Doc {
            summary: "The caller's jobs, waiting or being drawn",
            fields: None,
            query: &[],
            answers: &[(200, Content::Json("JobList"))],
            errors: &[],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/v1/jobs/{id}"],
        family: Family::OpenAi,
        access: Access::Key,
        handler: jobs::get,
        doc: Doc {
            summary: "The progress of a job",
            fields: None,
            query: &[],
            answers: &[(200, Content::Json("Job"))],
            errors: &[404],
        },
    },
    Route {
        method: Method::Delete,
        paths: &["/v1/jobs/{id}"],
        family: Family::OpenAi,
        access: Access::Key,
        handler: jobs::cancel,
        doc: Doc {
            summary: "Cancels a job",
            fields: None,
            query: &[],
            answers: &[(204, Content::Nothing)],
            errors: &[404],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/files/{name}"],
        family: Family::OpenAi,
        access: Access::Open,
        handler: pictures::signed,
        doc: Doc {
            summary: "A picture, for whoever has the link",
            fields: None,
            query: LINK,
            answers: PICTURE,
            errors: &[403, 404, 410, 412, 416, 503],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/public/{name}"],
        family: Family::OpenAi,
        access: Access::Open,
        handler: pictures::public,
        doc: Doc {
            summary: "A published picture",
            fields: None,
            query: &[],
            answers: PICTURE,
            errors: &[404, 412, 416, 503],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/"],
        family: Family::OpenAi,
        access: Access::Open,
        handler: page_file,
        doc: Doc {
            summary: "The page",
            fields: None,
            query: &[],
            answers: &[(200, Content::Text("text/html")), (304, Content::Nothing)],
            errors: &[],
        },
    },
    Route {
        method: Method::Get,
        paths: &["/page/{name}"],
        family: Family::OpenAi,
        access: Access::Open,
        handler: page_file,
        doc: Doc {
            summary: "What the page is made of",
            fields: None,
            query: &[],
            answers: &[
                (200, Content::Text("text/css")),
                (200, Content::Text("text/javascript")),
                (200, Content::Text("image/svg+xml")),
                (304, Content::Nothing),
            ],
            errors: &[404],
        },
    },
];

/// The embedded page and its parts.
fn page_file(_: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    page::answer(&call.request).ok_or_else(|| Problem::not_found("the page has no such part"))
}
