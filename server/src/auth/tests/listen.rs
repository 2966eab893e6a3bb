use super::*;
use crate::auth::check_listen;

fn at(address: &str, keys: Keys) -> Config {
    Config { listen: address.parse().unwrap(), keys, ..config() }
}

fn with_key() -> Keys {
    key("sixteen-or-more.")
}

fn key(key: &str) -> Keys {
    Keys { key: Some(key.into()), ..Keys::default() }
}

#[test]
fn this_machine_alone_needs_no_key() {
    for address in ["127.0.0.1:8188", "127.9.9.9:0", "[::1]:8188", "[::ffff:127.0.0.1]:8188"] {
        check_listen(&at(address, Keys::default())).unwrap();
    }
}

#[test]
fn a_network_is_refused_without_keys_and_the_sentence_says_the_ways_out() {
    for address in ["0.0.0.0:8188", "[::]:8188", "192.168.1.2:8188", "[fe80::1]:1", "[::ffff:192.168.1.2]:1"]
    {
        let sentence = check_listen(&at(address, Keys::default())).unwrap_err().to_string();
        for way in [address, "--api-keys", "FULMEN_API_KEY", "127.0.0.1", "--no-auth"] {
            assert!(sentence.contains(way), "{sentence} does not say {way}");
        }
    }
}

#[test]
fn a_network_is_served_with_keys_or_with_no_auth_in_so_many_words() {
    let file = Keys { file: Some("keys".into()), ..Keys::default() };
    let no_auth = Keys { no_auth: true, ..Keys::default() };
    for keys in [with_key(), file, no_auth] {
        check_listen(&at("0.0.0.0:8188", keys)).unwrap();
    }
}

#[test]
fn keys_and_no_auth_contradict_each_other() {
    for address in ["0.0.0.0:8188", "127.0.0.1:8188"] {
        let sentence =
            check_listen(&at(address, Keys { no_auth: true, ..with_key() })).unwrap_err().to_string();
        assert!(sentence.contains("--no-auth"), "{sentence}");
    }
}

#[test]
fn a_key_that_can_be_found_by_trying_is_for_this_machine_alone() {
    for short in ["a", "fifteen-letters", "ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ"] {
        for address in ["127.0.0.1:8188", "[::1]:8188", "[::ffff:127.0.0.1]:0"] {
            check_listen(&at(address, key(short))).unwrap();
        }
        for address in ["0.0.0.0:8188", "[::]:8188", "192.168.1.2:8188"] {
            let sentence = check_listen(&at(address, key(short))).unwrap_err().to_string();
            for word in [address, "FULMEN_API_KEY", "16", "--new-key"] {
                assert!(sentence.contains(word), "{sentence} does not say {word}");
            }
            assert!(short == "a" || !sentence.contains(short), "a key is not repeated: {sentence}");
        }
    }
    let file = Some("keys".into());
    assert!(
        check_listen(&at("0.0.0.0:1", Keys { file, ..key("short") })).is_err(),
        "it opens the server too"
    );
}
