//! What a picture would take, said before anything is drawn.

use crate::program::Place;

#[test]
fn a_dry_run_says_what_would_be_drawn_and_leaves_nothing() {
    let place = Place::new();
    let run = place.draw(&["a cat", "--dry-run", "--seed", "5"]).succeeded();
    assert!(run.stderr.contains("seed 5") && run.stderr.contains("MiB will be needed"), "{}", run.stderr);
    assert_eq!((run.stdout.as_str(), place.files().len()), ("", 0));
}

#[test]
fn a_dry_run_for_programs_ends_with_its_memory() {
    let run = Place::new().draw(&["a cat", "--dry-run", "--json"]).succeeded();
    let names: Vec<String> =
        run.events().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["plan", "memory"]);
    assert!(run.last_event("memory")["predicted_bytes"].as_u64() > Some(1 << 20));
}

#[test]
fn a_budget_is_a_number_of_gib() {
    let place = Place::new();
    for budget in ["0", "-1", "much", "nan", "1e9"] {
        let argument = format!("--memory-budget={budget}");
        place.draw(&["a cat", &argument]).failed(2, &["--memory-budget", "GiB"]);
    }
    place.draw(&["a cat", "--memory-budget", "0.5", "--low-memory", "-o", "cat.png"]).succeeded();
}
