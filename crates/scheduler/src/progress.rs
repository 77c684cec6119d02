//! The latest word of running attempts: in memory, unsequenced, gone with the attempt.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use taskpilot_api::executions::Progress;
use taskpilot_domain::ids::{AttemptNumber, ExecutionId, SessionId};
use taskpilot_store::rows::stops::Held;

type Words = HashMap<ExecutionId, Progress>;

/// Progress by session and execution. The slots of the sessions bound it.
#[derive(Debug, Default)]
pub(crate) struct ProgressBoard(Mutex<HashMap<SessionId, Words>>);

impl ProgressBoard {
    /// Keeps what a session says in the place of what it said before, for the attempts that are its
    /// own; of all others it forgets what was said.
    pub(crate) fn note(
        &self,
        session: SessionId,
        own: &HashSet<Held>,
        said: impl IntoIterator<Item = (ExecutionId, Progress)>,
    ) {
        let mut board = self.lock();
        let mut words = board.remove(&session).unwrap_or_default();
        words.extend(said);
        words.retain(|execution, word| own.contains(&(*execution, word.attempt)));
        if !words.is_empty() {
            board.insert(session, words);
        }
    }

    /// What this attempt said last.
    pub(crate) fn of(
        &self,
        session: SessionId,
        execution: ExecutionId,
        attempt: AttemptNumber,
    ) -> Option<Progress> {
        let board = self.lock();
        let word = board.get(&session)?.get(&execution)?;
        (word.attempt == attempt).then(|| word.clone())
    }

    /// Forgets a session that has ended.
    pub(crate) fn forget(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Words>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use taskpilot_domain::time::Timestamp;

    use super::*;

    const OWN: AttemptNumber = AttemptNumber(1);

    fn word(percent: u8) -> Progress {
        Progress {
            attempt: OWN,
            percent: Some(percent),
            message: None,
            at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn what_is_no_longer_held_is_forgotten() {
        let (board, session) = (ProgressBoard::default(), SessionId::new(1).unwrap());
        let [first, second] = [1, 2].map(|id| ExecutionId::new(id).unwrap());
        let both = HashSet::from([(first, OWN), (second, OWN)]);
        board.note(session, &both, [(first, word(1)), (second, word(2))]);
        board.note(session, &HashSet::from([(second, OWN)]), []);
        let kept = [first, second].map(|id| board.of(session, id, OWN));
        assert_eq!(kept, [None, Some(word(2))]);
        board.note(session, &HashSet::new(), []);
        assert!(board.lock().is_empty());
    }

    #[test]
    fn a_session_speaks_for_its_own_attempts_only() {
        let board = ProgressBoard::default();
        let [holder, other] = [1, 2].map(|id| SessionId::new(id).unwrap());
        let execution = ExecutionId::new(1).unwrap();
        let own = HashSet::from([(execution, OWN)]);
        board.note(holder, &own, [(execution, word(1))]);
        board.note(other, &HashSet::new(), [(execution, word(99))]);
        assert_eq!(board.of(holder, execution, OWN), Some(word(1)));
        assert_eq!(board.of(other, execution, OWN), None);
    }
}
