//! A file that never changes, handed out whole, in part, or not at all to who has it already.

use jiff::Timestamp;

use super::conditions::{Verdict, has_the_rest, judge, tag};
use super::range::{Part, part};
use super::{Answer, Body, Method, Request, date};
use crate::budget::Share;
use crate::problem::{Family, Problem};

/// The type of bytes whatever they are, for programs that know of no pictures.
pub(crate) const BYTES: &str = "application/octet-stream";

/// A file that never changes.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) modified: Timestamp,
    /// Headers of every answer that is not an error.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// What it takes of the memory for answers.
    pub(crate) share: Share,
}

impl File {
    /// The answer to a GET or HEAD; errors have the shape of `family`.
    pub(crate) fn answer(mut self, request: &Request, family: Family) -> Answer {
        if request.header("accept").is_some_and(|accept| accept.trim().eq_ignore_ascii_case(BYTES)) {
            // Not for caches, which give it to others.
            self.headers.retain(|(name, _)| *name != "Cache-Control");
            self = Self { media_type: BYTES, ..self };
        }
        let (tag, modified) = (tag(&self.bytes), date::to_the_second(self.modified));
        match judge(request, &tag, modified) {
            Verdict::NotModified => return self.described(Answer::empty(304), tag, modified),
            Verdict::Failed => {
                let message = "the picture is another one than If-Match or If-Unmodified-Since asks for";
                return family.answer(&Problem::new(412, "precondition_failed", message)).header("ETag", tag);
            }
            Verdict::Send => {}
        }
        let mut ranges = request.headers.iter().filter(|(name, _)| name == "range").map(|(_, value)| value);
        let range = ranges.next().filter(|_| ranges.next().is_none() && request.method == Method::Get);
        let range = range.filter(|_| has_the_rest(request, &tag, modified));
        let length = self.bytes.len();
        match part(range.map(String::as_str), length) {
            Part::Whole => self.sent(200, 0..length, tag, modified),
            Part::Bytes(part) => {
                let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
                self.sent(206, part, tag, modified).header("Content-Range", range)
            }
            Part::Nothing => {
                let message = format!("the picture has {length} bytes; none of them lies in that range");
                let answer = family.answer(&Problem::new(416, "range_not_satisfiable", message));
                answer.header("Content-Range", format!("bytes */{length}"))
            }
        }
    }

    fn sent(mut self, status: u16, part: std::ops::Range<usize>, tag: String, modified: Timestamp) -> Answer {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(part.end);
        bytes.drain(..part.start);
        let mut answer = Answer::bytes(status, self.media_type, vec![]);
        answer.body = Body::Bytes(bytes);
        self.described(answer, tag, modified)
    }

    fn described(self, mut answer: Answer, tag: String, modified: Timestamp) -> Answer {
        answer.headers.extend(self.headers);
        answer
            .holding(self.share)
            .header("Accept-Ranges", "bytes")
            .header("ETag", tag)
            .header("Last-Modified", date::format(modified))
    }
}

#[cfg(test)]
mod tests;
