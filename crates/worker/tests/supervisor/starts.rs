//! Before and at the start: order of stop and start, what the program gets, why it cannot start.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use taskpilot_domain::stop::How;
use taskpilot_worker::spec::CommandSpec;
use taskpilot_worker::supervised::SuperviseError;
use taskpilot_worker::{EndCause, StartErrorCode};

use crate::levels::Level;
use crate::world::{LONG_GRACE, SUPERVISOR, World, marker, wait_until};

at_each_level! {
    a_stop_before_the_start_never_forks,
    a_handle_that_is_dropped_before_the_start_never_forks,
    what_cannot_start_says_why_and_runs_nothing,
}

async fn a_stop_before_the_start_never_forks(level: Level) {
    let world = World::at(level);
    let (supervised, mut events) = world
        .supervision
        .spawn(world.script(": > ran"))
        .await
        .unwrap();
    assert_eq!(world.journal.records().unwrap().len(), 1);
    supervised.stop(LONG_GRACE).unwrap();
    // The supervisor may have ended already; the order is what matters, not the answer.
    let _ = supervised.start();
    let ended = events.ended().await.unwrap();
    assert_eq!(
        (ended.how, ended.cause),
        (How::NeverStarted, Some(EndCause::Order))
    );
    assert_eq!(events.next().await, None);
    assert!(!world.path("ran").exists());
}

async fn a_handle_that_is_dropped_before_the_start_never_forks(level: Level) {
    let world = World::at(level);
    let (supervised, mut events) = world
        .supervision
        .spawn(world.script(": > ran"))
        .await
        .unwrap();
    drop(supervised);
    let ended = events.ended().await.unwrap();
    assert_eq!(
        (ended.how, ended.cause),
        (How::NeverStarted, Some(EndCause::WorkerGone))
    );
    assert_eq!(world.journal.records().unwrap(), []);
    assert!(!world.path("ran").exists());
}

#[tokio::test]
async fn the_program_gets_exactly_what_was_given() {
    let world = World::new();
    let mut spec = world.script("printf '%s|' \"$0\" \"$@\"; pwd; env | sort");
    spec.argv
        .extend(["zero", "a b", "", "$HOME;*"].map(str::to_owned));
    spec.environment
        .insert("PATH".to_owned(), "/usr/bin:/bin".to_owned());
    spec.environment
        .insert("TASKPILOT_ATTEMPT".to_owned(), "1".to_owned());
    let marker = spec.marker.clone();
    let directory = spec.directory.display().to_string();
    let ended = world.start(spec).await.ended().await;
    let expected = format!(
        "zero|a b||$HOME;*|{directory}\nPATH=/usr/bin:/bin\nPWD={directory}\n\
         TASKPILOT_ATTEMPT=1\nTASKPILOT_MARKER={marker}\n"
    );
    assert_eq!(ended.stdout.text, expected);
}

#[tokio::test]
async fn the_program_has_default_signals_although_the_worker_has_not() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let output = directory.path().join("signals");
    let script = format!(
        "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status > {}",
        output.display()
    );
    // `trap ''` makes the worker, and so the supervisor, inherit ignored signals.
    let status = Command::new("/bin/sh")
        .args(["-c", "trap '' HUP INT USR1 CHLD PIPE; exec \"$@\"", "sh"])
        .arg(SUPERVISOR)
        .arg(journal)
        .args([&marker(), "/bin/sh", "-c", &script])
        .status()
        .unwrap();
    assert!(status.success());
    let status = fs::read_to_string(output).unwrap();
    assert_eq!([mask(&status, "SigBlk:"), mask(&status, "SigIgn:")], [0, 0]);
}

async fn what_cannot_start_says_why_and_runs_nothing(level: Level) {
    let world = World::at(level);
    world.write("plain.txt", "no program");
    world.write("no-format", "no program either");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(world.path("no-format"), executable).unwrap();
    let mut elsewhere = world.script("exit 0");
    elsewhere.directory = world.path("missing");
    let cases = [
        (
            world.command(&["/no/such/program"]),
            StartErrorCode::ProgramNotFound,
        ),
        (
            world.command(&["no-such-program"]),
            StartErrorCode::ProgramNotFound,
        ),
        (
            world.command(&["./plain.txt"]),
            StartErrorCode::ProgramNotExecutable,
        ),
        (
            world.command(&["./no-format"]),
            StartErrorCode::ProgramNotExecutable,
        ),
        (
            world.command(&["/bin/sh", "-c", "exit\0"]),
            StartErrorCode::ArgumentsRefused,
        ),
        (
            world.command(&["/bin/echo", &"x".repeat(500_000)]),
            StartErrorCode::ArgumentsRefused,
        ),
        (world.command(&[]), StartErrorCode::ArgumentsRefused),
        (elsewhere, StartErrorCode::DirectoryMissing),
    ];
    for (spec, code) in cases {
        let (found, how) = start_error(&world, spec).await;
        assert_eq!((found, how), (code, How::NeverStarted));
        assert!(!code.is_retryable());
    }
}

#[tokio::test]
async fn a_file_in_the_path_that_is_not_executable_is_not_given_to_a_shell() {
    let world = World::new();
    world.write("tool", ": > ran");
    let mut spec = world.command(&["tool"]);
    spec.environment
        .insert("PATH".to_owned(), world.path("").display().to_string());
    let code = start_error(&world, spec.clone()).await.0;
    assert_eq!(code, StartErrorCode::ProgramNotExecutable);
    fs::set_permissions(world.path("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    let code = start_error(&world, spec).await.0;
    assert_eq!(
        code,
        StartErrorCode::ProgramNotExecutable,
        "no shebang, no shell"
    );
    assert!(!world.path("ran").exists());
}

#[tokio::test]
async fn a_command_that_is_too_large_is_refused_before_anything_is_started() {
    let world = World::new();
    let mut spec = world.script("exit 0");
    spec.stdin = vec![0; 3 * 1024 * 1024];
    let refused = world.supervision.spawn(spec).await.unwrap_err();
    assert!(
        matches!(refused, SuperviseError::TooLarge { .. }),
        "{refused}"
    );
    assert_eq!(world.journal.records().unwrap(), []);
}

#[tokio::test]
async fn a_supervisor_that_never_gets_ready_is_an_error_and_leaves_no_record() {
    let world = World::new();
    let supervision =
        taskpilot_worker::supervised::Supervision::by("/bin/true".into(), world.journal.clone());
    let refused = supervision.spawn(world.script("exit 0")).await.unwrap_err();
    assert!(
        matches!(refused, SuperviseError::NotReady | SuperviseError::Io(_)),
        "{refused}"
    );
    let no_records = || world.journal.records().unwrap().is_empty();
    wait_until("the record is removed", no_records).await;
}

async fn start_error(world: &World, spec: CommandSpec) -> (StartErrorCode, How) {
    let (supervised, mut events) = world.supervision.spawn(spec).await.unwrap();
    supervised.start().unwrap();
    let ended = events.ended().await.unwrap();
    (ended.start_error.expect("it cannot start").code, ended.how)
}

/// Signals 1 to 31: the next two belong to the C library and cannot be set by anybody here.
fn mask(status: &str, name: &str) -> u64 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap() & 0x7fff_ffff
}
