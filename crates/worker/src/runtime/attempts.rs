//! The attempts of a session, from their grant until their end is answered.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use taskpilot_api::workers::{AttemptProgress, AttemptRef, FencedAttempt, Order};
use taskpilot_domain::ids::{AttemptNumber, ExecutionId};
use taskpilot_domain::limits::KILL_MS;
use taskpilot_domain::stop::{Containment, StopCause};

use super::function_loop::Reins;
use super::messages::Word;
use crate::clock::BootInstant;
use crate::handlers::{Handler, Progress, ProgressCell};
use crate::limits::{PROGRESS_PER_BEAT_MAX, PROOF_SLACK_MS, REMEMBERED_MAX};
use crate::notice::StopNotice;
use crate::supervised::{NotDelivered, Supervised};

/// One attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) handler: Arc<Handler>,
    /// From the polite signal to the kill, where no order says otherwise.
    pub(crate) grace_ms: u64,
    pub(crate) phase: Phase,
    /// Whether nothing of it may run before the scheduler was asked.
    pub(crate) confirms_start: bool,
    /// Whether it is asked, and not answered yet.
    pub(crate) awaits_start: bool,
    pub(crate) stop: Option<Stop>,
    /// What encloses its program, as its supervisor said.
    pub(crate) containment: Containment,
    /// When the tree was first signaled because it shall stop.
    pub(crate) signaled_at: Option<BootInstant>,
    /// SIGKILL did not end the tree so far: some of what is left.
    pub(crate) survivors: Vec<i32>,
    /// Since when its function goes on beyond its grace.
    pub(crate) ignored_at: Option<BootInstant>,
    /// What its function says of itself.
    pub(crate) progress: ProgressCell,
    /// The number of the last word that the scheduler has.
    pub(crate) progress_told: u64,
}

/// How far an attempt has come.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Its supervisor or function is being prepared; nothing of it runs.
    Preparing,
    /// Its program was let run.
    Running(Supervised),
    /// Its function was let begin, or told not to.
    Calling(Reins),
    /// Nothing of it is left; its end is to be answered.
    Ended,
}

/// An attempt shall end before its own end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) why: Why,
    /// What its handler is told.
    pub(crate) notice: Arc<StopNotice>,
    pub(crate) grace_ms: u64,
    /// From the end of the grace until a supervisor that has proven nothing is given up.
    pub(crate) proof_ms: u64,
}

impl Stop {
    pub(crate) fn new(why: Why, grace_ms: u64) -> Self {
        Self {
            why,
            notice: Arc::new(StopNotice::of(why.cause())),
            grace_ms,
            proof_ms: KILL_MS + PROOF_SLACK_MS,
        }
    }

    /// An order of the scheduler, with all that it says.
    pub(crate) fn ordered(order: &Order) -> Self {
        Self {
            notice: Arc::new(StopNotice::ordered(order)),
            ..Self::new(Why::Order, order.grace_ms)
        }
    }
}

/// Why an attempt shall end; the later of two reasons here is the one that counts.
///
/// What ran longer than its handler allows did so, whatever came then. An order outranks all reasons
/// of our own. What is lost is nobody's business any more; a dead session still hears how things
/// ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// Its supervisor could not be told to let it run, or it may not begin any more.
    NotStarted,
    /// The worker ends.
    Shutdown,
    /// The session is dead.
    SessionDead,
    /// It has run as long as its handler may.
    HandlerTimeout,
    /// The scheduler ordered it.
    Order,
    /// The scheduler took it back.
    Lost,
}

impl Why {
    /// As it is told to a handler, where no order says more.
    fn cause(self) -> StopCause {
        match self {
            Self::NotStarted | Self::Shutdown => StopCause::Shutdown,
            Self::SessionDead | Self::Lost => StopCause::Lease,
            Self::HandlerTimeout => StopCause::Timeout,
            Self::Order => StopCause::User,
        }
    }
}

impl Attempt {
    pub(crate) fn new(handler: Arc<Handler>, grace_ms: u64) -> Self {
        Self {
            handler,
            grace_ms,
            phase: Phase::Preparing,
            confirms_start: false,
            awaits_start: false,
            stop: None,
            containment: Containment::Subreaper,
            signaled_at: None,
            survivors: Vec::new(),
            ignored_at: None,
            progress: ProgressCell::default(),
            progress_told: 0,
        }
    }

    /// Whether something of it runs or may come to run.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Ended)
    }

    /// Whether nothing of its handler has run so far, as far as the dispatcher let it.
    pub(crate) fn is_unbegun(&self) -> bool {
        matches!(self.phase, Phase::Preparing) || self.awaits_start
    }

    pub(crate) fn why(&self) -> Option<Why> {
        self.stop.as_ref().map(|stop| stop.why)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.why() == Some(Why::Lost)
    }

    /// Stops it, or shortens the grace of the stop that is under way.
    pub(crate) fn stop(&mut self, stop: Stop) {
        let known = self.stop.get_or_insert_with(|| stop.clone());
        if stop.why > known.why {
            known.why = stop.why;
            known.notice = stop.notice;
        }
        known.grace_ms = known.grace_ms.min(stop.grace_ms);
        known.proof_ms = known.proof_ms.min(stop.proof_ms);
        self.press();
    }

    /// Tells the supervisor of the stop, once more if need be. A repeat can only shorten the grace.
    pub(crate) fn press(&mut self) {
        if let (Phase::Calling(reins), Some(stop)) = (&self.phase, &self.stop) {
            reins.stop(stop.clone());
        }
        if let (Phase::Running(supervised), Some(stop)) = (&self.phase, &self.stop) {
            // One that reads nothing now is told again at the next heartbeat, and given up in time.
            let (grace_ms, proof_ms) = (stop.grace_ms, stop.proof_ms);
            let told = supervised.stop_within(
                Duration::from_millis(grace_ms),
                Duration::from_millis(proof_ms),
                Some(&stop.notice),
            );
            if told == Err(NotDelivered::Busy) {
                tracing::warn!("a supervisor does not read its orders");
            }
        }
    }

    pub(crate) fn extend_lease(&self, lease_end: BootInstant) {
        if let Phase::Running(supervised) = &self.phase {
            let _ = supervised.extend_lease(lease_end);
        }
        if let Phase::Calling(reins) = &self.phase {
            reins.extend_lease(lease_end);
        }
    }
}

/// All attempts whose end was not answered, and the names of some that were.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    known: HashMap<FencedAttempt, Attempt>,
    answered: HashSet<FencedAttempt>,
    ages: VecDeque<FencedAttempt>,
    /// Whose word the scheduler had last.
    told_last: Option<Rank>,
}

/// The order in which functions have their say.
type Rank = (ExecutionId, AttemptNumber);

impl Attempts {
    pub(crate) fn insert(&mut self, fenced: FencedAttempt, attempt: Attempt) {
        self.known.insert(fenced, attempt);
    }

    pub(crate) fn contains(&self, fenced: FencedAttempt) -> bool {
        self.known.contains_key(&fenced) || self.answered.contains(&fenced)
    }

    /// Whether its end was answered: there is nothing more to say about it.
    pub(crate) fn is_answered(&self, fenced: FencedAttempt) -> bool {
        self.answered.contains(&fenced)
    }

    pub(crate) fn get_mut(&mut self, fenced: FencedAttempt) -> Option<&mut Attempt> {
        self.known.get_mut(&fenced)
    }

    /// Its end was answered, or nobody asks for it.
    pub(crate) fn settle(&mut self, fenced: FencedAttempt) {
        if self.known.remove(&fenced).is_some() && self.answered.insert(fenced) {
            self.ages.push_back(fenced);
            if self.ages.len() > REMEMBERED_MAX {
                self.ages
                    .pop_front()
                    .map(|oldest| self.answered.remove(&oldest));
            }
        }
    }

    /// Everything that was granted and whose end is not answered.
    pub(crate) fn held(&self) -> Vec<AttemptRef> {
        let ours = self.known.iter().filter(|(_, attempt)| !attempt.is_lost());
        ours.map(|(fenced, _)| reference(*fenced)).collect()
    }

    /// What running functions have said since they were last heard, as far as it fits: first those
    /// behind the last one that was told, so that each has its turn.
    pub(crate) fn words(&self) -> Vec<Word> {
        let known = self.known.iter();
        let mut live: Vec<_> = known.filter(|(_, attempt)| attempt.is_live()).collect();
        live.sort_unstable_by_key(|(fenced, _)| rank(**fenced));
        let next = live.partition_point(|(fenced, _)| Some(rank(**fenced)) <= self.told_last);
        live.rotate_left(next);
        let news = live.into_iter().filter_map(|(fenced, attempt)| {
            let latest = attempt.progress.after(attempt.progress_told)?;
            Some(word(*fenced, latest))
        });
        news.take(PROGRESS_PER_BEAT_MAX).collect()
    }

    /// The scheduler has these.
    pub(crate) fn told(&mut self, words: &[Word]) {
        for word in words {
            if let Some(attempt) = self.known.get_mut(&word.fenced) {
                attempt.progress_told = attempt.progress_told.max(word.number);
            }
            self.told_last = Some(rank(word.fenced));
        }
    }

    pub(crate) fn find(&self, named: AttemptRef) -> Option<FencedAttempt> {
        self.known
            .keys()
            .find(|fenced| reference(**fenced) == named)
            .copied()
    }

    pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = (FencedAttempt, &mut Attempt)> {
        self.known.iter_mut().map(|(fenced, one)| (*fenced, one))
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = (FencedAttempt, &Attempt)> {
        let known = self.known.iter().map(|(fenced, one)| (*fenced, one));
        known.filter(|(_, attempt)| attempt.is_live())
    }

    pub(crate) fn any_live(&self) -> bool {
        self.live().next().is_some()
    }
}

fn rank(fenced: FencedAttempt) -> Rank {
    (fenced.execution_id, fenced.attempt)
}

fn word(fenced: FencedAttempt, latest: Progress) -> Word {
    Word {
        fenced,
        number: latest.number,
        progress: AttemptProgress {
            execution_id: fenced.execution_id,
            attempt: fenced.attempt,
            token: fenced.token,
            percent: latest.percent,
            message: latest.message,
        },
    }
}

fn reference(fenced: FencedAttempt) -> AttemptRef {
    AttemptRef {
        execution_id: fenced.execution_id,
        attempt: fenced.attempt,
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::ids::Token;

    use super::*;
    use crate::handlers::Handlers;

    #[test]
    fn functions_that_always_have_news_take_turns() {
        let handler = Handlers::built_in().find("demo-slow").unwrap();
        let mut attempts = Attempts::default();
        let mut cells = Vec::new();
        for execution in 1..=250 {
            let attempt = Attempt::new(handler.clone(), 1);
            cells.push(attempt.progress.clone());
            let fenced = FencedAttempt {
                execution_id: ExecutionId::new(execution).unwrap(),
                attempt: AttemptNumber(1),
                token: Token::from_bytes([1; 16]),
            };
            attempts.insert(fenced, attempt);
        }
        let mut heard = Vec::new();
        for _ in 0..5 {
            for cell in &cells {
                cell.set(None, Some("on the way"));
            }
            // One that was not answered is said again.
            attempts.words();
            let words = attempts.words();
            attempts.told(&words);
            heard.extend(words.iter().map(|word| word.fenced.execution_id.get()));
        }
        let twice: Vec<i64> = (1..=250).chain(1..=250).collect();
        assert_eq!(heard, twice);
    }
}
