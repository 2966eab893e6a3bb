//! Answers in gzip, for clients that accept it. Of JSON and metrics only, and only of what is requested with GET:
//! pictures are small already, events must not wait, and an answer to POST may be one of pictures in base64.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Answer, Body, Method};

/// Below this the header of gzip and the work cost more than they spare.
const LEAST: usize = 1 << 10;

/// Kinds of text that get much smaller.
const KINDS: [&str; 3] = ["application/json", "application/openmetrics-text", "text/plain"];

/// The answer as it goes to a client that accepts these encodings.
pub(crate) fn encoded(answer: Answer, method: Method, accepts: Option<&str>) -> Answer {
    let is_text = answer.headers.iter().any(|(name, value)| {
        let kind = value.split(';').next().unwrap_or_default();
        *name == "Content-Type" && KINDS.contains(&kind)
    });
    let Answer { status: 200, body: Body::Bytes(bytes), .. } = &answer else { return answer };
    if !is_text || !matches!(method, Method::Get | Method::Head) || bytes.len() < LEAST {
        return answer;
    }
    let zipped = accepts.is_some_and(accepts_gzip).then(|| gzip(bytes)).flatten();
    // Whoever keeps the answer must not give it to somebody who asks otherwise.
    let answer = answer.header("Vary", "Accept-Encoding");
    match zipped {
        None => answer,
        Some(zipped) => Answer { body: Body::Bytes(zipped), ..answer }.header("Content-Encoding", "gzip"),
    }
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).ok()
}

/// Whether a list of encodings holds gzip, and the client does not like it less than none (RFC 9110, §12.5.3).
fn accepts_gzip(list: &str) -> bool {
    let quality = |wanted: &[&str]| {
        list.split(',').find_map(|one| {
            let mut parts = one.split(';').map(str::trim);
            let coding = parts.next()?;
            let found = wanted.iter().any(|name| coding.eq_ignore_ascii_case(name));
            let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            found.then(|| quality.map_or(1.0, |quality| quality.trim().parse::<f32>().unwrap_or(0.0)))
        })
    };
    let gzip = quality(&["gzip", "x-gzip"]).or_else(|| quality(&["*"])).unwrap_or(0.0);
    gzip > 0.0 && gzip >= quality(&["identity"]).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn who_accepts_gzip_is_told_by_the_list_and_its_qualities() {
        for list in [
            "gzip",
            "GZIP",
            "x-gzip",
            "gzip, deflate, br, zstd",
            "br;q=1.0, gzip;q=0.8, *;q=0.1",
            "*",
            "gzip;q=0.5, identity;q=0.5",
            "gzip ; q=0.5",
            "identity;q=0, gzip;q=0.001",
            "*;q=0, gzip",
        ] {
            assert!(accepts_gzip(list), "{list}");
        }
        for list in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "gzip;q=0, *",
            "gzip;q=0.5, identity",
            "gzip;q=x",
        ] {
            assert!(!accepts_gzip(list), "{list}");
        }
    }

    fn json(length: usize) -> Answer {
        Answer::bytes(200, "application/json", vec![b'1'; length])
    }

    fn is_zipped(answer: &Answer) -> bool {
        answer.headers.iter().any(|(name, value)| *name == "Content-Encoding" && value == "gzip")
    }

    #[test]
    fn a_zipped_answer_is_the_same_and_smaller() {
        let answer = encoded(json(100_000), Method::Get, Some("gzip"));
        assert!(is_zipped(&answer));
        let Body::Bytes(bytes) = &answer.body else { panic!("these are bytes") };
        assert!(bytes.len() < 10_000, "{}", bytes.len());
        let mut plain = vec![];
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, vec![b'1'; 100_000]);
    }

    #[test]
    fn what_depends_on_the_list_says_so_either_way() {
        for accepts in [None, Some("identity"), Some("gzip")] {
            let answer = encoded(json(100_000), Method::Head, accepts);
            assert!(answer.headers.contains(&("Vary", "Accept-Encoding".into())), "{accepts:?}");
            assert_eq!(is_zipped(&answer), accepts == Some("gzip"));
        }
    }

    #[test]
    fn pictures_events_small_answers_errors_and_those_to_posts_stay_as_they_are() {
        let picture = Answer::bytes(200, "image/png", vec![0; 100_000]);
        let error = Answer { status: 500, ..json(100_000) };
        for (answer, method) in [
            (picture, Method::Get),
            (Answer::events(|_| Ok(())), Method::Get),
            (json(100), Method::Get),
            (error, Method::Get),
            (json(100_000), Method::Post),
        ] {
            let answer = encoded(answer, method, Some("gzip"));
            assert!(
                !is_zipped(&answer) && !answer.headers.iter().any(|(name, _)| *name == "Vary"),
                "{answer:?}"
            );
        }
    }
}
