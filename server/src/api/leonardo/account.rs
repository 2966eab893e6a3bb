//! `/me` and `/platformModels`: who asks, and what draws.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ids::stable_id;
use super::model::model_id;
use crate::app::App;
use crate::http::Answer;
use crate::jobs::ModelInfo;
use crate::problem::Problem;
use crate::route::Call;

/// `GET /me`. Nothing is counted or billed here.
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn me(_: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let details = json!({
        "user": {"id": user_id(&call.owner), "username": call.owner},
        "tokenRenewalDate": null,
        "paidTokens": 0,
        "subscriptionTokens": 0,
        "subscriptionGptTokens": 0,
        "subscriptionModelTokens": 0,
        "apiConcurrencySlots": 1,
        "apiPaidTokens": null,
        "apiSubscriptionTokens": 0,
        "apiPlanTokenRenewalDate": null,
    });
    Ok(Answer::json(200, &json!({"user_details": [details]})))
}

/// `GET /platformModels`: those that the server was started with.
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn models(app: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    let models: Vec<Value> = app.models.infos().map(platform_model).collect();
    Ok(Answer::json(200, &json!({"custom_models": models})))
}

fn platform_model(model: &ModelInfo) -> Value {
    let description = format!("Made for about {0}x{0} pixels and {1} steps.", model.own_size, model.steps);
    json!({
        "id": model_id(model),
        "name": model.name,
        "description": description,
        "featured": true,
        "nsfw": false,
        "generated_image": null,
    })
}

/// The id of whoever has the key of this name: always the same, and in the shape of a UUID.
pub(super) fn user_id(owner: &str) -> String {
    stable_id("user", owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_id_and_it_is_a_uuid() {
        assert_eq!(user_id("local"), user_id("local"));
        assert_ne!(user_id("local"), user_id("anna"));
        assert_ne!(user_id("local"), stable_id("model", "local"));
        assert_eq!(uuid::Uuid::parse_str(&user_id("local")).unwrap().get_version_num(), 8);
    }
}
