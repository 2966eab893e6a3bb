//! The queue without an engine: places, turns, times.

use super::*;
use crate::http::Client;
use crate::jobs::{Outcome, Progress};
use crate::problem::Family;

const HOUR: Duration = Duration::from_secs(3600);

fn model() -> ModelInfo {
    let (name, device) = ("a model".into(), "cpu".into());
    let (own_size, is_demo, distilled) = (1024, false, true);
    let (guidance, largest_preview, nets) = (0.0, 256, crate::config::Nets::default());
    ModelInfo {
        name,
        own_size,
        is_demo,
        distilled,
        steps: 4,
        hd_steps: 8,
        guidance,
        largest_preview,
        device,
        nets,
        enlarging: 0.0,
    }
}

/// A queue without keys.
fn open(waiting: usize) -> Queue {
    Queue::new(Places { waiting, per_key: None, time: HOUR }, vec![model()])
}

fn with_keys(waiting: usize, per_key: usize) -> Queue {
    Queue::new(Places { waiting, per_key: Some(per_key), time: HOUR }, vec![model()])
}

fn spec() -> Spec {
    Spec { prompt: "a cat".into(), width: 1000, height: 1000, images: 1, ..Spec::default() }
}

fn submit_of(queue: &Queue, owner: &str, id: &str) -> Arc<Job> {
    let ticket = Ticket {
        id: id.into(),
        owner: owner.into(),
        family: Family::OpenAi,
        previews: 0,
        outcome: Outcome::Files,
    };
    queue.place(owner).unwrap().submit(ticket, spec())
}

/// Takes one job to be drawn.
fn next(queue: &Queue) -> Option<Arc<Job>> {
    queue.next(|_, _| false).map(|jobs| jobs[0].clone())
}

/// All that are drawn have ended so.
fn finished(queue: &Queue, status: &Status) {
    queue.snapshot().running.iter().for_each(|job| queue.finished(job, status.clone()));
}

fn submit(queue: &Queue, id: &str) -> Arc<Job> {
    submit_of(queue, "local", id)
}

#[test]
fn beyond_its_capacity_the_queue_says_when_to_come_back() {
    let queue = open(1);
    let _running = submit(&queue, "1");
    assert_eq!(next(&queue).unwrap().ticket.id, "1");
    let _waiting = submit(&queue, "2");
    let problem = queue.place("local").unwrap_err();
    assert_eq!((problem.status, problem.code), (503, "queue_full"));
    assert!(problem.retry_after.is_some_and(|seconds| seconds >= 1), "{problem:?}");
}

#[test]
fn a_place_that_is_not_used_is_given_back() {
    let queue = open(0);
    let place = queue.place("local").unwrap();
    assert!(queue.place("local").is_err(), "the only place is promised");
    drop(place);
    assert!(queue.place("local").is_ok());
}

#[test]
fn a_cancelled_job_leaves_its_place_and_is_not_drawn() {
    let queue = open(0);
    let first = submit(&queue, "1");
    first.cancel();
    let second = submit(&queue, "2");
    assert_eq!(next(&queue).unwrap().ticket.id, "2");
    assert_eq!(first.wait(&Client::default()).unwrap_err().code, "cancelled");
    drop(second);
}

#[test]
fn who_hangs_up_cancels_their_job() {
    let queue = open(1);
    let job = submit(&queue, "1");
    let client = Client::default();
    client.hang_up();
    assert_eq!(job.wait(&client).unwrap_err().code, "cancelled");
    assert!(job.cancel.check().is_err(), "the engine sees it");
}

#[test]
fn a_closed_queue_tells_those_who_wait_and_those_who_come() {
    let queue = open(2);
    let job = submit(&queue, "1");
    queue.close();
    assert_eq!(job.wait(&Client::default()).unwrap_err().code, "shutting_down");
    assert_eq!(queue.place("local").unwrap_err().code, "shutting_down");
    assert!(next(&queue).is_none());
}

#[test]
fn one_who_watches_is_told_everything_in_order() {
    let queue = open(2);
    let _first = submit(&queue, "1");
    let job = submit(&queue, "2");
    let (one, two) = (next(&queue).unwrap(), queue.clone());
    assert_eq!(one.ticket.id, "1");
    finished(&queue, &Status::Done(vec![].into()));
    std::thread::spawn(move || {
        let job = next(&two).unwrap();
        job.tell(Progress::Step { step: 1, steps: 1 });
        finished(&two, &Status::Done(vec![].into()));
    });
    let mut told = vec![];
    let end = job.watch(&Client::default(), &mut |progress| {
        told.push(format!("{progress:?}"));
        Ok(())
    });
    assert!(end.is_ok());
    assert_eq!(told[0], "Queued(1)");
    assert_eq!(told.last().unwrap(), "Step { step: 1, steps: 1 }");
}

#[test]
fn a_key_with_as_many_waiting_as_it_may_is_told_when_its_next_turn_is() {
    let queue = with_keys(100, 2);
    for id in ["a1", "a2", "a3"] {
        submit_of(&queue, "a", id);
    }
    let _running = next(&queue).unwrap();
    finished(&queue, &Status::Done(vec![].into()));
    let running = next(&queue).unwrap();
    // Of 6 units of work each, half of one is done after a minute: 10 seconds a unit.
    let status = Status::Running { image: 1, images: 2, step: 5, steps: 4 };
    running.set(status);
    {
        let mut state = queue.lock();
        state.speeds = Speeds::default();
        state.running.began = Some((Instant::now().checked_sub(Duration::from_secs(60)).unwrap(), 1));
    }
    submit_of(&queue, "a", "a4");
    submit_of(&queue, "b", "b1");
    let problem = queue.place("a").unwrap_err();
    assert_eq!((problem.status, problem.code), (429, "too_many_jobs"));
    assert!(problem.message.contains("--max-jobs-per-key is 2"), "{}", problem.message);
    // The other half of the running one, then b's, which takes twice as long.
    let seconds = problem.retry_after.unwrap();
    assert!((180..190).contains(&seconds), "{seconds} s");
    assert!(queue.place("b").is_ok() && queue.place("c").is_ok(), "others may");
}

#[test]
fn what_one_key_has_waiting_keeps_no_other_out() {
    let queue = with_keys(1, 4);
    submit_of(&queue, "a", "a1");
    let running = next(&queue).unwrap();
    submit_of(&queue, "a", "a2");
    assert_eq!(queue.place("a").unwrap_err().code, "queue_full");
    let guest = submit_of(&queue, "b", "b1");
    assert_eq!(queue.place("b").unwrap_err().code, "queue_full");
    finished(&queue, &Status::Done(vec![].into()));
    assert_eq!(next(&queue).unwrap().ticket.id, guest.ticket.id);
    drop(running);
}

#[test]
fn what_was_promised_before_a_restart_waits_for_its_turn_like_all_else() {
    let queue = with_keys(2, 1);
    for id in ["a1", "a2", "a3"] {
        let ticket = Ticket {
            id: id.into(),
            owner: "a".into(),
            family: Family::OpenAi,
            previews: 0,
            outcome: Outcome::Files,
        };
        queue.place_beyond("a").submit(ticket, spec());
    }
    assert_eq!(queue.place("a").unwrap_err().code, "too_many_jobs");
    submit_of(&queue, "b", "b1");
    let drawn: Vec<_> = (0..4).map(|_| next(&queue).unwrap().ticket.id.clone()).collect();
    assert_eq!(drawn, ["a1", "b1", "a2", "a3"]);
}

#[test]
fn places_are_told_in_the_order_of_turns_and_only_when_they_change() {
    let queue = with_keys(10, 10);
    let jobs = ["a1", "a2", "a3"].map(|id| submit_of(&queue, "a", id));
    submit_of(&queue, "b", "b1");
    let waiting: Vec<_> = queue.snapshot().waiting.iter().map(|job| job.ticket.id.clone()).collect();
    assert_eq!(waiting, ["a1", "b1", "a2", "a3"]);
    let _running = next(&queue).unwrap();
    let told = |job: &Job| {
        let mut told = vec![];
        job.cancel();
        let _ = job.watch(&Client::default(), &mut |progress| {
            told.extend(matches!(progress, Progress::Queued(_)).then(|| format!("{progress:?}")));
            Ok(())
        });
        told
    };
    assert_eq!(told(&jobs[2]), ["Queued(2)", "Queued(3)"]);
}

#[test]
fn a_job_that_takes_too_long_is_stopped_and_says_so() {
    let queue = Queue::new(Places { waiting: 1, per_key: None, time: Duration::ZERO }, vec![model()]);
    let job = submit(&queue, "1");
    let running = next(&queue).unwrap();
    assert!(running.cancel.check().is_err(), "its time is over");
    finished(&queue, &Status::Cancelled);
    let problem = job.wait(&Client::default()).unwrap_err();
    assert_eq!((problem.status, problem.code), (400, "too_slow"));
    assert!(problem.message.contains("--max-seconds 0"), "{}", problem.message);
}

#[test]
fn jobs_that_go_together_are_taken_in_turn_and_end_each_for_itself() {
    let queue = with_keys(10, 10);
    let jobs = ["a1", "a2", "a3", "b1", "b2"].map(|id| submit_of(&queue, id.get(..1).unwrap(), id));
    let ids = |jobs: &[Arc<Job>]| jobs.iter().map(|job| job.ticket.id.clone()).collect::<Vec<_>>();
    jobs[3].cancel();
    let drawn = queue.next(|before, next| before.len() < 3 && next.ticket.id != "a3").unwrap();
    assert_eq!(ids(&drawn), ["a1", "b2", "a2"]);
    assert_eq!(
        (ids(&queue.snapshot().running), ids(&queue.snapshot().waiting)),
        (ids(&drawn), vec!["a3".into()])
    );
    {
        // Two of three are done after a minute; each takes half of that, and there is one before.
        let mut state = queue.lock();
        state.running.began = state.running.began.map(|(now, count)| (now - Duration::from_secs(60), count));
    }
    for job in [&drawn[1], &drawn[0]] {
        queue.finished(job, Status::Done(vec![].into()));
        queue.finished(job, Status::Cancelled);
        assert!(job.wait(&Client::default()).is_ok(), "it has ended once");
    }
    assert!(!queue.wait_until_idle(Duration::ZERO));
    let seconds = queue.lock().seconds_until(1, HOUR);
    assert!((60..62).contains(&seconds), "{seconds} s");
    queue.finished(&drawn[2], Status::Cancelled);
    assert!(queue.wait_until_idle(Duration::ZERO));
    let speed = queue.lock().speeds.of(0).estimate(2.0 * drawn[0].work);
    assert!((60.0..62.0).contains(&speed), "two were drawn in {speed} s");
}

#[test]
fn together_jobs_have_as_much_time_as_one_after_the_other() {
    let time = Duration::from_millis(1500);
    let queue = Queue::new(Places { waiting: 2, per_key: None, time }, vec![model()]);
    let jobs = ["1", "2"].map(|id| submit(&queue, id));
    let before = Instant::now();
    assert_eq!(queue.next(|_, _| true).unwrap().len(), 2);
    while jobs.iter().any(|job| job.cancel.check().is_ok()) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(before.elapsed() >= time * 2, "{:?}", before.elapsed());
}
