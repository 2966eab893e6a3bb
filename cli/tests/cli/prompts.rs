//! Where prompts come from, and how long or empty they may be.

use crate::program::Place;

#[test]
fn an_empty_prompt_draws_and_is_remarked_on() {
    let place = Place::new();
    let run = place.draw(&["", "-o", "empty.png"]).succeeded();
    assert!(run.stderr.contains("the prompt is empty"), "{}", run.stderr);
    assert_eq!(place.files(), ["empty.png"]);
}

#[test]
fn a_prompt_of_a_megabyte_is_cut_with_a_warning() {
    let place = Place::new();
    let prompt = "cat ".repeat(1 << 18);
    let run = place.draw_with_input(&["-", "-o", "long.png"], prompt.as_bytes()).succeeded();
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("1200 tokens"), "{}", run.stderr);
    assert_eq!(place.files(), ["long.png"]);
}

#[test]
fn more_than_a_megabyte_on_standard_input_is_no_prompt() {
    let place = Place::new();
    let input = vec![b'a'; (1 << 20) + 3];
    place.draw_with_input(&["-"], &input).failed(2, &["standard input", "is that a prompt?"]).at_once();
}

#[test]
fn a_prompt_from_standard_input_is_the_same_as_one_in_an_argument() {
    let place = Place::new();
    place.draw(&["a red circle", "--seed", "3", "-o", "argument.png"]).succeeded();
    place.draw_with_input(&["-", "--seed", "3", "-o", "input.png"], b"a red circle\n").succeeded();
    let read = |name| std::fs::read(place.path(name)).unwrap();
    assert!(read("argument.png") == read("input.png"), "the two files differ");
}

#[cfg(unix)]
#[test]
fn a_prompt_that_is_not_utf_8_is_refused_in_a_sentence() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.draw(&[OsStr::from_bytes(b"caf\xe9")]).failed(2, &["not UTF-8"]).at_once();
    place.draw_with_input(&["-"], b"caf\xe9").failed(2, &["not UTF-8"]).at_once();
    let negative = [OsStr::new("a cat"), OsStr::new("--negative"), OsStr::from_bytes(b"\xff")];
    place.draw(&negative).failed(2, &["UTF-8"]).at_once();
}
