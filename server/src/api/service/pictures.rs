//! Links to pictures, which need no key: signed ones for a time, public ones as long as an image is published.

use std::sync::Arc;

use crate::api::picture::word;
use crate::app::App;
use crate::http::Answer;
use crate::problem::Problem;
use crate::route::Call;
use crate::store::Image;

/// `GET /files/{name}`
pub(super) fn signed(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let now = crate::clock::now();
    app.links.check(&call.params[0], &call.request, now)?;
    let image = named(app, call)?.filter(|image| image.expires_at.is_none_or(|end| end > now));
    let image = image.ok_or_else(|| Problem::not_found("this picture is not kept any more"))?;
    Ok(answer(app, &image)?.header("Cache-Control", "private, max-age=3600"))
}

/// `GET /public/{name}`
pub(super) fn public(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let image = named(app, call)?.filter(|image| image.public);
    let image = image.ok_or_else(|| Problem::not_found("there is no published picture of this name"))?;
    // An image may be unpublished, and must be gone then.
    Ok(answer(app, &image)?.header("Cache-Control", "public, no-cache"))
}

/// The image whose id and format make this name. The name is compared, never opened.
fn named(app: &App, call: &Call) -> Result<Option<Image>, Problem> {
    let Some((id, extension)) = call.params[0].rsplit_once('.') else { return Ok(None) };
    Ok(app.store.image(id)?.filter(|image| word(image.format) == extension))
}

fn answer(app: &App, image: &Image) -> Result<Answer, Problem> {
    let answer = Answer::bytes(200, image.format.media_type(), app.store.bytes(image)?);
    Ok(answer.header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"))
}
