//! The queue of claims that wait for work: first come, first woken.
//!
//! A wake says that at least one execution is ready: one commit may make many so and say it once. It
//! is never lost: a waiter that goes away, takes nothing or may have left something passes it on,
//! and only to those who already waited when it was made, so that it comes to an end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskpilot_domain::ids::SessionId;
use taskpilot_domain::names::{Namespace, QueueName, TaskType};
use tokio::sync::oneshot;

/// What became claimable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) namespace: Namespace,
    pub(super) queue: QueueName,
    pub(super) kind: TaskType,
}

/// What a claim can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) namespace: Namespace,
    pub(crate) queues: Vec<QueueName>,
    pub(crate) types: Vec<TaskType>,
}

impl Interest {
    fn includes(&self, ready: &Ready) -> bool {
        self.namespace == ready.namespace
            && self.queues.contains(&ready.queue)
            && self.types.contains(&ready.kind)
    }
}

/// A wake on its way: `None` says "look", whatever became ready.
#[derive(Debug, Clone)]
struct Wake {
    ready: Option<Ready>,
    /// Only seats with a lower ticket may have it.
    before: u64,
    /// There may be nothing: somebody was served by it already, or it came before the work.
    rest: bool,
}

#[derive(Debug)]
struct Waiter {
    session: SessionId,
    interest: Interest,
    wake: oneshot::Sender<Wake>,
}

#[derive(Debug, Default)]
struct Waiters {
    next_ticket: u64,
    by_ticket: BTreeMap<u64, Waiter>,
}

/// Claims that wait.
#[derive(Debug, Default)]
pub(super) struct ClaimQueue(Mutex<Waiters>);

impl ClaimQueue {
    pub(super) fn register(queue: &Arc<Self>, session: SessionId, interest: Interest) -> ClaimSeat {
        let (wake, woken) = oneshot::channel();
        let mut waiters = queue.lock();
        waiters
            .by_ticket
            .retain(|_, waiter| waiter.session != session);
        let ticket = waiters.next_ticket;
        waiters.next_ticket += 1;
        waiters.by_ticket.insert(
            ticket,
            Waiter {
                session,
                interest,
                wake,
            },
        );
        ClaimSeat {
            queue: queue.clone(),
            ticket,
            woken,
            held: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().by_ticket.len()
    }

    pub(super) fn wake(&self, ready: Ready) {
        self.call(ready, false);
    }

    /// A wake before there is anything: it ends with the first who finds nothing. `false` where
    /// nobody waits.
    pub(super) fn expect(&self, ready: Ready) -> bool {
        self.call(ready, true)
    }

    fn call(&self, ready: Ready, rest: bool) -> bool {
        let before = self.lock().next_ticket;
        self.hand_over(Wake {
            ready: Some(ready),
            before,
            rest,
        })
    }

    pub(super) fn wake_all(&self) {
        let waiters = std::mem::take(&mut self.lock().by_ticket);
        for waiter in waiters.into_values() {
            let _ = waiter.wake.send(Wake {
                ready: None,
                before: 0,
                rest: false,
            });
        }
    }

    /// Whether somebody took it.
    fn hand_over(&self, mut wake: Wake) -> bool {
        let mut waiters = self.lock();
        loop {
            let Some(ready) = &wake.ready else {
                return false;
            };
            let mut older = waiters.by_ticket.range(..wake.before);
            let next = older.find(|(_, waiter)| waiter.interest.includes(ready));
            let Some(ticket) = next.map(|(ticket, _)| *ticket) else {
                return false;
            };
            let Some(waiter) = waiters.by_ticket.remove(&ticket) else {
                return false;
            };
            match waiter.wake.send(wake) {
                Ok(()) => return true,
                Err(back) => wake = back,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue.
#[derive(Debug)]
pub(crate) struct ClaimSeat {
    queue: Arc<ClaimQueue>,
    ticket: u64,
    woken: oneshot::Receiver<Wake>,
    held: Option<Wake>,
}

impl ClaimSeat {
    /// Returns at the wake; `false` when a newer claim of the same session took the place.
    pub(crate) async fn woken(&mut self) -> bool {
        match (&mut self.woken).await {
            Ok(wake) => {
                self.held = Some(wake);
                true
            }
            Err(_) => false,
        }
    }

    /// Whether a wake is held that must be answered for.
    pub(crate) fn is_woken(&self) -> bool {
        self.held.is_some()
    }

    /// Answers for the wake after a look.
    pub(crate) fn looked(mut self, look: Look) {
        match (look, &mut self.held) {
            (Look::TookTheLast, held) => *held = None,
            (Look::FoundNothing, held) if held.as_ref().is_some_and(|wake| wake.rest) => {
                *held = None;
            }
            (Look::TookSome, Some(wake)) => {
                wake.rest = true;
                // Two for one: many executions of one commit find their takers in few rounds.
                let second = wake.clone();
                self.queue.hand_over(second);
            }
            (Look::TookSome | Look::FoundNothing | Look::HadNoRoom, _) => {}
        }
        // What is still held is passed on by the drop.
    }
}

/// What came of a look after a wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Something was granted, and nothing is left.
    TookTheLast,
    /// As much was granted as was asked for: there may be more.
    TookSome,
    /// Nothing was granted, although there was room.
    FoundNothing,
    /// Nothing could be granted.
    HadNoRoom,
}

impl Drop for ClaimSeat {
    fn drop(&mut self) {
        self.queue.lock().by_ticket.remove(&self.ticket);
        let unused = self.held.take().or_else(|| self.woken.try_recv().ok());
        if let Some(wake) = unused {
            self.queue.hand_over(wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: i64) -> SessionId {
        SessionId::new(id).unwrap()
    }

    fn ready(queue: &str) -> Ready {
        Ready {
            namespace: Namespace::default_namespace(),
            queue: QueueName::new(queue).unwrap(),
            kind: TaskType::new("demo").unwrap(),
        }
    }

    fn seat(claims: &Arc<ClaimQueue>, id: i64, queue: &str) -> ClaimSeat {
        let Ready {
            namespace,
            queue,
            kind,
        } = ready(queue);
        let interest = Interest {
            namespace,
            queues: vec![queue],
            types: vec![kind],
        };
        ClaimQueue::register(claims, session(id), interest)
    }

    fn is_woken(seat: &mut ClaimSeat) -> bool {
        match seat.woken.try_recv() {
            Ok(wake) => {
                seat.held = Some(wake);
                true
            }
            Err(_) => false,
        }
    }

    #[test]
    fn one_execution_wakes_the_first_who_can_take_it() {
        let claims = Arc::new(ClaimQueue::default());
        let mut other = seat(&claims, 1, "mail");
        let mut first = seat(&claims, 2, "default");
        let mut second = seat(&claims, 3, "default");
        claims.wake(ready("default"));
        let woken = [&mut other, &mut first, &mut second].map(is_woken);
        assert_eq!(woken, [false, true, false]);
    }

    #[test]
    fn who_takes_nothing_passes_its_wake_on_and_it_ends() {
        let claims = Arc::new(ClaimQueue::default());
        let mut first = seat(&claims, 1, "default");
        let mut second = seat(&claims, 2, "default");
        claims.wake(ready("default"));
        assert!(is_woken(&mut first));
        drop(first);
        assert!(is_woken(&mut second));
        let mut again = seat(&claims, 1, "default");
        drop(second);
        assert!(
            !is_woken(&mut again),
            "it came after the wake and has looked for itself"
        );
    }

    #[test]
    fn expected_work_calls_one_who_may_find_nothing() {
        let claims = Arc::new(ClaimQueue::default());
        let mut first = seat(&claims, 1, "default");
        let mut second = seat(&claims, 2, "default");
        let mut third = seat(&claims, 3, "default");
        assert!(claims.expect(ready("default")));
        assert!(is_woken(&mut first));
        first.looked(Look::FoundNothing);
        assert!(!is_woken(&mut second), "it ends with the first");
        claims.expect(ready("default"));
        assert!(is_woken(&mut second));
        drop(second);
        assert!(is_woken(&mut third), "whoever goes away passes it on");
        assert!(!claims.expect(ready("default")), "nobody is left");
    }

    #[test]
    fn a_wake_that_nobody_heard_is_passed_on() {
        let claims = Arc::new(ClaimQueue::default());
        let first = seat(&claims, 1, "default");
        let mut second = seat(&claims, 2, "default");
        claims.wake(ready("default"));
        drop(first);
        assert!(is_woken(&mut second));
    }

    #[test]
    fn a_used_wake_is_not_passed_on() {
        let claims = Arc::new(ClaimQueue::default());
        let mut first = seat(&claims, 1, "default");
        let mut second = seat(&claims, 2, "default");
        claims.wake(ready("default"));
        assert!(is_woken(&mut first));
        first.looked(Look::TookTheLast);
        assert!(!is_woken(&mut second));
    }

    #[test]
    fn what_one_may_have_left_wakes_two_more_and_ends_where_nothing_is_found() {
        let claims = Arc::new(ClaimQueue::default());
        let mut seats: Vec<_> = (1..=5).map(|id| seat(&claims, id, "default")).collect();
        claims.wake(ready("default"));
        assert!(is_woken(&mut seats[0]));
        seats.remove(0).looked(Look::TookSome);
        let woken: Vec<bool> = seats.iter_mut().map(is_woken).collect();
        assert_eq!(woken, [true, true, false, false]);
        seats.remove(0).looked(Look::FoundNothing);
        seats.remove(0).looked(Look::HadNoRoom);
        let woken: Vec<bool> = seats.iter_mut().map(is_woken).collect();
        assert_eq!(woken, [true, false]);
    }

    #[test]
    fn a_newer_claim_of_a_session_takes_the_place_of_the_older() {
        let claims = Arc::new(ClaimQueue::default());
        let mut older = seat(&claims, 1, "default");
        let _newer = seat(&claims, 1, "default");
        let closed = older.woken.try_recv().unwrap_err();
        assert_eq!(closed, oneshot::error::TryRecvError::Closed);
    }
}
