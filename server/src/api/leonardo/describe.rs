//! What `openapi.json` says of this family: the shapes of its answers, and what its hints mean here.

use serde_json::{Map, Value, json};

use super::uploads::MASK;
use super::{enhance, styles, words};

/// What no single field can say.
pub(crate) fn notes() -> String {
    format!(
        "Pictures that are requested now and fetched later.\n\n\
         `presetStyle` adds words to the prompt; without alchemy the usual style is NONE:\n\n{}\n\n\
         `enhancePrompt` adds `enhancePromptInstruction` after the prompt, and \"{}\" at the end.\n\n\
         `contrast` c multiplies the picture's contrast by 1 + (c - 3.5) * 0.2, `contrastRatio` r by 1 + (r - 0.5) * 0.5.",
        styles::table(),
        enhance::DETAIL
    )
}

/// The shapes of the answers. Members beyond those named here may come with them.
pub(crate) fn schemas() -> Value {
    let id = json!({"type": "string", "format": "uuid"});
    let deleted = json!({"type": ["object", "null"], "required": ["id"], "properties": {"id": id}});
    let own = json!({"$ref": "#/components/schemas/Generation"});
    let cost = json!({
        "type": "object",
        "required": ["amount", "unit"],
        "properties": {"amount": {"type": "string"}, "unit": {"type": "string", "enum": ["CREDITS", "DOLLARS"]}},
    });
    let own_variation = json!({"$ref": "#/components/schemas/Variation"});
    let variation_job = json!({
        "type": "object",
        "required": ["id", "apiCreditCost", "cost"],
        "properties": {"id": id, "apiCreditCost": {"type": "integer"}, "cost": cost},
    });
    let job = json!({
        "type": "object",
        "required": ["generationId", "apiCreditCost", "cost"],
        "properties": {
            "generationId": id, "apiCreditCost": {"type": "integer"}, "cost": cost, "warnings": {"$ref": "#/components/schemas/Warnings"},
        },
    });
    let free = json!({"type": "integer", "const": 0});
    json!({
        "Elements": with("loras", &json!({"type": "array", "items": element(&id)})),
        "PromptGeneration": with("promptGeneration", &json!({
            "type": "object",
            "required": ["apiCreditCost", "prompt"],
            "properties": {"apiCreditCost": free, "cost": cost, "prompt": {"type": "string"}},
        })),
        "Price": with("calculateProductionApiServiceCost", &json!({
            "type": "object", "required": ["cost"], "properties": {"cost": free},
        })),
        "GenerationJob": with("sdGenerationJob", &job),
        "GenerationByPk": with("generations_by_pk", &json!({"anyOf": [own, {"type": "null"}]})),
        "Generations": with("generations", &json!({"type": "array", "items": own})),
        "DeletedGeneration": with("delete_generations_by_pk", &deleted),
        "Generation": generation(&id),
        "GeneratedImage": image(&id),
        "GenerationElement": used(&id),
        "InitImageByPk": with("init_images_by_pk", &json!({"anyOf": [input(&id), {"type": "null"}]})),
        "DeletedInitImage": with("delete_init_images_by_pk", &deleted),
        "UploadInitImage": with("uploadInitImage", &forms(&["id", "url", "key", "fields"])),
        "UploadCanvasInitImage": with("uploadCanvasInitImage", &canvas_forms()),
        "UpscaleJob": with("sdUpscaleJob", &variation_job),
        "UniversalUpscalerJob": with("universalUpscaler", &variation_job),
        "UnzoomJob": with("sdUnzoomJob", &variation_job),
        "NobgJob": with("sdNobgJob", &variation_job),
        "Variations": with("generated_image_variation_generic", &json!({"type": "array", "items": own_variation, "maxItems": 1})),
        "Variation": variation(&id),
        "UserDetails": with("user_details", &json!({"type": "array", "minItems": 1, "items": user(&id)})),
        "PlatformModels": with("custom_models", &json!({"type": "array", "items": model(&id)})),
    })
}

/// The forms of a canvas' picture and of its mask.
fn canvas_forms() -> Value {
    let pictures = ["init"].into_iter().chain(MASK);
    let members =
        pictures.flat_map(|name| ["ImageId", "Url", "Key", "Fields"].map(|of| format!("{name}{of}")));
    forms(&members.collect::<Vec<_>>())
}

/// An object with this one member.
fn with(name: &str, member: &Value) -> Value {
    json!({"type": "object", "required": [name], "properties": {name: member}})
}

fn element(id: &Value) -> Value {
    let mut element = lora(id);
    element["required"] = json!(["akUUID", "userLoraId", "name"]);
    element["properties"]["userLoraId"] = json!({"type": "integer", "minimum": 0});
    element["properties"]["creatorName"] = json!({"type": ["string", "null"]});
    element
}

/// An element that a generation was drawn with.
fn used(id: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["id", "weightApplied", "lora"],
        "properties": {
            "id": {"type": "integer", "minimum": 0},
            "weightApplied": {"type": "number"},
            "lora": lora(id),
        },
    })
}

fn lora(id: &Value) -> Value {
    let weight = json!({"type": "integer"});
    json!({
        "type": "object",
        "required": ["akUUID", "name"],
        "properties": {
            "akUUID": id,
            "name": {"type": "string"},
            "description": {"type": "string"},
            "baseModel": {"type": "string", "enum": words::VERSIONS},
            "urlImage": {"type": ["string", "null"]},
            "weightDefault": weight,
            "weightMin": weight,
            "weightMax": weight,
        },
    })
}

fn generation(id: &Value) -> Value {
    let nullable = |kind: &str| json!({"type": [kind, "null"]});
    let side = json!({"type": "integer", "minimum": 32, "maximum": 1536, "multipleOf": 8});
    json!({
        "type": "object",
        "required": [
            "id", "status", "createdAt", "generated_images", "generation_elements", "prompt", "public", "imageWidth",
            "imageHeight", "scheduler", "sdVersion",
        ],
        "properties": {
            "id": id,
            "status": {"type": "string", "enum": words::STATUSES},
            "createdAt": {"type": "string", "format": "date-time"},
            "error": {"type": "string", "description": "Why there are no pictures, where the status is FAILED."},
            "generated_images": {"type": "array", "items": {"$ref": "#/components/schemas/GeneratedImage"}},
            "generation_elements": {"type": "array", "items": {"$ref": "#/components/schemas/GenerationElement"}},
            "warnings": {"$ref": "#/components/schemas/Warnings"},
            "prompt": {"type": "string"},
            "public": {"type": "boolean"},
            "imageWidth": side,
            "imageHeight": side,
            "negativePrompt": nullable("string"),
            "guidanceScale": nullable("number"),
            "inferenceSteps": nullable("integer"),
            "initStrength": nullable("number"),
            "modelId": nullable("string"),
            "seed": {"type": ["integer", "null"], "minimum": 0},
            "scheduler": {"type": "string", "enum": words::SCHEDULERS},
            "sampler": {"type": ["string", "null"], "description": "What really ran."},
            "sdVersion": {"type": "string", "enum": words::VERSIONS},
            "presetStyle": {"type": ["string", "null"], "enum": words::STYLES},
            "photoReal": nullable("boolean"),
            "photoRealStrength": nullable("number"),
            "promptMagic": nullable("boolean"),
            "promptMagicStrength": nullable("number"),
            "promptMagicVersion": nullable("string"),
            "ultra": nullable("boolean"),
        },
    })
}

fn image(id: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["id", "url", "nsfw", "likeCount", "generated_image_variation_generics"],
        "properties": {
            "id": id,
            "url": {
                "type": "string",
                "format": "uri",
                "description": "Needs no key: public, or signed for a day; every answer signs a new one.",
            },
            "nsfw": {"type": "boolean"},
            "likeCount": {"type": "integer", "minimum": 0},
            "generated_image_variation_generics": {"type": "array", "items": {"$ref": "#/components/schemas/Variation"}},
            "fantasyAvatar": {"type": ["boolean", "null"]},
        },
    })
}

/// Where and how pictures are to be sent: ids, addresses, keys, and the fields as JSON in a text.
fn forms<S: AsRef<str> + serde::Serialize>(names: &[S]) -> Value {
    let members: Map<String, Value> =
        names.iter().map(|name| (name.as_ref().to_owned(), json!({"type": "string"}))).collect();
    json!({"type": "object", "required": names, "properties": members})
}

fn variation(id: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["id", "url", "status", "transformType", "createdAt"],
        "properties": {
            "id": id,
            "url": {"type": ["string", "null"], "description": "As a picture's; null until it is made."},
            "status": {"type": "string", "enum": words::STATUSES},
            "transformType": {"type": "string", "enum": words::TRANSFORMS},
            "createdAt": {"type": "string", "format": "date-time"},
        },
    })
}

fn input(id: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["id", "createdAt"],
        "properties": {
            "id": id,
            "url": {"type": "string", "format": "uri", "description": "Signed for a day; there once the picture has come."},
            "createdAt": {"type": "string", "format": "date-time"},
        },
    })
}

fn user(id: &Value) -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    json!({
        "type": "object",
        "required": ["user"],
        "properties": {
            "user": {
                "type": "object",
                "required": ["id", "username"],
                "properties": {"id": id, "username": {"type": "string"}},
            },
            "tokenRenewalDate": {"type": "null"},
            "paidTokens": count,
            "subscriptionTokens": count,
            "subscriptionGptTokens": count,
            "subscriptionModelTokens": count,
            "apiConcurrencySlots": count,
            "apiPaidTokens": {"type": "null"},
            "apiSubscriptionTokens": count,
            "apiPlanTokenRenewalDate": {"type": "null"},
        },
    })
}

fn model(id: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["id", "name", "description", "featured", "nsfw", "generated_image"],
        "properties": {
            "id": id,
            "name": {"type": "string"},
            "description": {"type": "string"},
            "featured": {"type": "boolean"},
            "nsfw": {"type": "boolean"},
            "generated_image": {"type": "null"},
        },
    })
}
