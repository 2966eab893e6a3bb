use std::fs;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::auth::Links;

const NAME: &str = "image_abc.png";

fn links() -> (TempDir, Links) {
    let folder = tempfile::tempdir().unwrap();
    let links = Links::open(folder.path()).unwrap();
    (folder, links)
}

fn noon() -> Timestamp {
    "2024-08-07T12:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

/// The request that a link makes.
fn follow(link: &str) -> Request {
    let (_, query) = link.split_once('?').unwrap();
    with_query(query)
}

fn with_query(query: &str) -> Request {
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Request { query, ..request(Method::Get, &[]) }
}

/// The status that a request is refused with, and the code.
fn refused(links: &Links, name: &str, request: &Request, now: Timestamp) -> (u16, &'static str) {
    let problem = links.check(name, request, now).unwrap_err();
    (problem.status, problem.code)
}

#[test]
fn a_link_is_good_until_its_time() {
    let (_folder, links) = links();
    let link = links.sign("http://127.0.0.1:8188", NAME, after(3_600));
    assert!(
        link.starts_with("http://127.0.0.1:8188/files/image_abc.png?expires=1723035600&signature="),
        "{link}"
    );
    for seconds in [-1_000_000, 0, 3_599] {
        links.check(NAME, &follow(&link), after(seconds)).unwrap();
    }
    for seconds in [3_600, 3_601, 1_000_000_000] {
        assert_eq!(refused(&links, NAME, &follow(&link), after(seconds)), (410, "expired"));
    }
}

#[test]
fn a_link_is_good_after_a_restart_and_for_no_other_server() {
    let (folder, links) = links();
    let link = links.sign("", NAME, after(60));
    Links::open(folder.path()).unwrap().check(NAME, &follow(&link), noon()).unwrap();
    let (_folder, other) = super::links::links();
    assert_eq!(refused(&other, NAME, &follow(&link), noon()), (403, "invalid_signature"));
}

#[test]
fn a_link_that_was_changed_is_refused() {
    let (_folder, links) = links();
    let link = links.sign("", NAME, after(60));
    let good = follow(&link);
    for name in ["image_abd.png", "image_abc.jpeg", "", "image_abc.png "] {
        assert_eq!(refused(&links, name, &good, noon()), (403, "invalid_signature"), "{name}");
    }
    let (expires, signature) = (good.query("expires").unwrap(), good.query("signature").unwrap());
    let first = if signature.starts_with('0') { '1' } else { '0' };
    for query in [
        String::new(),
        format!("expires={expires}"),
        format!("signature={signature}"),
        format!("expires={expires}9&signature={signature}"),
        format!("expires={expires}&signature={first}{}", &signature[1..]),
        format!("expires={expires}&signature={}", &signature[2..]),
        format!("expires={expires}&signature={signature}00"),
        format!("expires={expires}&signature="),
        format!("expires={expires}&signature=%00{}", &signature[1..]),
        format!("expires={expires}&signature={}é", &signature[2..]),
        format!("expires=1&expires={expires}&signature={signature}"),
    ] {
        assert_eq!(refused(&links, NAME, &with_query(&query), noon()), (403, "invalid_signature"), "{query}");
    }
}

#[test]
fn times_beyond_all_measure_are_refused_without_a_panic() {
    let (_folder, links) = links();
    let good = follow(&links.sign("", NAME, after(60)));
    let signature = good.query("signature").unwrap();
    let beyond = ["9".repeat(10_000), u64::MAX.to_string(), i64::MAX.to_string(), i64::MIN.to_string()];
    let odd = ["", "-1", "+1723035600", "1e9", "0x10", "1723035600.0", " 1723035600", "١٧"].map(String::from);
    for expires in beyond.into_iter().chain(odd) {
        let query =
            vec![("expires".to_owned(), expires.clone()), ("signature".to_owned(), signature.to_owned())];
        let request = Request { query, ..request(Method::Get, &[]) };
        assert_eq!(refused(&links, NAME, &request, noon()).0, 403, "{expires}");
    }
    let last = links.sign("", NAME, Timestamp::MAX);
    links.check(NAME, &follow(&last), Timestamp::MAX - SignedDuration::from_secs(1)).unwrap();
    assert_eq!(refused(&links, NAME, &follow(&links.sign("", NAME, Timestamp::MIN)), noon()).0, 403);
}

#[test]
fn a_time_and_a_name_cannot_be_shifted_into_each_other() {
    let (_folder, links) = links();
    let link = links.sign("", "1\n2.png", after(60));
    let good = follow(&link);
    assert_eq!(refused(&links, "2.png", &good, noon()).0, 403);
    links.check("1\n2.png", &good, noon()).unwrap();
}

#[test]
fn a_key_of_a_wrong_length_is_an_error_and_stays_as_it_is() {
    for length in [0, 31, 33, 100_000] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("link.key");
        fs::write(&file, vec![7; length]).unwrap();
        let sentence = Links::open(folder.path()).unwrap_err().to_string();
        assert!(sentence.contains("link.key") && sentence.contains(&length.to_string()), "{sentence}");
        assert_eq!(fs::read(&file).unwrap(), vec![7; length]);
    }
}

#[test]
fn a_key_that_a_crash_cut_short_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("link.key.part"), b"half").unwrap();
    Links::open(folder.path()).unwrap();
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["link.key"]);
    assert_eq!(fs::read(folder.path().join("link.key")).unwrap().len(), 32);
}

#[test]
fn a_key_that_cannot_be_written_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let sentence = Links::open(&folder.path().join("missing")).unwrap_err().to_string();
    assert!(sentence.contains("link.key"), "{sentence}");
}

#[cfg(unix)]
#[test]
fn only_the_user_of_the_server_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, _links) = links();
    let file = folder.path().join("link.key");
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    // A copy from a backup may have lost its mode.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    Links::open(folder.path()).unwrap();
    assert_eq!(mode(), 0o600);
}

#[test]
fn the_key_is_not_printed() {
    let (_folder, links) = links();
    assert_eq!(format!("{links:?}"), "Links");
}

#[test]
fn an_upload_is_let_in_for_its_id_and_time_and_is_no_link() {
    let (_folder, links) = links();
    let (expires, signature) = links.sign_upload("an id", after(3_600));
    let check = |id, expires, signature, now| {
        let checked = links.check_upload(id, (expires, signature), now);
        checked.map_err(|problem| problem.status)
    };
    let [time, signed] = [Some(expires.as_str()), Some(signature.as_str())];
    assert_eq!(check("an id", time, signed, after(3_599)), Ok(()));
    assert_eq!(check("an id", time, signed, after(3_600)), Err(403));
    assert_eq!(check("another", time, signed, noon()), Err(403));
    assert_eq!(check("an id", Some("9999999999"), signed, noon()), Err(403));
    assert_eq!(check("an id", time, None, noon()), Err(403));
    assert_eq!(check("an id", None, signed, noon()), Err(403));
    let as_link = format!("expires={expires}&signature={signature}");
    assert_eq!(refused(&links, "an id", &with_query(&as_link), noon()), (403, "invalid_signature"));
}
