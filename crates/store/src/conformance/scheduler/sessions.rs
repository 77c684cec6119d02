//! Worker sessions: registration, proof, goodbye, the list.

use taskpilot_domain::execution::{AttemptEnd, Phase, State};
use taskpilot_domain::limits::LEASE_MS;
use taskpilot_domain::retry::Backoff;
use taskpilot_domain::stop::Containment;

use super::scene::Scene;
use super::words::{
    AT_ONCE, LONGEST, abroad, assert_same, at, canceled, fresh_token, granted, hasty, held, home,
    job, job_with, kind, nobodys_execution, nobodys_session, queue, session, stage, stop_of,
    succeeded, worker_name,
};
use crate::conformance::SchedulerHarness;
use crate::rows::sessions::{FinishOutcome, HandInVerdict, SessionGone, SessionRecord, SessionRef};
use taskpilot_domain::ids::AttemptNumber;
use taskpilot_domain::stop::{How, StopEvent, StopStatus};

pub async fn a_registered_session_is_listed_as_it_registered(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut new = session(17);
    new.queues = vec![queue("a"), queue("b")];
    new.types = vec![kind("x"), kind("y/z:1")];
    new.containment = Containment::Cgroup;
    new.lease_ms = 4_321;
    let worker = scene.register(at(7), new).await;
    let expected = SessionRecord {
        id: worker.session.id,
        name: worker_name(),
        queues: vec![queue("a"), queue("b")],
        types: vec![kind("x"), kind("y/z:1")],
        cleanups: vec![],
        slots: 17,
        running: 0,
        stopping: 0,
        stuck: 0,
        released: 0,
        containment: Containment::Cgroup,
        registered_at: at(7),
        renewed_at: at(7),
        lease_until: at(7 + 4_321),
        ended_at: None,
    };
    assert_eq!(worker.registered, expected);
    assert_eq!(scene.sessions().await, [expected]);
}

pub async fn a_session_is_read_with_its_namespace_whichever_that_is(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, _grant) = scene.stopping(at(0), 1).await;
    let mut new = session(1);
    new.namespace = abroad();
    let stranger = scene.register(at(0), new).await;
    let read = async |id| {
        let read = scene.store.get_session(id).await;
        read.expect("the read is served")
    };
    let own = Some((home(), scene.session(&worker).await));
    assert_eq!(read(worker.session.id).await, own);
    let foreign = Some((abroad(), stranger.registered.clone()));
    assert_eq!(read(stranger.session.id).await, foreign);
    assert_eq!(read(nobodys_session()).await, None);
    scene.goodbye(&worker, at(9), Vec::new()).await;
    let ended = Some((home(), scene.session(&worker).await));
    assert_eq!(read(worker.session.id).await, ended);
}

pub async fn two_lives_of_one_worker_are_two_sessions(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (one, other) = (scene.worker(at(0), 1).await, scene.worker(at(0), 1).await);
    assert_ne!(one.session.id, other.session.id);
    scene.goodbye(&one, at(1), Vec::new()).await;
    assert_eq!(scene.session(&other).await, other.registered);
}

pub async fn a_session_is_known_by_its_token_alone(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.stopping(at(0), 1).await;
    let before = scene.record(grant.fence.execution).await;
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
        let store = &scene.store;
        let orders = store.list_orders(session).await.expect("it is served");
        assert_eq!(orders, Err(SessionGone::Unknown));
        let items = vec![succeeded(grant.fence)];
        let finished = store.finish_attempts(at(2), session, items).await;
        assert_eq!(
            finished.expect("it is served"),
            FinishOutcome::UnknownSession
        );
        let never_started = vec![held(&grant)];
        let ended = store
            .end_session(at(2), session, never_started, AT_ONCE)
            .await;
        assert_eq!(ended.expect("it is served"), Err(SessionGone::Unknown));
    }
    assert_same(&scene.record(grant.fence.execution).await, &before);
    assert_eq!(scene.session(&worker).await.ended_at, None);
}

pub async fn a_list_counts_what_runs_and_what_is_being_stopped(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![job(); 5]).await;
    let worker = scene.worker(at(0), 5).await;
    let grants = scene.claim(&worker, at(1), 5).await;
    for grant in &grants[..2] {
        canceled(scene.cancel(at(2), grant.fence.execution).await);
    }
    scene
        .finish(&worker, at(3), succeeded(grants[4].fence))
        .await;
    let seen = scene.session(&worker).await;
    assert_eq!((seen.running, seen.stopping), (2, 2));
    let proof = stage(grants[0].fence, StopEvent::Ended(How::Killed));
    scene.report(&worker, at(4), proof).await;
    let seen = scene.session(&worker).await;
    assert_eq!((seen.running, seen.stopping), (2, 1));
}

pub async fn a_goodbye_releases_what_never_started_and_counts_the_rest(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let slow = job_with(|job| {
        job.options.retry.backoff = Backoff {
            initial_ms: 1_000,
            ..Backoff::default()
        };
    });
    let last = hasty(1);
    scene.create_all(at(0), vec![job(), slow, last]).await;
    let worker = scene.worker(at(0), 3).await;
    let grants = scene.claim(&worker, at(1), 3).await;
    let never_started = vec![held(&grants[0])];
    let outcome = scene
        .store
        .end_session(at(500), worker.session, never_started, LONGEST)
        .await
        .expect("the goodbye is served");
    assert_eq!(outcome, Ok(()));

    let unbegun = scene.record(grants[0].fence.execution).await;
    let standing = unbegun.summary.standing;
    assert_eq!(standing.phase(at(500)), Some(Phase::Ready));
    assert_eq!((standing.attempt_count, standing.uncounted), (0, 1));
    assert_eq!(unbegun.attempts[0].end, Some(AttemptEnd::Released));

    let begun = scene.record(grants[1].fence.execution).await;
    let standing = begun.summary.standing;
    assert_eq!(standing.state, State::Pending);
    assert_eq!((standing.attempt_count, standing.uncounted), (1, 0));
    assert!((at(500)..=at(1_500)).contains(&standing.available_at));
    assert_eq!(begun.attempts[0].end, Some(AttemptEnd::Lost));
    assert_eq!(begun.attempts[0].ended_at, Some(at(500)));
    let error = begun.last_error.expect("an error of the system");
    assert_eq!(error.code, "worker_gone");
    assert_eq!(begun.attempts[0].error, Some(error));

    let ended = scene.record(grants[2].fence.execution).await;
    assert_eq!(ended.summary.standing.state, State::Failed);
    assert_eq!(ended.summary.completed_at, Some(at(500)));

    let seen = scene.session(&worker).await;
    assert_eq!(
        (seen.ended_at, seen.running, seen.stopping),
        (Some(at(500)), 0, 0)
    );
}

pub async fn a_goodbye_of_a_full_session_has_its_whole_effect(h: &impl SchedulerHarness) {
    const SLOTS: usize = 250;
    let scene = Scene::of(h);
    scene.create_all(at(0), vec![hasty(2); SLOTS]).await;
    let worker = scene.worker(at(0), 250).await;
    let grants = scene.claim(&worker, at(1), SLOTS).await;
    for grant in &grants[..SLOTS / 2] {
        canceled(scene.cancel(at(2), grant.fence.execution).await);
    }
    let unbegun: Vec<_> = grants.iter().step_by(2).map(held).collect();
    scene.goodbye(&worker, at(500), unbegun.clone()).await;
    let seen = scene.session(&worker).await;
    assert_eq!(
        (seen.running, seen.stopping, seen.ended_at),
        (0, 0, Some(at(500)))
    );
    for (index, grant) in grants.iter().enumerate() {
        let record = scene.record(grant.fence.execution).await;
        let released = unbegun.contains(&held(grant));
        if index < SLOTS / 2 {
            let (status, how) = if released {
                (StopStatus::Stopped, Some(How::NeverStarted))
            } else {
                (StopStatus::Presumed, None)
            };
            let stop = stop_of(&record);
            assert_eq!((stop.status, stop.how), (status, how));
        } else {
            let standing = record.summary.standing;
            let counts = (standing.attempt_count, standing.uncounted);
            assert_eq!(counts, if released { (0, 1) } else { (1, 0) });
        }
    }
}

pub async fn a_goodbye_is_repeatable(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    scene.goodbye(&worker, at(500), Vec::new()).await;
    let before = (
        scene.session(&worker).await,
        scene.record(grant.fence.execution).await,
    );
    scene.goodbye(&worker, at(600), vec![held(&grant)]).await;
    let after = (
        scene.session(&worker).await,
        scene.record(grant.fence.execution).await,
    );
    assert_same(&after, &before);
}

pub async fn a_goodbye_after_the_expiry_changes_nothing(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    assert_eq!(scene.expire(at(LEASE_MS + 1)).await, 1);
    let before = (
        scene.session(&worker).await,
        scene.record(grant.fence.execution).await,
    );
    let late = at(LEASE_MS + 9);
    scene.goodbye(&worker, late, vec![held(&grant)]).await;
    let after = (
        scene.session(&worker).await,
        scene.record(grant.fence.execution).await,
    );
    assert_same(&after, &before);
}

pub async fn a_goodbye_speaks_only_for_its_own_attempts(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (_other, foreign) = scene.running(at(0), job()).await;
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    let never_started = vec![
        held(&foreign),
        (nobodys_execution(), AttemptNumber(1)),
        (grant.fence.execution, AttemptNumber(9)),
    ];
    scene.goodbye(&worker, at(1), never_started).await;
    let standing = scene.standing(foreign.fence.execution).await;
    assert_eq!(standing.state, State::Running);
    let own = scene.record(grant.fence.execution).await;
    assert_eq!(own.attempts[0].end, Some(AttemptEnd::Lost));
}

pub async fn a_session_that_ended_has_no_orders_and_its_reports_are_judged(
    h: &impl SchedulerHarness,
) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    scene.goodbye(&worker, at(1), Vec::new()).await;
    let orders = scene.store.list_orders(worker.session).await;
    assert_eq!(orders.expect("it is served"), Err(SessionGone::Ended));
    let verdict = scene.finish(&worker, at(2), succeeded(grant.fence)).await;
    assert_eq!(verdict, HandInVerdict::Stale);
}

pub async fn what_a_session_left_goes_to_another(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let (worker, grant) = scene.running(at(0), hasty(3)).await;
    scene.goodbye(&worker, at(1), vec![held(&grant)]).await;
    let heir = scene.worker(at(2), 1).await;
    let grants = scene.claim(&heir, at(2), 1).await;
    assert_eq!(granted(&grants), [grant.fence.execution]);
    assert_ne!(grants[0].fence.token, grant.fence.token);
    let record = scene.record(grant.fence.execution).await;
    assert_eq!(
        record.summary.worker,
        Some((heir.session.id, worker_name()))
    );
}

pub async fn the_living_are_listed_before_those_that_ended_last(h: &impl SchedulerHarness) {
    let scene = Scene::of(h);
    let mut workers = Vec::new();
    for _ in 0..5 {
        workers.push(scene.worker(at(0), 1).await);
    }
    for (index, ms) in [(1, 10), (3, 30), (2, 20)] {
        scene.goodbye(&workers[index], at(ms), Vec::new()).await;
    }
    let listed: Vec<_> = scene.sessions().await.iter().map(|one| one.id).collect();
    let id = |index: usize| workers[index].session.id;
    assert_eq!(listed.len(), 5);
    assert!(listed[..2].contains(&id(0)) && listed[..2].contains(&id(4)));
    assert_eq!(listed[2..], [id(3), id(2), id(1)]);
    let few = scene.store.list_sessions(&home(), 3).await;
    let few: Vec<_> = few
        .expect("the list is served")
        .iter()
        .map(|one| one.id)
        .collect();
    assert_eq!(few, listed[..3]);
}
