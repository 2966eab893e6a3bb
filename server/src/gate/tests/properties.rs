//! Framing under thousands of requests that nobody thought of.

use std::net::Shutdown;

use proptest::prelude::*;

use super::super::chunked::Chunked;
use super::super::head::{self, Head, Scan};
use super::*;

/// Requests in order, as seeds.
const GOOD: [&str; 6] = [
    "GET /echo?a=b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n00A\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
    "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "DELETE /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 34\r\n\r\nGET /echo HTTP/1.1\r\nHost: hidden\r\n\r\n",
];

/// Pieces that have fooled servers.
const CROOKED: [&str; 16] = [
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\0",
    "0\r\n\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: +3\r\n",
    ", chunked",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: x\r\n",
    "\r\n ",
    ":",
    "HTTP/1.1\r\n",
    "1\r\n",
];

/// One change of a request.
#[derive(Debug, Clone)]
enum Change {
    Set(usize, u8),
    Remove(usize, usize),
    Insert(usize, usize),
    Repeat(usize, usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let within = |at: usize| at % (bytes.len() + 1);
        match *self {
            Self::Set(at, byte) if !bytes.is_empty() => {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            Self::Set(..) => {}
            Self::Remove(at, length) => {
                let at = within(at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Self::Insert(at, piece) => {
                let at = within(at);
                bytes.splice(at..at, CROOKED[piece].bytes());
            }
            Self::Repeat(at, length) => {
                let at = within(at);
                let again = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<usize>(), 1..12_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<usize>(), 0..CROOKED.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ]
}

/// One to three requests, one after the other, with up to `most` changes.
fn requests(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let seeds = proptest::collection::vec(0..GOOD.len(), 1..4);
    (seeds, proptest::collection::vec(change(), 0..=most)).prop_map(|(seeds, changes)| {
        let mut bytes: Vec<u8> = seeds.into_iter().flat_map(|seed| GOOD[seed].bytes()).collect();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        bytes
    })
}

/// The first head of these bytes, which come in pieces of so many; a refusal is given as its status.
fn first_head(bytes: &[u8], pieces: &[usize]) -> Result<Option<Head>, u16> {
    let (mut scan, mut end) = (Scan::default(), 0_usize);
    for piece in pieces.iter().copied().chain([usize::MAX]) {
        end = bytes.len().min(end.saturating_add(piece));
        if let Some(range) = scan.look(&bytes[..end]).map_err(|_| 400_u16)? {
            return head::parse(&bytes[range]).map(Some).map_err(|problem| problem.status);
        }
    }
    Ok(None)
}

/// What these bytes decode to, in pieces of so many.
fn decoded(bytes: &[u8], pieces: &[usize]) -> Result<(Vec<u8>, usize, bool), &'static str> {
    let (mut chunked, mut body, mut used, mut end) = (Chunked::new(), vec![], 0, 0_usize);
    for piece in pieces.iter().copied().chain([usize::MAX]) {
        end = bytes.len().min(end.saturating_add(piece));
        used += chunked.decode(&bytes[used..end], &mut body)?;
    }
    Ok((body, used, chunked.is_done()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_head_reads_the_same_however_its_bytes_are_split(
        bytes in requests(4),
        pieces in proptest::collection::vec(1..9_usize, 0..40),
    ) {
        prop_assert_eq!(first_head(&bytes, &pieces), first_head(&bytes, &[]));
    }

    #[test]
    fn chunks_read_the_same_however_their_bytes_are_split(
        changes in proptest::collection::vec(change(), 0..4),
        pieces in proptest::collection::vec(1..9_usize, 0..40),
    ) {
        let mut bytes = b"3;x=y\r\nabc\r\n00A\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET / ".to_vec();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        prop_assert_eq!(decoded(&bytes, &pieces), decoded(&bytes, &[]));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = first_head(&bytes, &[7, 50]);
        let _ = decoded(&bytes, &[7, 50]);
    }
}

#[test]
fn a_handler_never_sees_more_requests_than_the_client_gets_answers() {
    let bench = Bench::new(short());
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let told_once = |bytes: Vec<u8>| {
        let before = bench.seen.lock().unwrap().len();
        let mut socket = bench.connect();
        let _ = socket.write_all(&bytes);
        let _ = socket.shutdown(Shutdown::Write);
        let answers = rest(socket);
        let seen = bench.seen.lock().unwrap()[before..].to_vec();
        // Bodies are echoed, and may hold anything, so that answers are counted by what only the gate writes.
        let answered = answers.matches("X-Request-Id: ").count();
        let refused = answers.matches(r#"{"error":{"code":"#).count();
        prop_assert_eq!(
            seen.len(),
            answered - refused,
            "{:?} was answered {:?}",
            String::from_utf8_lossy(&bytes),
            answers
        );
        prop_assert!(refused <= 1, "the connection went on after an error: {:?}", answers);
        for asked in &seen {
            prop_assert!(answers.contains(asked.header(REQUEST_ID).unwrap()));
        }
        Ok(())
    };
    runner.run(&requests(4), told_once).unwrap();
    let (seen, fewest) = (bench.seen().len(), 1000);
    assert!(seen > fewest, "only {seen} requests came through, so that little was compared");
}
