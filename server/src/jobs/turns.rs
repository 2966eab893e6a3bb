//! Whose turn it is: each owner has a line of their own, and whoever was served longest ago comes first.
//!
//! So one key with many requests and another with few each get every second turn, and a newcomer waits for what is
//! drawn already (one job, or small ones that are drawn together) and for one job of each other owner at the most.
//! Within a line the order is that of arrival.

use std::collections::VecDeque;
use std::sync::Arc;

use super::job::{Job, Status};

/// Jobs that wait.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Also of owners who have nothing waiting: when they were served last must not be forgotten. There are no more
    /// than there are keys.
    lines: Vec<Line>,
    /// Turns that were taken.
    taken: u64,
    /// Jobs that came.
    arrived: u64,
}

#[derive(Debug)]
struct Line {
    owner: String,
    /// The number of the last turn; 0 before the first.
    served: u64,
    /// Each with the number of its arrival.
    waiting: VecDeque<(u64, Arc<Job>)>,
}

impl Turns {
    pub(super) fn push(&mut self, job: Arc<Job>) {
        self.arrived += 1;
        let (number, owner) = (self.arrived, &job.ticket.owner);
        let line = match self.lines.iter().position(|line| line.owner == *owner) {
            Some(at) => &mut self.lines[at],
            None => {
                self.lines.push(Line { owner: owner.clone(), served: 0, waiting: VecDeque::new() });
                self.lines.last_mut().expect("it was pushed just now")
            }
        };
        line.waiting.push_back((number, job));
    }

    /// The job whose turn it is.
    pub(super) fn first(&mut self) -> Option<&Arc<Job>> {
        self.next_line()?.waiting.front().map(|(_, job)| job)
    }

    /// Takes it.
    pub(super) fn pop(&mut self) -> Option<Arc<Job>> {
        let turn = self.taken + 1;
        let next = self.next_line()?;
        next.served = turn;
        let job = next.waiting.pop_front().map(|(_, job)| job);
        self.taken = turn;
        job
    }

    fn next_line(&mut self) -> Option<&mut Line> {
        self.forget_cancelled();
        let first = |line: &Line| line.waiting.front().map(|(number, _)| (line.served, *number));
        self.lines.iter_mut().filter(|line| !line.waiting.is_empty()).min_by_key(|line| first(line))
    }

    /// Everything that waits, in the order in which it is drawn if no other request comes.
    pub(super) fn order(&self) -> Vec<Arc<Job>> {
        let waits = |(_, job): &&(u64, Arc<Job>)| matches!(job.status(), Status::Queued);
        let line =
            |line: &Line| (line.served, line.waiting.iter().filter(waits).cloned().collect::<Vec<_>>());
        let mut lines: Vec<_> = self.lines.iter().map(line).filter(|(_, jobs)| !jobs.is_empty()).collect();
        lines.sort_by_key(|(served, jobs)| (*served, jobs[0].0));
        // Whoever had a turn is last from then on, so that every round goes in the order of the first.
        let rounds = lines.iter().map(|(_, jobs)| jobs.len()).max().unwrap_or(0);
        let round = |turn: usize| lines.iter().filter_map(move |(_, jobs)| jobs.get(turn));
        (0..rounds).flat_map(round).map(|(_, job)| job.clone()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lines.iter().map(|line| line.waiting.len()).sum()
    }

    /// How many of this owner's wait.
    pub(super) fn len_of(&self, owner: &str) -> usize {
        self.lines.iter().find(|line| line.owner == owner).map_or(0, |line| line.waiting.len())
    }

    /// Jobs that were cancelled while they waited take no place.
    pub(super) fn forget_cancelled(&mut self) {
        for line in &mut self.lines {
            line.waiting.retain(|(_, job)| matches!(job.status(), Status::Queued));
        }
    }

    /// Everything that waits; nothing does any more.
    pub(super) fn take_all(&mut self) -> Vec<Arc<Job>> {
        self.lines.iter_mut().flat_map(|line| line.waiting.drain(..)).map(|(_, job)| job).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::job::Cost;
    use crate::jobs::{Outcome, Spec, Ticket};
    use crate::problem::Family;

    fn job(id: &str) -> Arc<Job> {
        let owner = id.chars().take_while(|letter| letter.is_alphabetic()).collect();
        Arc::new(Job::new(
            Ticket { id: id.into(), owner, family: Family::OpenAi, previews: 0, outcome: Outcome::Files },
            Spec::default(),
            Cost { model: 0, pace: 0, work: 1.0 },
        ))
    }

    /// What is drawn next, to the end.
    fn rest(turns: &mut Turns) -> Vec<String> {
        std::iter::from_fn(|| turns.pop()).map(|job| job.ticket.id.clone()).collect()
    }

    #[test]
    fn each_owner_has_a_turn_and_their_own_order_is_kept() {
        let mut turns = Turns::default();
        ["a1", "a2", "a3", "b1", "c1", "c2"].into_iter().for_each(|id| turns.push(job(id)));
        let foretold: Vec<_> = turns.order().iter().map(|job| job.ticket.id.clone()).collect();
        assert_eq!(foretold, ["a1", "b1", "c1", "a2", "c2", "a3"]);
        assert_eq!(rest(&mut turns), foretold);
    }

    #[test]
    fn who_was_served_longest_ago_comes_before_who_has_waited_longest() {
        let mut turns = Turns::default();
        ["a1", "a2", "a3", "b1"].into_iter().for_each(|id| turns.push(job(id)));
        assert_eq!([turns.pop(), turns.pop()].map(|job| job.unwrap().ticket.id.clone()), ["a1", "b1"]);
        assert_eq!(turns.pop().unwrap().ticket.id, "a2");
        // It came last of all, while a2 is drawn.
        turns.push(job("b2"));
        assert_eq!(turns.order()[0].ticket.id, "b2");
        assert_eq!(rest(&mut turns), ["b2", "a3"]);
    }

    #[test]
    fn of_two_who_always_have_something_each_gets_half_whatever_they_have_waiting() {
        let mut turns = Turns::default();
        (0..50).for_each(|number| turns.push(job(&format!("greedy{number}"))));
        let mut polite = 0;
        for number in 0..40 {
            // Asks for one, waits for it, asks for the next.
            turns.push(job(&format!("polite{number}")));
            while turns.pop().unwrap().ticket.owner != "polite" {}
            polite += 1;
        }
        assert_eq!((polite, turns.len()), (40, 50 - 40));
    }

    #[test]
    fn what_was_cancelled_is_passed_over_and_takes_no_place() {
        let mut turns = Turns::default();
        let jobs = ["a1", "a2", "b1"].map(job);
        jobs.iter().cloned().for_each(|job| turns.push(job));
        jobs[0].cancel();
        assert_eq!(turns.order().len(), 2);
        turns.forget_cancelled();
        assert_eq!((turns.len(), turns.len_of("a"), turns.len_of("nobody")), (2, 1, 0));
        assert_eq!(rest(&mut turns), ["a2", "b1"]);
    }
}
