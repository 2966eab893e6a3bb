//! The documented Image object: exactly these members.

use jiff::Timestamp;
use serde::Serialize;

use crate::api::picture::word;
use crate::route::Call;
use crate::store::Image;

/// The documented Image object.
#[derive(Debug, Serialize)]
pub(super) struct ImageObject {
    id: String,
    name: String,
    /// Null until the image is published.
    url: Option<String>,
    width: usize,
    height: usize,
    format: &'static str,
    /// Bytes of the file.
    size: u64,
    created_at: String,
}

impl ImageObject {
    pub(super) fn new(image: &Image, call: &Call) -> Self {
        let format = word(image.format);
        Self {
            id: image.id.clone(),
            name: image.name.clone(),
            url: image.public.then(|| format!("{}/public/{}.{format}", call.base, image.id)),
            width: image.width,
            height: image.height,
            format,
            size: image.size,
            created_at: iso(image.created_at),
        }
    }
}

/// `2024-08-07T12:40:55.712Z`
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
