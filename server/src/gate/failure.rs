//! Why a request is not passed on, or not answered.

use super::wire::Lost;
use crate::problem::Problem;

/// What went wrong with a request.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no client left to answer.
    Gone,
    /// The client gets an error, and the connection ends: where the next request would begin is not known for sure.
    Refused(Problem),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl Failure {
    pub(super) fn of_head(lost: Lost) -> Self {
        Self::late(lost, "the request's head took too long")
    }

    pub(super) fn of_body(lost: Lost) -> Self {
        Self::late(lost, "the request's body took too long")
    }

    fn late(lost: Lost, message: &str) -> Self {
        match lost {
            Lost::Gone => Self::Gone,
            Lost::Late => Self::Refused(Problem::new(408, "request_timeout", message)),
        }
    }
}
