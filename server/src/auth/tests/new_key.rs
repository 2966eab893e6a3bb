use std::fs;

use super::*;
use crate::auth::{Keyring, new_key};

#[test]
fn a_new_key_opens_the_server_and_its_line_does_not_show_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let made: Vec<_> = ["ann", "bob"].map(|name| new_key(name, Some(&file)).unwrap()).into();
    let keys = Keys { file: Some(file.clone()), ..Keys::default() };
    let ring = Keyring::open(&keys).unwrap();
    for (made, name) in made.iter().zip(["ann", "bob"]) {
        assert!(made.written);
        let random = made.key.strip_prefix("fulmen_").unwrap();
        assert!(
            random.len() == 43
                && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        assert_eq!(ring.owner(&request(Method::Get, &[("x-api-key", &made.key)])), Ok(name.into()));
        assert!(!fs::read_to_string(&file).unwrap().contains(random));
    }
    assert_ne!(made[0].key, made[1].key);
}

#[test]
fn without_a_file_only_the_line_is_given() {
    let made = new_key("ann", None).unwrap();
    assert!(!made.written);
    assert!(made.line.starts_with("ann:") && made.line.len() == 4 + 64, "{}", made.line);
}

#[test]
fn a_name_that_is_taken_or_is_none_is_refused_and_the_file_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    new_key("ann", Some(&file)).unwrap();
    let before = fs::read(&file).unwrap();
    for name in ["ann", "", "a b", "a:b", "a\nb", "#a", "ä", &"a".repeat(65)] {
        assert!(new_key(name, Some(&file)).is_err(), "{name:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_stood_in_the_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let before = format!("# ours\nann:{}", "0".repeat(64));
    fs::write(&file, &before).unwrap();
    let made = new_key("bob", Some(&file)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{before}\n{}\n", made.line));
}

#[test]
fn a_damaged_file_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    for before in ["ann\n".as_bytes(), b"\xff\xfe"] {
        fs::write(&file, before).unwrap();
        let sentence = new_key("bob", Some(&file)).unwrap_err().to_string();
        assert!(sentence.contains(file.to_str().unwrap()), "{sentence}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no").join("keys");
    let sentence = new_key("bob", Some(&file)).unwrap_err().to_string();
    assert!(sentence.contains(file.to_str().unwrap()), "{sentence}");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    new_key("ann", Some(&file)).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    new_key("bob", Some(&file)).unwrap();
    assert_eq!(mode(), 0o640);
}

#[cfg(unix)]
#[test]
fn behind_a_link_the_file_that_is_meant_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("keys"), folder.path().join("link"));
    fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let made = new_key("ann", Some(&link)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), made.line + "\n");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn of_many_that_are_made_at_once_none_is_lost() {
    const MAKERS: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let made: Vec<_> = std::thread::scope(|scope| {
        let make = |maker| {
            let file = &file;
            scope.spawn(move || {
                (0..5).map(|key| new_key(&format!("k{maker}-{key}"), Some(file)).unwrap()).collect()
            })
        };
        let makers: Vec<_> = (0..MAKERS).map(make).collect();
        makers.into_iter().flat_map(|maker| -> Vec<_> { maker.join().unwrap() }).collect()
    });
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!((made.len(), text.lines().count()), (5 * MAKERS, 5 * MAKERS));
    assert!(made.iter().all(|made| text.contains(&made.line)), "{text}");
}

#[test]
fn of_two_that_want_one_name_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let made: usize = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4).map(|_| scope.spawn(|| new_key("ada", Some(&file)).is_ok())).collect();
        makers.into_iter().map(|maker| usize::from(maker.join().unwrap())).sum()
    });
    assert_eq!((made, fs::read_to_string(&file).unwrap().lines().count()), (1, 1));
}
