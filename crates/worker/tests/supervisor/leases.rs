//! The supervisor's own timer: nobody has to tell it that the lease is over.

use taskpilot_domain::stop::How;
use taskpilot_worker::clock::BootInstant;
use taskpilot_worker::spec::Timing;
use taskpilot_worker::{EndCause, Event, StopSignal};

use crate::world::{LONG_GRACE, World, wait_until};

const TIMING: Timing = Timing {
    grace_ms: 60_000,
    orphan_grace_ms: 60_000,
    kill_ms: 60_000,
    lease_terminate_margin_ms: 400,
    lease_kill_margin_ms: 200,
};
const STUBBORN: &str = "trap '' TERM; : > ready; while :; do sleep 0.01; done";

#[tokio::test]
async fn a_lease_that_is_not_renewed_ends_the_tree_before_its_end() {
    let world = World::new();
    let mut spec = world.script(STUBBORN);
    spec.timing = TIMING;
    // Far enough before the end for a machine that is busy.
    spec.timing.lease_terminate_margin_ms = 4_000;
    spec.timing.lease_kill_margin_ms = 3_000;
    spec.lease_end = BootInstant::now().plus_ms(5_000);
    let lease_end = spec.lease_end;
    let mut running = world.start(spec).await;
    let mut signals = Vec::new();
    let ended = loop {
        match running.events.next().await {
            Some(Event::Signaled {
                signal,
                cause: EndCause::Lease,
                at,
                ..
            }) => {
                signals.push((signal, at));
            }
            Some(Event::Ended(ended)) => break ended,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (ended.how, ended.cause),
        (How::Killed, Some(EndCause::Lease))
    );
    let [(StopSignal::Terminate, first), (StopSignal::Kill, second)] = signals[..] else {
        panic!("{signals:?}");
    };
    assert!(
        first >= lease_end.minus_ms(4_000),
        "not early: {first:?}, lease {lease_end:?}"
    );
    assert!(
        second >= lease_end.minus_ms(3_000),
        "not early: {second:?}, lease {lease_end:?}"
    );
    assert!(
        ended.at < lease_end,
        "not late: {:?}, lease {lease_end:?}",
        ended.at
    );
}

#[tokio::test]
async fn the_grace_of_a_stop_does_not_outlive_the_lease() {
    let world = World::new();
    let mut spec = world.script(STUBBORN);
    spec.timing = TIMING;
    spec.lease_end = BootInstant::now().plus_ms(2_000);
    let mut running = world.start_until_ready(spec).await;
    running.supervised.stop(LONG_GRACE).unwrap();
    let ended = running.ended().await;
    assert_eq!(
        (ended.how, ended.cause),
        (How::Killed, Some(EndCause::Order))
    );
}

#[tokio::test]
async fn a_renewed_lease_lets_the_program_go_on() {
    let world = World::new();
    let mut spec = world.script("while [ ! -e go ]; do sleep 0.01; done; exit 6");
    spec.timing = TIMING;
    spec.lease_end = BootInstant::now().plus_ms(1_000);
    let first_end = spec.lease_end;
    let mut running = world.start(spec).await;
    running
        .supervised
        .extend_lease(first_end.plus_ms(600_000))
        .unwrap();
    // A late message about an earlier renewal changes nothing.
    running.supervised.extend_lease(first_end).unwrap();
    wait_until("the first lease is over", || BootInstant::now() > first_end).await;
    world.write("go", "");
    let ended = running.ended().await;
    assert_eq!((ended.how, ended.exit_code), (How::Finished, Some(6)));
}

#[tokio::test]
async fn a_program_that_waits_for_its_start_is_bound_by_the_lease_too() {
    let world = World::new();
    let mut spec = world.script(": > ran");
    spec.timing = TIMING;
    spec.lease_end = BootInstant::now().plus_ms(500);
    let (supervised, mut events) = world.supervision.spawn(spec).await.unwrap();
    let ended = events.ended().await.unwrap();
    assert_eq!(
        (ended.how, ended.cause),
        (How::NeverStarted, Some(EndCause::Lease))
    );
    drop(supervised);
    assert!(!world.path("ran").exists());
}
