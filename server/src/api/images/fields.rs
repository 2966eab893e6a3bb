//! The members of `POST /v1/images/imagine`.

use crate::fields::{
    ANY_SEED, ETA, Field, FieldType, LARGEST_SEED, LONG_PROMPTS, LONGEST_PROMPT, LONGEST_SIDE, NAG_ALPHA,
    NAG_SCALE, NAG_TAU, PNG_TEXT, PREDICTION, PROMPT_SYNTAX, SAMPLER, SHORTEST_SIDE, SIGMAS, SPACING,
};

/// A side of an image: the documented API has one size, and draws it where none is asked for.
const SIDE: FieldType =
    FieldType::Integer { least: SHORTEST_SIDE as i64, most: LONGEST_SIDE as i64, multiple_of: 8 };

/// The first four are the documented ones; the others are ours.
pub(super) const IMAGINE: &[Field] = &[
    Field::new(
        "name",
        FieldType::Text { least: 1, most: 255 },
        "What the image is called in lists; need not be unique.",
    )
    .required(),
    Field::new("prompt", FieldType::Text { least: 1, most: LONGEST_PROMPT }, "What to draw.").required(),
    Field::new(
        "negative_prompt",
        FieldType::Text { least: 0, most: LONGEST_PROMPT },
        "What to keep out of the picture: by guidance if it is above 1, otherwise by steering attention \
         away from it.",
    ),
    Field::new(
        "seed",
        FieldType::Integer { least: ANY_SEED, most: LARGEST_SEED, multiple_of: 1 },
        "Seed of the noise: the same seed and prompt make the same image. A random one if absent or -1.",
    ),
    Field::new(
        "model",
        FieldType::Text { least: 0, most: 1000 },
        "The model that draws, by its id in `GET /v1/models`; the first if absent.",
    )
    .model(),
    Field::new("width", SIDE, "Width in pixels.").or("1024"),
    Field::new("height", SIDE, "Height in pixels.").or("1024"),
    Field::new(
        "steps",
        FieldType::Integer { least: 1, most: 100, multiple_of: 1 },
        "Steps of the sampler; the model's own number if absent.",
    ),
    Field::new(
        "guidance_scale",
        FieldType::Number { least: 0.0, most: 30.0 },
        "How closely to follow the prompt; up to 1 is no guidance. The model's own if absent.",
    ),
    NAG_SCALE,
    NAG_TAU,
    NAG_ALPHA,
    SAMPLER,
    SIGMAS,
    ETA,
    SPACING,
    PREDICTION,
    PROMPT_SYNTAX,
    LONG_PROMPTS,
    PNG_TEXT,
    Field::new(
        "previews",
        FieldType::Integer { least: 0, most: 8, multiple_of: 1 },
        "How many previews to send while it is drawn, where the answer is events.",
    )
    .or("0"),
];

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::IMAGINE;
    use crate::fields::{Values, schema};
    use crate::problem::Problem;

    fn checked(members: Value) -> Result<Values, Problem> {
        let mut body =
            Map::from_iter([("name".into(), json!("Cat Image")), ("prompt".into(), json!("a cat"))]);
        let Value::Object(members) = members else { panic!("members are an object") };
        body.extend(members);
        Values::checked(body, IMAGINE)
    }

    /// The field that these members are refused for.
    fn refused(members: Value) -> Option<String> {
        let problem = checked(members).err()?;
        assert_eq!(problem.status, 400);
        problem.field
    }

    #[test]
    fn the_documented_members_have_their_documented_types() {
        let schema = schema(IMAGINE);
        for (name, kind) in
            [("name", "string"), ("prompt", "string"), ("negative_prompt", "string"), ("seed", "integer")]
        {
            let required = ["name", "prompt"].contains(&name);
            let described = if required { json!(kind) } else { json!([kind, "null"]) };
            assert_eq!(schema["properties"][name]["type"], described, "{name}");
        }
        assert_eq!(schema["required"], json!(["name", "prompt"]));
    }

    #[test]
    fn name_and_prompt_are_required_and_not_empty() {
        for name in ["name", "prompt"] {
            let mut body = json!({"name": "a", "prompt": "a"}).as_object().cloned().unwrap();
            body.remove(name);
            let problem = Values::checked(body, IMAGINE).unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (400, Some(name)));
            for value in [json!(""), json!(null), json!(7), json!(["a"]), json!({"a": 1}), json!("a\0b")] {
                assert_eq!(refused(json!({name: value})).as_deref(), Some(name));
            }
        }
        assert_eq!(refused(json!({"name": "é".repeat(255), "prompt": "two\nlines"})), None);
        assert_eq!(refused(json!({"name": "é".repeat(256)})).as_deref(), Some("name"));
        assert_eq!(refused(json!({"prompt": "a".repeat(32_001)})).as_deref(), Some("prompt"));
    }

    #[test]
    fn a_seed_is_a_whole_number() {
        for seed in [
            json!(null),
            json!(-1),
            json!(0),
            json!(42),
            json!(9_999_999_998_u64),
            json!(i64::MAX),
            json!(4.0),
        ] {
            assert_eq!(refused(json!({"seed": seed})), None, "{seed}");
        }
        for seed in [json!(0.5), json!(-2), json!(u64::MAX), json!(1e300), json!("42"), json!(true)] {
            assert_eq!(refused(json!({"seed": seed})).as_deref(), Some("seed"), "{seed}");
        }
    }

    #[test]
    fn what_is_absent_leaves_the_documented_size() {
        let values = checked(json!({})).unwrap();
        assert_eq!((values.integer("width"), values.integer("height")), (Some(1024), Some(1024)));
        assert_eq!((values.integer("seed"), values.text("negative_prompt")), (None, None));
        let nulls: Map<String, Value> =
            IMAGINE.iter().skip(2).map(|field| (field.name.into(), json!(null))).collect();
        let values = checked(Value::Object(nulls)).unwrap();
        assert_eq!((values.integer("width"), values.integer("previews")), (Some(1024), Some(0)));
        assert_eq!(checked(json!({"negative_prompt": ""})).unwrap().text("negative_prompt"), Some(""));
    }

    #[test]
    fn our_own_members_have_their_ranges() {
        for (name, inside, beyond) in [
            ("width", json!([64, 2048]), json!([56, 2056, 100, "64"])),
            ("height", json!([64, 2048]), json!([56, 2056, 100, "64"])),
            ("steps", json!([1, 100]), json!([0, 101, 1.5])),
            ("guidance_scale", json!([0, 7.5, 30]), json!([-0.1, 30.1, "7"])),
            ("previews", json!([0, 8]), json!([-1, 9])),
        ] {
            for value in inside.as_array().unwrap() {
                assert_eq!(refused(json!({name: value})), None, "{name}: {value}");
            }
            for value in beyond.as_array().unwrap() {
                assert_eq!(refused(json!({name: value})).as_deref(), Some(name), "{value}");
            }
        }
    }
}
