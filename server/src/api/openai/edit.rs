//! `…/images/edits` and `…/images/variations`: nothing is drawn from a picture yet. Clients of this family show the
//! sentence where it comes in the family's shape; the body, whatever its type, is not looked at.

use std::sync::Arc;

use crate::app::App;
use crate::http::Answer;
use crate::problem::Problem;
use crate::route::Call;

/// `POST /v1/images/edits`, `POST /v1/images/variations`
pub(super) fn refuse(_: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let what = if call.request.path.ends_with("edits") { "edits" } else { "variations" };
    let message = format!(
        "image {what} are not supported yet: Fulmen draws from a prompt alone; POST /v1/images/generations does that"
    );
    Err(Problem { code: "not_supported", ..Problem::field("image", message) })
}
