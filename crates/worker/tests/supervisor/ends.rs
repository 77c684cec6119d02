//! How ends are told: exit codes, signals, own ends, stops.

use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

use taskpilot_domain::stop::How;
use taskpilot_worker::{EndCause, Ended, Event, OutputTail, StopSignal};

use crate::levels::Level;
use crate::world::{LONG_GRACE, World, wait_until};

at_each_level! {
    an_own_end_has_its_exit_code_and_output,
    a_stop_within_the_grace_is_terminated,
    a_program_that_ignores_sigterm_is_killed_after_the_grace,
    no_grace_is_a_kill_at_once,
    a_tree_that_outlives_the_kill_time_is_stuck_and_then_ended,
}

async fn an_own_end_has_its_exit_code_and_output(level: Level) {
    let world = World::at(level);
    let mut running = world
        .start(world.script("echo out; echo err >&2; exit 3"))
        .await;
    let ended = running.ended().await;
    let expected = Ended {
        how: How::Finished,
        cause: None,
        containment: level.containment(),
        exit_code: Some(3),
        signal: None,
        swept: 0,
        stdout: tail("out\n"),
        stderr: tail("err\n"),
        start_error: None,
        at: ended.at,
    };
    assert_eq!(ended, expected);
    assert_eq!(world.journal.records().unwrap(), []);
}

#[tokio::test]
async fn a_program_that_a_signal_ended_has_no_exit_code() {
    let world = World::new();
    let mut running = world.start(world.script("kill -USR1 $$")).await;
    let ended = running.ended().await;
    assert_eq!(
        (ended.how, ended.exit_code, ended.signal),
        (How::Finished, None, Some(10))
    );
}

async fn a_stop_within_the_grace_is_terminated(level: Level) {
    let world = World::at(level);
    let script = "trap 'echo bye; exit 7' TERM; : > ready; while :; do sleep 0.01; done";
    let mut running = world.start_until_ready(world.script(script)).await;
    running.supervised.stop(LONG_GRACE).unwrap();
    let signaled = running.events.next().await;
    assert!(
        matches!(
            signaled,
            Some(Event::Signaled {
                signal: StopSignal::Terminate,
                cause: EndCause::Order,
                processes: 1..,
                ..
            })
        ),
        "{signaled:?}"
    );
    let ended = running.ended().await;
    assert_eq!(
        (ended.how, ended.cause),
        (How::Terminated, Some(EndCause::Order))
    );
    assert_eq!(
        (ended.exit_code, ended.stdout.text.as_str()),
        (Some(7), "bye\n")
    );
}

async fn a_program_that_ignores_sigterm_is_killed_after_the_grace(level: Level) {
    let world = World::at(level);
    let script = "trap '' TERM; : > ready; while :; do sleep 0.01; done";
    let mut running = world.start_until_ready(world.script(script)).await;
    running.supervised.stop(Duration::from_millis(100)).unwrap();
    let mut signals = Vec::new();
    let ended = loop {
        match running.events.next().await {
            Some(Event::Signaled { signal, at, .. }) => signals.push((signal, at)),
            Some(Event::Ended(ended)) => break ended,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((ended.how, ended.signal), (How::Killed, Some(9)));
    let [(StopSignal::Terminate, first), (StopSignal::Kill, second)] = signals[..] else {
        panic!("{signals:?}");
    };
    assert!(
        second.ms_since(first) >= 100,
        "not before the grace is over"
    );
}

async fn no_grace_is_a_kill_at_once(level: Level) {
    let world = World::at(level);
    let script = "trap 'exit 0' TERM; : > ready; while :; do sleep 0.01; done";
    let mut running = world.start_until_ready(world.script(script)).await;
    running.supervised.stop(Duration::ZERO).unwrap();
    assert_eq!(running.ended().await.how, How::Killed);
}

#[tokio::test]
async fn a_second_stop_shortens_the_grace() {
    let world = World::new();
    let script = "trap '' TERM; : > ready; while :; do sleep 0.01; done";
    let mut running = world.start_until_ready(world.script(script)).await;
    running.supervised.stop(LONG_GRACE).unwrap();
    running.supervised.stop(Duration::ZERO).unwrap();
    assert_eq!(running.ended().await.how, How::Killed);
}

#[tokio::test]
async fn a_stopped_process_still_obeys() {
    let world = World::new();
    let script = "trap 'exit 5' TERM; : > ready; kill -STOP $$; exit 1";
    let mut running = world.start_until_ready(world.script(script)).await;
    let status = format!("/proc/{}/status", running.program);
    wait_until("the program is stopped", || {
        std::fs::read_to_string(&status)
            .unwrap()
            .contains("State:\tT")
    })
    .await;
    running.supervised.stop(LONG_GRACE).unwrap();
    let ended = running.ended().await;
    assert_eq!((ended.how, ended.exit_code), (How::Terminated, Some(5)));
}

async fn a_tree_that_outlives_the_kill_time_is_stuck_and_then_ended(level: Level) {
    let world = World::at(level);
    let mut spec = world.script("trap '' TERM; : > ready; while :; do sleep 0.01; done");
    spec.timing.kill_ms = 0;
    let mut running = world.start_until_ready(spec).await;
    running.supervised.stop(Duration::ZERO).unwrap();
    let mut stuck = 0;
    let ended = loop {
        match running.events.next().await {
            Some(Event::Stuck { .. }) => stuck += 1,
            Some(Event::Ended(ended)) => break ended,
            Some(_) => {}
            None => panic!("lost"),
        }
    };
    assert_eq!((stuck, ended.how), (1, How::Killed));
}

#[tokio::test]
async fn a_signal_to_the_supervisor_is_a_stop() {
    let world = World::new();
    let mut running = world
        .start_until_ready(world.script(": > ready; exec sleep 1000"))
        .await;
    let pid = Pid::from_raw(running.supervised.supervisor().pid).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let ended = running.ended().await;
    assert_eq!(
        (ended.how, ended.cause),
        (How::Terminated, Some(EndCause::Signal))
    );
}

fn tail(text: &str) -> OutputTail {
    OutputTail {
        text: text.to_owned(),
        bytes: text.len() as u64,
    }
}
