//! The shapes of what is answered when all is well.

use serde_json::{Map, Value, json};

use super::errors;
use super::json_schema::{exactly, exactly_warned, list, reference};
use crate::api::leonardo;

/// Every named schema of an answer.
pub(super) fn answers() -> Value {
    let mut all = Map::new();
    for part in
        [images(), openai(), hub(), server(), leonardo::schemas(), errors::schemas(), events_of_images()]
    {
        let Value::Object(part) = part else { continue };
        all.extend(part);
    }
    Value::Object(all)
}

fn images() -> Value {
    let link = json!({"type": ["string", "null"], "format": "uri"});
    json!({
        "Image": exactly(&json!({
            "id": {"type": "string", "pattern": "^image_[a-z0-9]{24}$"},
            "name": {"type": "string"},
            "url": {"type": ["string", "null"], "format": "uri", "description": "Null until the image is published."},
            "width": {"type": "integer", "minimum": 1},
            "height": {"type": "integer", "minimum": 1},
            "format": {"type": "string", "enum": ["jpeg", "png", "webp"]},
            "size": {"type": "integer", "minimum": 1, "description": "Bytes of the file."},
            "created_at": {"type": "string", "format": "date-time"},
        })),
        "ImagePage": exactly(&json!({
            "data": list(&reference("Image")),
            "links": exactly(&json!({"previous": link, "next": link})),
        })),
    })
}

/// Of OpenAI's clients.
fn openai() -> Value {
    let quality = json!({"type": "string", "description": "The word that was requested."});
    let format = json!({"type": "string", "enum": ["png", "jpeg", "webp"]});
    let time = json!({"type": "integer", "description": "Unix seconds."});
    let one = |name: &str, schema: Value| exactly(&json!({name: schema}));
    let link = one("url", json!({"type": "string", "format": "uri", "description": "Valid for one hour."}));
    let file = one("b64_json", json!({"type": "string", "contentEncoding": "base64"}));
    json!({
        "ImageGeneration": exactly_warned(&json!({
            "created": time,
            "data": {"type": "array", "minItems": 1, "maxItems": 10, "items": {"oneOf": [link, file]}},
            "output_format": format,
            "size": {"type": "string", "pattern": "^[0-9]+x[0-9]+$"},
            "quality": quality,
        })),
        "ImageEdit": reference("ImageGeneration"),
        "Model": exactly(&json!({
            "id": {"type": "string"},
            "object": {"const": "model"},
            "created": time,
            "owned_by": {"type": "string"},
            "fulmen": {
                "type": "object",
                "description": "What this model is made for, and where it runs; in `limits` the longest `side` and the most \
                                `pixels` of a request, and the largest `upscale` and `hires`; in `upscaler` the network that \
                                enlarges pictures, or null where they are resampled.",
            },
        })),
        "ModelList": exactly(&json!({"object": {"const": "list"}, "data": list(&reference("Model"))})),
    })
}

/// Of the hub's routes.
fn hub() -> Value {
    json!({
        "HubImages": exactly_warned(&json!({
            "images": list(&exactly(&json!({
                "type": {"const": "url"},
                "url": {"type": "string", "format": "uri", "description": "Valid for one hour."},
                "mimeType": {"type": "string"},
            }))),
            "model": {"type": "string"},
            "usage": exactly(&json!({"inputTokens": {"type": "integer"}, "outputTokens": {"type": "integer"}})),
        })),
        "HubModels": list(&exactly(&json!({
            "model": {"type": "string"},
            "type": {"const": "image"},
            "provider": {"type": "string"},
            "providerDisplayName": {"type": "string"},
            "input_credits_per_token": {"type": "string"},
            "output_credits_per_token": {"type": "string"},
            "status": exactly(&json!({"available": {"type": "boolean"}})),
        }))),
        "HubMounts": exactly(&json!({
            "componentMountPoints": list(&exactly(&json!({
                "did": {"type": "string"},
                "mountPoint": {"type": "string"},
            }))),
        })),
    })
}

fn server() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let status = |word: &str| json!({"const": word});
    let waiting =
        json!({"id": {"type": "string"}, "status": status("queued"), "ahead": count, "images": count});
    let stage = json!({
        "type": ["string", "null"],
        "description": "What is done: `load`, `text`, `encode`, `denoise`, `decode` or `upscale`.",
    });
    let mut running = exactly(&json!({
        "id": {"type": "string"}, "status": status("running"),
        "image": count, "images": count, "step": count, "steps": count, "stage": stage,
    }));
    // Only while a picture is enlarged by a network.
    running["properties"]["tile"] = count.clone();
    running["properties"]["tiles"] = count.clone();
    json!({
        "HealthOfModels": exactly(&json!({
            "status": {"const": "ok"}, "models": list(&json!({"type": "string"})),
        })),
        "Health": exactly(&json!({"status": {"const": "ok"}})),
        "Job": {"oneOf": [exactly(&waiting), running]},
        "JobList": exactly(&json!({"data": list(&reference("Job"))})),
        "Any": {"type": "object"},
        "Warnings": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Warnings, each in a sentence; absent if there are none.",
        },
    })
}

/// One event of a route that answers this schema: its name, and what its data is.
pub(super) fn event(answer: &str) -> Value {
    let names: &[(&str, &str)] = match answer {
        "Image" => &[
            ("warning", "WarningEvent"),
            ("queued", "QueuedEvent"),
            ("stage", "StageEvent"),
            ("step", "StepEvent"),
            ("tile", "TileEvent"),
            ("preview", "PreviewEvent"),
            ("image", "ImageEvent"),
            ("error", "ImagesErrorEvent"),
        ],
        "ImageEdit" => &[
            ("image_edit.partial_image", "PartialEditEvent"),
            ("image_edit.completed", "CompletedEditEvent"),
            ("error", "Error"),
        ],
        _ => &[
            ("image_generation.partial_image", "PartialImageEvent"),
            ("image_generation.completed", "CompletedEvent"),
            ("error", "Error"),
        ],
    };
    let one = |(event, schema): &(&str, &str)| {
        let data = json!({
            "type": "string", "contentMediaType": "application/json", "contentSchema": reference(schema),
        });
        exactly(&json!({"event": {"const": event}, "data": data}))
    };
    json!({"oneOf": names.iter().map(one).collect::<Vec<_>>()})
}

fn events_of_images() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let file = json!({"type": "string", "contentEncoding": "base64"});
    let generated = |kind: &str, more: &[(&str, Value)]| {
        let mut members = json!({
            "type": {"const": kind}, "b64_json": file, "created_at": count, "size": {"type": "string"},
            "quality": {"type": "string"}, "background": {"type": "string"}, "output_format": {"type": "string"},
        });
        for (name, schema) in more {
            members[name] = schema.clone();
        }
        if kind.ends_with("completed") { exactly_warned(&members) } else { exactly(&members) }
    };
    let details = exactly(&json!({"text_tokens": count, "image_tokens": count}));
    let usage = exactly(&json!({
        "input_tokens": count, "output_tokens": count, "total_tokens": count, "input_tokens_details": details,
    }));
    json!({
        "WarningEvent": exactly(&json!({
            "message": {"type": "string"},
            "member": {"type": ["string", "null"], "description": "The member of the request that it is about."},
        })),
        "QueuedEvent": exactly(&json!({"position": count})),
        "StageEvent": exactly(&json!({"stage": {"type": "string"}})),
        "StepEvent": exactly(&json!({"step": count, "steps": count})),
        "TileEvent": exactly(&json!({"tile": count, "tiles": count})),
        "PreviewEvent": exactly(&json!({"index": count, "b64_json": file})),
        "ImageEvent": exactly(&json!({"image": reference("Image"), "seed": count, "steps": count})),
        "ImagesErrorEvent": exactly(&json!({"error": reference("ImagesError")})),
        "PartialImageEvent": generated("image_generation.partial_image", &[("partial_image_index", count.clone())]),
        "CompletedEvent": generated("image_generation.completed", &[("usage", usage.clone())]),
        "PartialEditEvent": generated("image_edit.partial_image", &[("partial_image_index", count.clone())]),
        "CompletedEditEvent": generated("image_edit.completed", &[("usage", usage)]),
    })
}
