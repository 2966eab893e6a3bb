//! Input pictures: announced with a key, sent without one to the address that the answer names, looked at, deleted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::object::LINK_TIME;
use crate::api::inputs::{Input, kept};
use crate::api::picture::word;
use crate::app::App;
use crate::fields::{Field, FieldType, Form, Values};
use crate::http::Answer;
use crate::problem::Problem;
use crate::route::Call;
use crate::store::{ANNOUNCED, COMING, Input as Kept, InputKind, Upload, new_uuid};

/// Kinds of files, as they are announced. What comes is known by its content.
const EXTENSIONS: FieldType = FieldType::Word(&["png", "jpg", "jpeg", "webp"]);

/// Of an id, a time, a signature.
const SHORT: FieldType = FieldType::Text { least: 0, most: 200 };

/// What the members begin with that announce a mask: as the service's own clients read them, and as its recipe of
/// inpainting does.
pub(super) const MASK: [&str; 2] = ["mask", "masks"];

/// The members of `POST /init-image`.
pub(super) const INIT: &[Field] =
    &[Field::new("extension", EXTENSIONS, "The kind of file that will come.").required()];

/// The members of `POST /canvas-init-image`.
pub(super) const CANVAS: &[Field] = &[
    Field::new("initExtension", EXTENSIONS, "The kind of file of the picture.").required(),
    Field::new("maskExtension", EXTENSIONS, "The kind of file of the mask.").required(),
];

/// The fields of the form that a picture comes in.
pub(super) const UPLOAD: &[Field] = &[
    Field::new("key", SHORT, "Which picture it is, as the answer to its announcement said.").required(),
    Field::new("expires", SHORT, "Until when it may come, as that answer said.").required(),
    Field::new("signature", SHORT, "The signature of both, as that answer said.").required(),
    Field::new("file", FieldType::File, "The picture."),
];

/// `POST /init-image`
pub(super) fn announce(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let values = Values::of(&call.request, INIT)?;
    let upload = expected(call, InputKind::Init);
    keep(app, std::slice::from_ref(&upload))?;
    let (key, fields) = fields(app, &upload, values.text("extension"));
    let form = json!({"id": upload.id, "url": address(call), "key": key, "fields": fields});
    Ok(Answer::json(200, &json!({"uploadInitImage": form})).warned(values.warnings(&[""])))
}

/// `POST /canvas-init-image`
pub(super) fn announce_canvas(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let values = Values::of(&call.request, CANVAS)?;
    let uploads = [InputKind::Canvas, InputKind::Mask].map(|kind| expected(call, kind));
    keep(app, &uploads)?;
    let [init, mask] = &uploads;
    let (init_key, init_fields) = fields(app, init, values.text("initExtension"));
    let (mask_key, mask_fields) = fields(app, mask, values.text("maskExtension"));
    let mut forms = json!({
        "initImageId": init.id,
        "initUrl": address(call),
        "initKey": init_key,
        "initFields": init_fields,
    });
    for name in MASK {
        forms[format!("{name}ImageId")] = json!(mask.id);
        forms[format!("{name}Url")] = json!(address(call));
        forms[format!("{name}Key")] = json!(mask_key);
        forms[format!("{name}Fields")] = json!(mask_fields);
    }
    Ok(Answer::json(200, &json!({"uploadCanvasInitImage": forms})).warned(values.warnings(&[""])))
}

fn expected(call: &Call, kind: InputKind) -> Upload {
    let created_at = crate::clock::now();
    Upload { id: new_uuid(), owner: call.owner.clone(), kind, created_at, expires_at: created_at + COMING }
}

fn keep(app: &App, uploads: &[Upload]) -> Result<(), Problem> {
    let _reservation = app.store.reserve(ANNOUNCED * uploads.len() as u64)?;
    app.store.announce(uploads)
}

/// Where pictures are sent.
fn address(call: &Call) -> String {
    format!("{}/uploads", call.base)
}

/// What the form has before its file: its key, and all of it as JSON in a text, as clients expect it.
fn fields(app: &App, upload: &Upload, extension: Option<&str>) -> (String, String) {
    let key = format!("uploads/{}.{}", upload.id, extension.unwrap_or_default());
    let (expires, signature) = app.links.sign_upload(&upload.id, upload.expires_at);
    let fields = json!({"key": key, "expires": expires, "signature": signature});
    (key, fields.to_string())
}

/// `POST /uploads`: a form with those fields, and the file. Whoever was given them may send it; nothing is read of the
/// file before they are checked.
pub(super) fn receive(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let body = call.request.body.bytes();
    let form = Form::of(&call.request, &body, UPLOAD)?;
    let [key, expires, signature] = ["key", "expires", "signature"].map(|name| form.values.text(name));
    let id = key.and_then(|key| key.strip_prefix("uploads/")?.split('.').next()).unwrap_or_default();
    app.links.check_upload(id, (expires, signature), crate::clock::now())?;
    let [(_, bytes)] = form.files[..] else {
        return Err(Problem::field("file", "`file`: one file must come with the fields"));
    };
    let Some(upload) = app.store.coming(id)? else { return again(app, id, bytes) };
    let input = Input::look(app, &call.request, ("file", bytes.into()))?;
    let image = input.new_image(upload.id, &upload.owner, upload.kind);
    let received = kept(app, (upload.kind, image), |image| app.store.receive(image))?;
    if received { Ok(Answer::empty(204)) } else { again(app, id, bytes) }
}

/// One that has come already may come again, if it is the same: a client may not have heard the answer.
fn again(app: &App, id: &str, bytes: &[u8]) -> Result<Answer, Problem> {
    let image = app.store.image(id)?;
    let image =
        image.ok_or_else(|| Problem::not_found("this picture is not expected any more; announce it anew"))?;
    // A few bytes must not have a large file read.
    if image.size == bytes.len() as u64 && app.store.bytes(&image)? == bytes {
        return Ok(Answer::empty(204));
    }
    let message = "another picture has come under this id already; announce this one, and use its id";
    Err(Problem::new(409, "already_uploaded", message))
}

/// `GET /init-image/{id}`. Those of others are not told from those that are not there: both are null.
pub(super) fn get(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let found = app.store.input(&call.owner, &call.params[0])?.map(|kept| object(app, call, &kept));
    Ok(Answer::json(200, &json!({"init_images_by_pk": found})))
}

/// `DELETE /init-image/{id}`
pub(super) fn delete(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let id = &call.params[0];
    let deleted = app.store.delete_input(&call.owner, id)?.then(|| json!({"id": id}));
    Ok(Answer::json(200, &json!({"delete_init_images_by_pk": deleted})))
}

/// The documented object; one that has not come has no address yet.
fn object(app: &App, call: &Call, kept: &Kept) -> Value {
    match kept {
        Kept::Coming(upload) => json!({"id": upload.id, "createdAt": upload.created_at.to_string()}),
        Kept::Here(image) => {
            let name = format!("{}.{}", image.id, word(image.format));
            let url = app.links.sign(&call.base, &name, crate::clock::now() + LINK_TIME);
            json!({"id": image.id, "url": url, "createdAt": image.created_at.to_string()})
        }
    }
}
