//! Trees that try to get away.

use std::time::Duration;

use taskpilot_domain::stop::How;

use crate::levels::Level;
use crate::world::{LONG_GRACE, World, is_alive, marked, read_pid, wait_until};

at_each_level! {
    children_and_grandchildren_are_gone_after_a_stop,
    a_double_fork_comes_back,
    a_session_of_its_own_is_no_way_out,
    an_environment_of_its_own_is_no_way_out,
    what_an_own_end_leaves_behind_is_killed_first,
    a_process_born_during_the_grace_is_signaled_too,
    processes_that_fork_and_exit_for_ever_are_caught,
    a_slow_fork_bomb_is_swept,
}

async fn children_and_grandchildren_are_gone_after_a_stop(level: Level) {
    let world = World::at(level);
    let script = "sh -c 'sleep 1000 & : > ready; wait' & wait";
    let mut running = world.start_until_ready(world.script(script)).await;
    assert_eq!(marked(&running.marker).len(), 3);
    running.supervised.stop(LONG_GRACE).unwrap();
    let ended = running.ended().await;
    assert_eq!((ended.how, ended.swept), (How::Terminated, 3));
}

async fn a_double_fork_comes_back(level: Level) {
    let world = World::at(level);
    let script = "(sleep 1000 & echo $! > pid; : > ready) & wait; exec sleep 1000";
    let mut running = world.start_until_ready(world.script(script)).await;
    let orphan = read_pid(&world.path("pid")).unwrap();
    let supervisor = running.supervised.supervisor().pid;
    wait_until("the orphan has come to the supervisor", || {
        parent_of(orphan) == supervisor
    })
    .await;
    running.supervised.stop(LONG_GRACE).unwrap();
    assert_eq!(running.ended().await.how, How::Terminated);
    assert!(!is_alive(orphan));
}

async fn a_session_of_its_own_is_no_way_out(level: Level) {
    let world = World::at(level);
    let script = "setsid sh -c 'trap \"\" TERM; echo $$ > pid; : > ready; exec sleep 1000' & wait";
    let mut running = world.start_until_ready(world.script(script)).await;
    let daemon = read_pid(&world.path("pid")).unwrap();
    running.supervised.stop(Duration::from_millis(50)).unwrap();
    assert_eq!(running.ended().await.how, How::Killed);
    assert!(!is_alive(daemon));
}

async fn an_environment_of_its_own_is_no_way_out(level: Level) {
    let world = World::at(level);
    let script = "setsid env -i sh -c 'echo $$ > pid; : > ready; exec sleep 1000' & wait";
    let mut running = world.start_until_ready(world.script(script)).await;
    let daemon = read_pid(&world.path("pid")).unwrap();
    running.supervised.stop(LONG_GRACE).unwrap();
    running.ended().await;
    assert!(!is_alive(daemon));
}

async fn what_an_own_end_leaves_behind_is_killed_first(level: Level) {
    let world = World::at(level);
    let script = "setsid sh -c 'trap \"\" TERM; : > ready; exec sleep 1000' & \
                  while [ ! -e ready ]; do sleep 0.01; done; exit 0";
    let mut running = world.start(world.script(script)).await;
    let ended = running.ended().await;
    assert_eq!(
        (ended.how, ended.exit_code, ended.swept),
        (How::Finished, Some(0), 1)
    );
}

async fn a_process_born_during_the_grace_is_signaled_too(level: Level) {
    let world = World::at(level);
    let born = "trap ': > signaled; exit 0' TERM; while :; do sleep 0.01; done";
    world.write("born.sh", born);
    // The parent answers SIGTERM with new processes, until one of them has had it too. Not each can
    // tell: before its trap it dies of the signal, and between fork and exec the signal is lost.
    let script = "trap 'until [ -e signaled ]; do sh ./born.sh & sleep 0.05; done; exit 4' TERM; \
                  : > ready; while :; do sleep 0.01; done";
    let mut running = world.start_until_ready(world.script(script)).await;
    running.supervised.stop(LONG_GRACE).unwrap();
    let ended = running.ended().await;
    assert_eq!(ended.exit_code, Some(4));
}

async fn processes_that_fork_and_exit_for_ever_are_caught(level: Level) {
    let world = World::at(level);
    world.write(
        "hop.sh",
        "trap '' TERM; sleep 0.005; setsid sh ./hop.sh & exit 0",
    );
    let script = "trap '' TERM; for i in 1 2 3 4; do sh ./hop.sh & done; : > ready; \
                  while :; do sleep 0.01; done";
    let mut running = world.start_until_ready(world.script(script)).await;
    running.supervised.stop(Duration::from_millis(50)).unwrap();
    let ended = running.ended().await;
    assert_eq!(ended.how, How::Killed);
}

async fn a_slow_fork_bomb_is_swept(level: Level) {
    let world = World::at(level);
    // Each process makes two of itself, down to the sixth generation, then stays.
    let bomb = "trap '' TERM; n=$1; if [ $n -gt 0 ]; then sleep 0.01; \
                sh ./bomb.sh $((n - 1)) & sh ./bomb.sh $((n - 1)) & fi; \
                while :; do sleep 0.05; done";
    world.write("bomb.sh", bomb);
    let mut running = world
        .start(world.command(&["/bin/sh", "./bomb.sh", "6"]))
        .await;
    let marker = running.marker.clone();
    wait_until("the bomb is on its way", || marked(&marker).len() >= 8).await;
    running.supervised.stop(Duration::from_millis(20)).unwrap();
    let ended = running.ended().await;
    assert_eq!(ended.how, How::Killed);
    assert!(ended.swept >= 8, "{}", ended.swept);
}

fn parent_of(pid: i32) -> i32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:\t"))
        .unwrap();
    line.parse().unwrap()
}
