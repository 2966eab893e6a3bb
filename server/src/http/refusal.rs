//! A problem as an answer, in the shape of a family.

use super::Answer;
use crate::problem::{Family, Problem};

impl Family {
    /// The answer that says so.
    pub(crate) fn answer(self, problem: &Problem) -> Answer {
        let Problem { status, retry_after, .. } = problem;
        let mut answer = Answer::json(*status, &self.body(problem));
        if let Some(seconds) = retry_after {
            answer = answer.header("Retry-After", seconds.to_string());
        }
        // Official clients repeat every 5xx; where that cannot help a header says so.
        if *status >= 500 && retry_after.is_none() {
            answer = answer.header("x-should-retry", "false");
        }
        if *status == 401 {
            answer = answer.header("WWW-Authenticate", "Bearer");
        }
        answer
    }
}
