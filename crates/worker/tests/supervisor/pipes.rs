//! Standard input and output, and what the program must not get hold of.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write;

use taskpilot_domain::stop::How;
use taskpilot_worker::OutputTail;
use taskpilot_worker::clock::BootInstant;

use crate::world::{LONG_GRACE, Running, World, links_of, wait_until};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn the_program_reads_all_of_its_input() {
    let world = World::new();
    let mut spec = world.command(&["/usr/bin/cksum"]);
    spec.stdin = vec![b'x'; MIB];
    let mut running = world.start(spec).await;
    let ended = running.ended().await;
    assert!(
        ended.stdout.text.ends_with(" 1048576\n"),
        "{}",
        ended.stdout.text
    );
}

#[tokio::test]
async fn input_that_nobody_reads_hinders_neither_an_end_nor_a_stop() {
    let world = World::new();
    let mut ends = world.script("exit 2");
    ends.stdin = vec![b'x'; MIB];
    assert_eq!(world.start(ends).await.ended().await.exit_code, Some(2));

    let mut stays = world.script(": > ready; exec sleep 1000");
    stays.stdin = vec![b'x'; MIB];
    let mut running = world.start_until_ready(stays).await;
    running.supervised.stop(LONG_GRACE).unwrap();
    assert_eq!(running.ended().await.how, How::Terminated);
}

#[tokio::test]
async fn input_that_is_closed_early_is_no_failure() {
    let world = World::new();
    let mut spec = world.script("exec 0<&-; : > ready; while [ ! -e go ]; do sleep 0.01; done");
    spec.stdin = vec![b'x'; MIB];
    let mut running = world.start_until_ready(spec).await;
    world.write("go", "");
    assert_eq!(running.ended().await.exit_code, Some(0));
}

#[tokio::test]
async fn only_the_end_of_a_long_output_is_kept() {
    let world = World::new();
    let script = "yes 0123456789abcde | head -c 5000000; echo end; echo oops >&2";
    let mut spec = world.script(script);
    spec.output_tail_bytes = 20;
    let ended = world.start(spec).await.ended().await;
    let stdout = OutputTail {
        text: "0123456789abcde\nend\n".to_owned(),
        bytes: 5_000_004,
    };
    assert_eq!(ended.stdout, stdout);
    assert_eq!(
        ended.stderr,
        OutputTail {
            text: "oops\n".to_owned(),
            bytes: 5
        }
    );
}

#[tokio::test]
async fn a_grandchild_that_holds_the_output_does_not_hold_up_the_end() {
    let world = World::new();
    let script = "setsid sleep 1000 & echo done; exit 0";
    let ended = world.start(world.script(script)).await.ended().await;
    assert_eq!(
        (ended.how, ended.stdout.text.as_str()),
        (How::Finished, "done\n")
    );
}

#[tokio::test]
async fn a_stranger_that_holds_the_output_does_not_hold_up_the_end() {
    let world = World::new();
    let script = ": > ready; while [ ! -e go ]; do sleep 0.01; done; exit 0";
    let mut running = world.start_until_ready(world.script(script)).await;
    let pipe = format!("/proc/{}/fd/1", running.program);
    let mut held = OpenOptions::new().write(true).open(pipe).unwrap();
    held.write_all(b"from outside\n").unwrap();
    world.write("go", "");
    assert_eq!(running.ended().await.stdout.text, "from outside\n");
}

#[tokio::test]
async fn the_program_has_no_end_of_a_control_pipe() {
    let world = World::new();
    let mut running = world
        .start_until_ready(world.script(": > ready; exec sleep 1000"))
        .await;
    let supervisor = links_of(running.supervised.supervisor().pid);
    let control: HashSet<_> = supervisor
        .into_iter()
        .filter(|(number, _)| number == "0" || number == "1")
        .map(|(_, link)| link)
        .collect();
    let program = links_of(running.program);
    let shared = program
        .iter()
        .filter(|(_, link)| control.contains(link))
        .count();
    assert_eq!(control.len(), 2);
    assert_eq!(shared, 0, "{program:?}");
    assert!(program.len() >= 3, "{program:?}");
    running.supervised.stop(LONG_GRACE).unwrap();
    running.ended().await;
}

#[tokio::test]
async fn an_idle_supervisor_sleeps_and_is_small() {
    let world = World::new();
    let mut running = world
        .start_until_ready(world.script(": > ready; exec sleep 1000"))
        .await;
    let status = format!("/proc/{}/status", running.supervised.supervisor().pid);
    let (before, ticks) = (
        field(&status, "voluntary_ctxt_switches:"),
        ticks_of(&running),
    );
    let later = BootInstant::now().plus_ms(500);
    wait_until("half a second has passed", || BootInstant::now() >= later).await;
    let wakes = field(&status, "voluntary_ctxt_switches:") - before;
    let ticks = ticks_of(&running) - ticks;
    assert!(
        wakes <= 2 && ticks <= 1,
        "{wakes} wakes, {ticks} ticks of processor time"
    );
    let kib = field(&status, "RssAnon:");
    assert!(kib < 2_048, "{kib} KiB");
    running.supervised.stop(LONG_GRACE).unwrap();
    running.ended().await;
}

fn field(path: &str, name: &str) -> u64 {
    let status = std::fs::read_to_string(path).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Fields 14 and 15: a loop that never sleeps shows here and not in the wakes.
fn ticks_of(running: &Running) -> u64 {
    let pid = running.supervised.supervisor().pid;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}
