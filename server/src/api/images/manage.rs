//! Everything that can be done with an image that is there.

use std::sync::Arc;

use serde_json::json;

use super::object::ImageObject;
use crate::api::picture::{whole, word};
use crate::app::App;
use crate::http::Answer;
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::{Image, ImageKind};

/// `GET /v1/images`
pub(super) fn list(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let take = call.request.query_number("take", 10, 1, 100)?;
    let from = call.request.query("from").filter(|from| !from.is_empty());
    let (images, neighbours) = app.store.named(&call.owner, from, take as usize)?;
    let data: Vec<ImageObject> = images.iter().map(|image| ImageObject::new(image, call)).collect();
    let link = |id: Option<String>| id.map(|id| format!("{}/v1/images?take={take}&from={id}", call.base));
    let links = json!({"previous": link(neighbours.previous), "next": link(neighbours.next)});
    Ok(Answer::json(200, &json!({"data": data, "links": links})))
}

/// `GET /v1/images/{id}`
pub(super) fn get(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    Ok(Answer::json(200, &ImageObject::new(&own(app, call)?, call)))
}

/// `GET /v1/images/{id}/download`
pub(super) fn download(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let image = own(app, call)?;
    let name = format!("attachment; filename=\"{}.{}\"", image.id, word(image.format));
    let headers = vec![
        ("Content-Disposition", name),
        // It may be deleted, and is another's for another key: asked for each time.
        ("Cache-Control", "private, no-cache".into()),
    ];
    Ok(whole((app, &call.request), &image, headers, Ok)?.answer(&call.request, Family::Images))
}

/// `POST /v1/images/{id}/publish`
pub(super) fn publish(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    set_public(app, call, true)
}

/// `POST /v1/images/{id}/unpublish`
pub(super) fn unpublish(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    set_public(app, call, false)
}

/// `DELETE /v1/images/{id}`
pub(super) fn delete(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let image = own(app, call)?;
    app.store.delete(&call.owner, &image.id)?;
    Ok(Answer::empty(204))
}

fn set_public(app: &App, call: &Call, public: bool) -> Result<Answer, Problem> {
    let image = own(app, call)?;
    let image = app.store.publish(&call.owner, &image.id, public)?;
    Ok(Answer::json(201, &ImageObject::new(&image, call)))
}

/// The image that the path names. Those of others are not told from those that are not there.
fn own(app: &App, call: &Call) -> Result<Image, Problem> {
    let image = app.store.owned(&call.owner, &call.params[0])?;
    // What a link or a generation keeps is no part of this family.
    Some(image)
        .filter(|image| matches!(image.kind, ImageKind::Named))
        .ok_or_else(|| Problem::not_found("there is no image with this id"))
}
