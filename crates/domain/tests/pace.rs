//! The pace of a cancellation through random delays, failures and lost answers: no second has more
//! verdicts than its rate, and one that goes on when it may comes on nearly as fast.

use std::collections::BTreeSet;

use proptest::prelude::*;
use taskpilot_domain::cancellation::{MaxPerSecond, Pace, Turn};
use taskpilot_domain::time::Timestamp;

/// What becomes of the answer to one step.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// It is kept whole.
    Kept,
    /// It is lost, or the process ends before it is kept.
    Lost,
    /// This one of so many is kept, and so on.
    EveryNth(usize),
}

#[derive(Debug, Clone, Copy)]
struct Step {
    /// From the time at which it may begin.
    late_ms: u64,
    takes_ms: u64,
    /// In hundredths of the time that it takes: when the scheduler decides.
    decided_at: u64,
    answer: Answer,
}

fn step() -> impl Strategy<Value = Step> {
    let late = prop_oneof![6 => Just(0), 2 => 0_u64..300, 1 => 0_u64..20_000];
    let takes = prop_oneof![4 => Just(0), 4 => 0_u64..120, 1 => 0_u64..3_000];
    let answer = prop_oneof![
        6 => Just(Answer::Kept),
        1 => Just(Answer::Lost),
        2 => (2_usize..5).prop_map(Answer::EveryNth),
    ];
    (late, takes, 0_u64..=100, answer).prop_map(|(late_ms, takes_ms, decided_at, answer)| Step {
        late_ms,
        takes_ms,
        decided_at,
        answer,
    })
}

/// Small ones, and a few whose portions do not fill a second.
fn rate() -> impl Strategy<Value = u32> {
    prop_oneof![1_u32..=30, 31_u32..=400]
}

/// The items of a cancellation, decided in the order of their numbers.
struct World {
    max: Option<MaxPerSecond>,
    pace: Pace,
    now: Timestamp,
    /// Of those that were looked at.
    undecided: BTreeSet<u32>,
    next: u32,
    /// When the scheduler decided each of them.
    verdicts: Vec<Option<Timestamp>>,
}

impl World {
    fn of(rate: u32) -> Self {
        Self {
            max: MaxPerSecond::new(rate).ok(),
            pace: Pace::BEGIN,
            now: Timestamp::EPOCH.plus_ms(1_000_000),
            undecided: BTreeSet::new(),
            next: 0,
            verdicts: Vec::new(),
        }
    }

    fn run(&mut self, step: Step) {
        if let Turn::At(due_at) = self.pace.turn(self.max, self.now) {
            self.now = due_at;
        }
        self.now = self.now.plus_ms(step.late_ms);
        let Turn::Now { at_most } = self.pace.turn(self.max, self.now) else {
            panic!("it is not due when it said: {:?}", self.pace);
        };
        let slice = self.first(at_most as usize);
        let decided_at = self.now.plus_ms(step.takes_ms * step.decided_at / 100);
        for item in &slice {
            self.verdicts[*item as usize].get_or_insert(decided_at);
        }
        self.now = self.now.plus_ms(step.takes_ms);
        let kept: Vec<u32> = match step.answer {
            Answer::Kept => slice,
            Answer::Lost => Vec::new(),
            Answer::EveryNth(nth) => slice.into_iter().step_by(nth).collect(),
        };
        for item in &kept {
            self.undecided.remove(item);
        }
        self.pace = self.pace.after(self.max, kept.len() as u64, self.now);
    }

    /// The first that are not decided for all that is known.
    fn first(&mut self, count: usize) -> Vec<u32> {
        while self.undecided.len() < count {
            self.undecided.insert(self.next);
            self.verdicts.push(None);
            self.next += 1;
        }
        self.undecided.iter().copied().take(count).collect()
    }

    /// The most verdicts that fell within a second.
    fn most_in_a_second(&self) -> usize {
        let mut times: Vec<_> = self.verdicts.iter().flatten().copied().collect();
        times.sort_unstable();
        let within = |(index, at): (usize, &Timestamp)| {
            let end = at.plus_ms(1_000);
            times[index..].partition_point(|other| *other < end)
        };
        times.iter().enumerate().map(within).max().unwrap_or(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_second_has_more_verdicts_than_the_rate(
        rate in rate(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::of(rate);
        for step in steps {
            world.run(step);
            prop_assert!(world.pace.decided < rate.div_ceil(10).max(1), "{:?}", world.pace);
        }
        let most = world.most_in_a_second();
        prop_assert!(most <= rate as usize, "{most} of {rate}");
    }

    #[test]
    fn what_goes_on_when_it_may_comes_on(rate in rate()) {
        let mut world = World::of(rate);
        let end = world.now.plus_ms(10_000);
        let at_once = Step { late_ms: 0, takes_ms: 0, decided_at: 0, answer: Answer::Kept };
        while world.now < end {
            world.run(at_once);
        }
        let expected = rate as usize * 9;
        prop_assert!(world.verdicts.len() >= expected, "{} of {rate}", world.verdicts.len());
    }
}
