//! `stream: true`: previews and pictures as server-sent events, in OpenAI's names.

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::begin::Begun;
use super::request::Generation;
use crate::api::picture::{file, word};
use crate::http::Client;
use crate::http::{Answer, Events};
use crate::jobs::Progress;
use crate::problem::Family;
use crate::warning::sentences;

/// Tells everything about a job as it happens.
pub(super) fn stream(begun: Begun, client: Client, asked: Generation) -> Answer {
    Answer::events(move |events| {
        let job = begun.job();
        let completed = format!("{}.completed", asked.kind.word());
        let drawn = job.watch(&client, &mut |progress| tell(events, &asked, &progress));
        // Each picture gives way to its file, before anybody can be slow to take it.
        let files = drawn.and_then(|drawings| {
            let files = drawings.into_iter().map(|drawing| file(&drawing, asked.output));
            files.collect::<Result<Vec<_>, _>>()
        });
        job.settle();
        match files {
            Ok(files) => files.iter().try_for_each(|bytes| {
                let mut event = event(&completed, &asked, bytes);
                // Nothing is counted or billed here; clients want the member whole.
                let details = json!({"text_tokens": 0, "image_tokens": 0});
                event["usage"] = json!({
                    "input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "input_tokens_details": details
                });
                // Clients read every event's picture: an event of another kind would be a surprise to them.
                if !asked.warnings.is_empty() {
                    event["warnings"] = json!(sentences(&asked.warnings));
                }
                events.send(&completed, &event)
            }),
            Err(problem) => events.send("error", &Family::OpenAi.body(&problem)),
        }
    })
}

fn tell(events: &mut Events<'_>, asked: &Generation, progress: &Progress) -> io::Result<()> {
    match progress {
        Progress::Preview { index, picture, .. } => {
            let bytes = picture
                .encode_at(asked.output.quality, asked.output.format, None)
                .map_err(io::Error::other)?;
            let kind = format!("{}.partial_image", asked.kind.word());
            let mut event = event(&kind, asked, &bytes);
            event["partial_image_index"] = json!(index);
            // A preview is smaller than the picture where that is large.
            event["size"] = json!(format!("{}x{}", picture.width, picture.height));
            events.send(&kind, &event)
        }
        Progress::Beat => events.beat(),
        Progress::Queued(_) | Progress::Stage(_) | Progress::Step { .. } | Progress::Tile { .. } => Ok(()),
    }
}

fn event(kind: &str, asked: &Generation, bytes: &[u8]) -> Value {
    json!({
        "type": kind,
        "b64_json": BASE64_STANDARD.encode(bytes),
        "created_at": crate::clock::now().as_second(),
        "size": asked.size(),
        "quality": asked.quality,
        "background": if asked.spec.transparent { "transparent" } else { "opaque" },
        "output_format": word(asked.output.format),
    })
}
