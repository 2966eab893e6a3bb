//! What the document says of fields together.

use serde_json::json;

use super::{cat, checked, refused};

#[test]
fn eight_pictures_are_possible_up_to_768_and_four_beyond() {
    for (members, blamed) in [
        (json!({"num_images": 8, "width": 768, "height": 768}), None),
        (json!({"num_images": 5, "width": 776, "height": 768}), Some("num_images")),
        (json!({"num_images": 5, "width": 768, "height": 776}), Some("num_images")),
        (json!({"num_images": 4, "width": 1536, "height": 1536}), None),
        // The usual width is 1024.
        (json!({"num_images": 5}), Some("num_images")),
        (json!({"num_images": 5, "width": null, "height": 512}), Some("num_images")),
        (json!({"num_images": 8, "width": 512}), None),
    ] {
        assert_eq!(refused(&cat(members.clone())).as_deref(), blamed, "{members}");
    }
}

#[test]
fn flux_has_smaller_seeds() {
    for (version, seed, blamed) in [
        ("FLUX", 2_147_483_637_u64, None),
        ("FLUX", 2_147_483_638, Some("seed")),
        ("FLUX_DEV", 2_147_483_638, Some("seed")),
        ("SDXL_LIGHTNING", 9_999_999_998, None),
    ] {
        assert_eq!(
            refused(&cat(json!({"sd_version": version, "seed": seed}))).as_deref(),
            blamed,
            "{version} {seed}"
        );
    }
}

#[test]
fn phoenix_with_alchemy_wants_contrast() {
    for (members, blamed) in [
        (json!({"sd_version": "PHOENIX", "contrast": 1.8}), Some("contrast")),
        (json!({"sd_version": "PHOENIX", "contrast": 2.5}), None),
        (json!({"sd_version": "PHOENIX", "contrast": 1.8, "alchemy": false}), None),
        (json!({"sd_version": "PHOENIX", "contrast": 1.0, "alchemy": null}), Some("contrast")),
        (json!({"sd_version": "PHOENIX"}), None),
        (json!({"contrast": 1.0}), None),
    ] {
        assert_eq!(refused(&cat(members.clone())).as_deref(), blamed, "{members}");
    }
}

#[test]
fn without_alchemy_there_are_two_styles() {
    for (members, blamed) in [
        (json!({"alchemy": false, "presetStyle": "DYNAMIC"}), Some("presetStyle")),
        (json!({"alchemy": false, "presetStyle": "LEONARDO"}), None),
        (json!({"alchemy": false, "presetStyle": "NONE"}), None),
        (json!({"alchemy": false, "presetStyle": null}), None),
        (json!({"alchemy": false}), None),
        (json!({"presetStyle": "ANIME"}), None),
    ] {
        assert_eq!(refused(&cat(members.clone())).as_deref(), blamed, "{members}");
    }
}

#[test]
fn what_the_official_clients_always_send_is_taken() {
    let usual = json!({
        "alchemy": true, "presetStyle": "DYNAMIC", "modelId": "b24e16ff-06e3-43eb-8d33-4416c2d75876", "num_images": 4,
        "width": 1024, "height": 768,
    });
    assert!(checked(&cat(usual)).is_ok());
    assert!(checked(&cat(json!({"modelId": null, "presetStyle": null}))).is_ok());
    assert!(checked(&cat(json!({"modelId": "anything at all", "something": {"new": true}}))).is_ok());
}
