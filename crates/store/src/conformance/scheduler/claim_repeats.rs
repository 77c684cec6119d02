//! The protocol of a claim: repeats, slots, hand-ins on the way.

use taskpilot_domain::execution::State;
use taskpilot_domain::limits::LEASE_MS;

use super::scene::Scene;
use super::words::{
    assert_same, at, canceled, fences, fresh_token, granted, hasty, held, job, job_with,
    nobodys_session, released, stage, succeeded,
};
use crate::conformance::SchedulerHarness;
use crate::rows::sessions::{ClaimOutcome, ClaimRequest, HandInVerdict, SessionGone, SessionRef};
use taskpilot_domain::stop::{How, StopEvent};

pub async fn a_repeat_of_the_last_claim_answers_the_same_grants(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 5]).await;
    let worker = scene.worker(at(0), 5).await;
    let first = scene.served(at(1), worker.next_claim(2)).await;
    let repeat = scene.served(at(9), worker.claim_again(1, 4)).await;
    assert_eq!(fences(&repeat.grants), fences(&first.grants));
    assert_same(&repeat.grants, &first.grants);
    assert_eq!(scene.session(&worker).await.running, 2);
}

pub async fn a_lost_reply_is_answered_after_a_restart(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 5]).await;
    let worker = scene.worker(at(0), 5).await;
    let first = scene.served(at(1), worker.next_claim(2)).await;
    let scene = scene.reopened(h).await;
    let repeat = scene.served(at(9), worker.claim_again(1, 2)).await;
    assert_eq!(fences(&repeat.grants), fences(&first.grants));
    assert_same(&repeat.grants, &first.grants);
}

pub async fn a_repeat_grants_nothing_new_when_an_attempt_of_it_has_ended(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 5]).await;
    let worker = scene.worker(at(0), 5).await;
    let first = scene.claim(&worker, at(1), 2).await;
    canceled(scene.cancel(at(2), first[0].fence.execution).await);
    let repeat = scene.served(at(3), worker.claim_again(1, 2)).await;
    let known = fences(&first);
    let again = fences(&repeat.grants);
    assert!(again.iter().all(|fence| known.contains(fence)));
    assert!(again.contains(&first[1].fence), "what it holds is repeated");
}

pub async fn a_repeat_says_that_it_is_one_even_if_nothing_of_it_is_left(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 5).await;
    let nothing = scene.served(at(1), worker.next_claim(1)).await;
    let id = scene.create(at(1), job()).await;
    let first = scene.served(at(2), worker.claim_again(1, 1)).await;
    canceled(scene.cancel(at(3), id).await);
    let again = scene.served(at(4), worker.claim_again(1, 1)).await;
    let shown = [nothing, first, again].map(|one| (granted(&one.grants), one.repeat));
    assert_eq!(shown, [(vec![], false), (vec![id], false), (vec![], true)]);
}

pub async fn an_older_claim_is_out_of_order(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 5]).await;
    let worker = scene.worker(at(0), 5).await;
    scene.claim_one(&worker, at(1)).await;
    scene.claim_one(&worker, at(1)).await;
    let outcome = scene.ask(at(2), worker.claim_again(1, 2)).await;
    assert!(matches!(outcome, ClaimOutcome::OutOfOrder), "{outcome:?}");
    assert_eq!(scene.session(&worker).await.running, 2);
}

pub async fn a_claim_that_got_nothing_may_be_asked_again(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 5).await;
    assert_eq!(granted(&scene.claim(&worker, at(1), 2).await), []);
    let id = scene.create(at(2), job()).await;
    let served = scene.served(at(3), worker.claim_again(1, 2)).await;
    assert_eq!(granted(&served.grants), [id], "a poll that waits is served");
}

/// A worker that ends drops the claim it waits for, says so, and goes: the claim may come last.
pub async fn a_claim_that_was_given_up_is_granted_nothing(h: &mut impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 5).await;
    let first = scene.create(at(0), hasty(1)).await;
    let grants = fences(&scene.claim(&worker, at(1), 1).await);
    let id = scene.create(at(2), hasty(1)).await;
    let given_up = worker.next_claim(1);
    scene.keep_alive(&worker, at(3), &grants).await;
    let scene = scene.reopened(h).await;
    let late = scene.served(at(4), given_up).await;
    assert_eq!((granted(&late.grants), late.repeat), (vec![], true));
    let before = scene.ask(at(4), worker.claim_again(1, 1)).await;
    assert!(matches!(before, ClaimOutcome::OutOfOrder), "{before:?}");
    scene.goodbye(&worker, at(5), Vec::new()).await;
    let states = [
        scene.standing(first).await.state,
        scene.standing(id).await.state,
    ];
    assert_eq!(states, [State::Failed, State::Pending], "it never began");
}

pub async fn numbers_of_claims_may_have_gaps(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let ids = scene.create_all(at(0), vec![job(); 2]).await;
    let worker = scene.worker(at(0), 5).await;
    let first = scene.served(at(1), worker.claim_again(10, 1)).await;
    let second = scene.served(at(1), worker.claim_again(25, 1)).await;
    assert_eq!(granted(&first.grants), ids[..1]);
    assert_eq!(granted(&second.grants), ids[1..]);
}

pub async fn tokens_bound_the_grants(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 5]).await;
    let worker = scene.worker(at(0), 5).await;
    assert_eq!(scene.claim(&worker, at(1), 2).await.len(), 2);
}

pub async fn slots_bound_the_grants(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 6]).await;
    let worker = scene.worker(at(0), 3).await;
    let grants = scene.claim(&worker, at(1), 6).await;
    assert_eq!(grants.len(), 3);
    assert_eq!(scene.claim(&worker, at(2), 6).await.len(), 0);
    scene
        .finish(&worker, at(3), succeeded(grants[0].fence))
        .await;
    assert_eq!(scene.claim(&worker, at(4), 6).await.len(), 1);
    assert_eq!(scene.claim(&worker, at(5), 6).await.len(), 0);
}

pub async fn a_slot_is_held_until_its_stop_is_settled(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1).await;
    let next = scene.create(at(2), job()).await;
    assert_eq!(granted(&scene.claim(&worker, at(3), 1).await), []);
    for event in [StopEvent::Delivered, StopEvent::Acknowledged] {
        scene
            .report(&worker, at(4), stage(grant.fence, event))
            .await;
        assert_eq!(granted(&scene.claim(&worker, at(4), 1).await), []);
    }
    let end = stage(grant.fence, StopEvent::Ended(How::Killed));
    scene.report(&worker, at(5), end).await;
    assert_eq!(granted(&scene.claim(&worker, at(6), 1).await), [next]);
}

pub async fn hand_ins_commit_before_the_grant_of_the_same_call(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), job()).await;
    let next = scene.create(at(1), job()).await;
    let request = ClaimRequest {
        hand_ins: vec![succeeded(first.fence)],
        ..worker.next_claim(1)
    };
    let served = scene.served(at(2), request).await;
    assert_eq!(served.verdicts, [HandInVerdict::Applied]);
    assert_eq!(granted(&served.grants), [next], "its slot is free at once");
    let standing = scene.standing(first.fence.execution).await;
    assert_eq!(standing.state, State::Succeeded);
}

pub async fn what_is_handed_back_can_be_granted_in_the_same_call(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), job()).await;
    let request = ClaimRequest {
        hand_ins: vec![released(first.fence)],
        ..worker.next_claim(1)
    };
    let served = scene.served(at(2), request).await;
    assert_eq!(served.verdicts, [HandInVerdict::Applied]);
    assert_eq!(
        served.grants.iter().map(held).collect::<Vec<_>>(),
        [(first.fence.execution, first.fence.attempt.next())]
    );
}

pub async fn a_repeat_with_its_hand_ins_is_answered_as_the_first_was(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), job()).await;
    scene.create_all(at(1), vec![job(); 2]).await;
    let mut request = ClaimRequest {
        hand_ins: vec![succeeded(first.fence)],
        ..worker.next_claim(1)
    };
    let served = scene.served(at(2), request.clone()).await;
    request.tokens = vec![fresh_token()];
    let repeat = scene.served(at(3), request).await;
    assert_eq!(repeat.verdicts, [HandInVerdict::Duplicate]);
    assert_eq!(fences(&repeat.grants), fences(&served.grants));
}

pub async fn hand_ins_get_their_verdicts_when_nothing_is_ready(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, first) = scene.running(at(0), job()).await;
    let request = ClaimRequest {
        hand_ins: vec![succeeded(first.fence), succeeded(first.fence)],
        ..worker.next_claim(1)
    };
    let served = scene.served(at(2), request).await;
    assert_eq!(
        served.verdicts,
        [HandInVerdict::Applied, HandInVerdict::Duplicate]
    );
    assert_eq!(granted(&served.grants), []);
}

pub async fn a_claim_tells_what_is_left_of_the_lease(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    let served = scene.served(at(12_000), worker.next_claim(1)).await;
    assert_eq!(served.remaining_ms, LEASE_MS - 12_000);
}

pub async fn a_claim_does_not_renew_the_lease(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    scene.claim(&worker, at(20_000), 1).await;
    assert_eq!(scene.session(&worker).await, worker.registered);
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 1);
}

pub async fn an_unknown_session_claims_nothing_and_hands_in_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), job()).await;
    scene.create(at(1), job()).await;
    let forged = [
        SessionRef {
            token: fresh_token(),
            ..worker.session
        },
        SessionRef {
            id: nobodys_session(),
            ..worker.session
        },
    ];
    for session in forged {
        let request = ClaimRequest {
            session,
            hand_ins: vec![succeeded(grant.fence)],
            ..worker.next_claim(1)
        };
        match scene.ask(at(2), request).await {
            ClaimOutcome::Gone { why, verdicts } => {
                assert_eq!((why, verdicts), (SessionGone::Unknown, vec![]));
            }
            other => panic!("it was let in: {other:?}"),
        }
    }
    let standing = scene.standing(grant.fence.execution).await;
    assert_eq!(standing.state, State::Running);
}

pub async fn a_session_that_ended_claims_nothing_but_its_hand_ins_are_judged(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = scene
        .running(at(0), job_with(|job| job.options.retry.max_attempts = 1))
        .await;
    scene.create(at(1), job()).await;
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 1);
    let request = ClaimRequest {
        hand_ins: vec![succeeded(grant.fence)],
        ..worker.next_claim(1)
    };
    match scene.ask(at(LEASE_MS + 2), request).await {
        ClaimOutcome::Gone { why, verdicts } => assert_eq!(
            (why, verdicts),
            (SessionGone::Ended, vec![HandInVerdict::Stale])
        ),
        other => panic!("it was let in: {other:?}"),
    }
    let standing = scene.standing(grant.fence.execution).await;
    assert_eq!(standing.state, State::Failed);
}

pub async fn a_lapsed_session_claims_nothing_before_it_is_expired(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let worker = scene.worker(at(0), 1).await;
    let id = scene.create(at(1), job()).await;
    let outcome = scene.ask(at(LEASE_MS + 1), worker.next_claim(1)).await;
    assert!(
        matches!(
            outcome,
            ClaimOutcome::Gone {
                why: SessionGone::Ended,
                ..
            }
        ),
        "a grant under a lease that is over would be lost at once: {outcome:?}"
    );
    assert_eq!(scene.standing(id).await.state, State::Pending);
}
