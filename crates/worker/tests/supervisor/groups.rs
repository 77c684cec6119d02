//! What only a control group can do, and that a supervisor without one does its work all the same.
//! These make groups below their own, which takes root on most machines.

use std::fs;
use std::process::Command;

use taskpilot_domain::stop::{Containment, How};
use taskpilot_worker::{Event, StopSignal};

use crate::levels::Level;
use crate::lives::OtherWorker;
use crate::world::{LONG_GRACE, World, groups, is_alive, marked, read_pid, wait_until};

/// A child of whom nothing is known: no ancestor of ours, no environment.
const HIDES: &str = "env -i setsid sh -c 'echo $$ > @pid; : > @ready; exec sleep 1000' & wait";

#[tokio::test]
async fn root_only_what_has_neither_ancestor_nor_marker_is_found_by_its_group() {
    let mut other = OtherWorker::run(Level::Group, HIDES).await;
    let hidden = read_pid(&other.path("pid")).unwrap();
    let records = other.kill_both().await;
    assert!(is_alive(hidden), "nobody has ended it yet");
    other.is_swept(records).await;
    assert!(!is_alive(hidden));
}

#[tokio::test]
async fn root_only_the_program_is_in_its_group_and_its_supervisor_is_not() {
    let world = World::at(Level::Group);
    // Its first instruction looks where it is.
    let script = "cat /proc/self/cgroup > own; : > ready; exec sleep 1000";
    let mut running = world.start_until_ready(world.script(script)).await;
    let group = running.group();
    let name = group.file_name().unwrap().to_str().unwrap();
    let own = fs::read_to_string(world.path("own")).unwrap();
    assert!(own.contains(name), "{own}");
    let supervisor = running.supervised.supervisor().pid;
    let outside = fs::read_to_string(format!("/proc/{supervisor}/cgroup")).unwrap();
    assert!(!outside.contains("taskpilot-"), "{outside}");
    let members = fs::read_to_string(group.join("cgroup.procs")).unwrap();
    assert_eq!(members, format!("{}\n", running.program));
    running.supervised.stop(LONG_GRACE).unwrap();
    let ended = running.ended().await;
    assert_eq!((ended.how, ended.swept), (How::Terminated, 1));
}

#[tokio::test]
async fn root_only_an_end_is_told_only_when_the_group_is_empty() {
    let world = World::at(Level::Group);
    let script = ": > ready; while [ ! -e go ]; do sleep 0.01; done; exit 0";
    let mut running = world.start_until_ready(world.script(script)).await;
    // Our child stands for what no wait of the supervisor can find.
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let members = running.group().join("cgroup.procs");
    fs::write(members, stranger.id().to_string()).unwrap();
    world.write("go", "");
    let ended = running.ended().await;
    let killed = stranger.try_wait().unwrap();
    assert!(killed.is_some_and(|status| !status.success()), "{killed:?}");
    assert_eq!(
        (ended.how, ended.exit_code, ended.swept),
        (How::Finished, Some(0), 1)
    );
}

#[tokio::test]
async fn root_only_what_was_put_into_the_group_has_its_grace_too() {
    let world = World::at(Level::Group);
    let script = "trap 'exit 0' TERM; : > ready; while :; do sleep 0.01; done";
    let mut running = world.start_until_ready(world.script(script)).await;
    let polite = "trap 'exit 7' TERM; : > there; while :; do sleep 0.01; done";
    let mut stranger = Command::new("/bin/sh");
    stranger.args(["-c", polite]).current_dir(world.path(""));
    let mut stranger = stranger.spawn().unwrap();
    wait_until("the stranger is there", || world.path("there").exists()).await;
    let members = running.group().join("cgroup.procs");
    fs::write(members, stranger.id().to_string()).unwrap();
    running.supervised.stop(LONG_GRACE).unwrap();
    assert_eq!(running.ended().await.how, How::Terminated);
    let code = stranger
        .try_wait()
        .unwrap()
        .and_then(|status| status.code());
    assert_eq!(code, Some(7));
}

#[tokio::test]
async fn root_only_groups_that_a_program_makes_for_itself_go_with_it() {
    let world = World::at(Level::Group);
    // The shell finds its group as we find ours.
    let script = "trap '' TERM; mkdir $GROUP/inner $GROUP/inner/most; \
                  (echo 0 > $GROUP/inner/most/cgroup.procs; exec sleep 1000) & \
                  echo $! > pid; : > ready; wait";
    let mut spec = world.script(script);
    let group = groups().of(&spec.marker);
    let directory = group.directory().to_str().unwrap().to_owned();
    spec.environment.insert("GROUP".to_owned(), directory);
    let mut running = world.start_until_ready(spec).await;
    let inner = read_pid(&world.path("pid")).unwrap();
    let most = running.group().join("inner/most");
    wait_until("the child is in its own group", || {
        fs::read_to_string(most.join("cgroup.procs")).is_ok_and(|members| !members.is_empty())
    })
    .await;
    running.supervised.stop(std::time::Duration::ZERO).unwrap();
    assert_eq!(running.ended().await.how, How::Killed);
    assert!(!is_alive(inner));
}

#[tokio::test]
async fn root_only_one_kill_of_the_group_counts_what_it_hit() {
    let world = World::at(Level::Group);
    let script = "trap '' TERM; sleep 1000 & sleep 1000 & : > ready; wait; sleep 1000";
    let mut running = world.start_until_ready(world.script(script)).await;
    let marker = running.marker.clone();
    wait_until("all three are there", || marked(&marker).len() == 3).await;
    running.supervised.stop(std::time::Duration::ZERO).unwrap();
    let signaled = running.events.next().await;
    let Some(Event::Signaled {
        signal: StopSignal::Kill,
        processes: 3,
        ..
    }) = signaled
    else {
        panic!("{signaled:?}");
    };
    let ended = running.ended().await;
    assert_eq!((ended.how, ended.swept), (How::Killed, 3));
}

#[tokio::test]
async fn root_only_a_program_whose_group_cannot_be_made_runs_without() {
    let world = World::at(Level::Group);
    let spec = world.script("exit 3");
    let taken = groups().of(&spec.marker).directory().to_owned();
    fs::create_dir(&taken).unwrap();
    let (supervised, mut events) = world.supervision.spawn(spec).await.unwrap();
    supervised.start().unwrap();
    let started = events.next().await;
    let Some(Event::Started {
        containment: Containment::Subreaper,
        no_group: Some(_),
        ..
    }) = started
    else {
        panic!("{started:?}");
    };
    let ended = events.ended().await.unwrap();
    assert_eq!(
        (ended.how, ended.exit_code, ended.containment),
        (How::Finished, Some(3), Containment::Subreaper)
    );
    wait_until("what was there is removed", || !taken.exists()).await;
}
