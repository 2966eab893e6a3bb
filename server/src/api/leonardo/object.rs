//! A generation as answers show it. Official clients are strict: a wrong type, an unknown word or a null where they
//! forbid it costs them the whole answer. Members beyond theirs they ignore.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::elements;
use crate::api::picture::word;
use crate::app::App;
use crate::route::Call;
use crate::store::{Generation, Image, State};

/// How long a signed link is good; every answer signs new ones.
pub(super) const LINK_TIME: SignedDuration = SignedDuration::from_hours(24);

/// The documented object of a generation.
pub(super) fn object(app: &App, call: &Call, generation: Generation, images: &[Image]) -> Value {
    let public = generation.request["public"] == true;
    let avatar = generation.request["fantasyAvatar"].clone();
    let pictures = images.iter().map(|image| {
        let mut picture = picture(image, &url(app, call, image, public), &avatar);
        picture["generated_image_variation_generics"] = variations(app, call, image);
        picture
    });
    let pictures: Vec<Value> = pictures.collect();
    let mut object = generation.request;
    object["id"] = json!(generation.id);
    object["status"] = json!(status(generation.state));
    object["createdAt"] = json!(generation.created_at.to_string());
    object["generated_images"] = json!(pictures);
    object["generation_elements"] = elements::used(&generation.spec["loras"]);
    if let Some(failure) = generation.failure {
        object["error"] = json!(failure);
    }
    if let Some(steps) = generation.inference_steps {
        object["inferenceSteps"] = json!(steps);
    }
    object
}

/// The variations of a picture. Where they cannot be read now, none are shown: the picture is.
fn variations(app: &App, call: &Call, image: &Image) -> Value {
    let found = app.store.variations(&image.id).unwrap_or_else(|problem| {
        tracing::warn!(problem.message, "the variations of a picture cannot be read");
        vec![]
    });
    found.iter().map(|found| variation(app, call, found)).collect()
}

/// A variation, as it is shown with its picture and alone. Its address is known once it is made.
pub(super) fn variation(app: &App, call: &Call, (generation, images): &(Generation, Vec<Image>)) -> Value {
    let public = generation.request["public"] == true;
    json!({
        "id": generation.id,
        "url": images.first().map(|image| url(app, call, image, public)),
        "status": status(generation.state),
        "transformType": generation.request["transformType"],
        "createdAt": generation.created_at.to_string(),
    })
}

fn status(state: State) -> &'static str {
    match state {
        State::Pending => "PENDING",
        State::Complete => "COMPLETE",
        State::Failed => "FAILED",
    }
}

fn picture(image: &Image, url: &str, avatar: &Value) -> Value {
    json!({
        "id": image.id,
        "url": url,
        "nsfw": false,
        "likeCount": 0,
        "fantasyAvatar": avatar,
        "generated_image_variation_generics": [],
        "imageToVideo": null,
        "motion": null,
        "motionModel": null,
        "motionMP4URL": null,
        "motionStrength": null,
    })
}

/// The picture's address. Those of a public generation were kept as public; one that was unpublished since has a signed
/// link, as all others.
fn url(app: &App, call: &Call, image: &Image, public: bool) -> String {
    let name = format!("{}.{}", image.id, word(image.format));
    if public && image.public {
        return format!("{}/public/{name}", call.base);
    }
    app.links.sign(&call.base, &name, crate::clock::now() + LINK_TIME)
}
