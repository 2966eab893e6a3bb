//! Links to pictures, which need no key: signed ones for a time, public ones as long as an image is published.

use std::sync::Arc;

use fulmen_engine::picture::without_text;
use jiff::Timestamp;

use crate::api::picture::{whole, word};
use crate::app::App;
use crate::http::Answer;
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::Image;

/// `GET /files/{name}`
pub(super) fn signed(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let now = crate::clock::now();
    app.links.check(&call.params[0], &call.request, now)?;
    let image = named(app, call)?.filter(|image| image.expires_at.is_none_or(|end| end > now));
    let image = image.ok_or_else(|| Problem::not_found("this picture is no longer kept"))?;
    // What a link shows never changes, so that nobody need ask again until it ends.
    let ends = image.expires_at.map(Timestamp::as_second).into_iter().chain(signed_until(call));
    let left = ends.min().unwrap_or(0).saturating_sub(now.as_second());
    answer((app, call), &image, format!("private, max-age={left}, immutable"), Ok)
}

/// `GET /public/{name}`: the pixels, without the request.
pub(super) fn public(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let image = named(app, call)?.filter(|image| image.public);
    let image = image.ok_or_else(|| Problem::not_found("there is no published picture with this name"))?;
    // An image may be unpublished, and must be gone then: kept, but asked for each time.
    let pixels = |bytes| {
        without_text(bytes, image.format).ok_or_else(|| {
            tracing::error!(
                image = image.id,
                "its file is not in its format, so the text in it cannot be removed"
            );
            Problem::internal()
        })
    };
    answer((app, call), &image, "public, no-cache".into(), pixels)
}

/// The image whose id and format make this name. The name is compared, never opened.
fn named(app: &App, call: &Call) -> Result<Option<Image>, Problem> {
    let Some((id, extension)) = call.params[0].rsplit_once('.') else { return Ok(None) };
    Ok(app.store.image(id)?.filter(|image| word(image.format) == extension))
}

/// When the link ends, which was checked, in Unix seconds.
fn signed_until(call: &Call) -> Option<i64> {
    call.request.query("expires")?.parse().ok()
}

fn answer(
    (app, call): (&App, &Call),
    image: &Image,
    cache: String,
    edit: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, Problem>,
) -> Result<Answer, Problem> {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned();
    let headers = vec![("Cache-Control", cache), ("Content-Security-Policy", policy)];
    Ok(whole((app, &call.request), image, headers, edit)?.answer(&call.request, Family::OpenAi))
}
