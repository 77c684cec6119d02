//! Handlers files: what is refused, and what a program really gets.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use taskpilot_worker::{Handlers, HandlersError};
use tempfile::TempDir;

use crate::scheduler::Scheduler;
use crate::worker::Bench;

fn refusal(text: &str) -> String {
    let directory = with_python();
    let path = directory.path().join("handlers.toml");
    fs::write(&path, text).unwrap();
    let Err(refused) = Handlers::load(&path) else {
        panic!("accepted: {text}");
    };
    let named = path.display().to_string();
    assert!(refused.to_string().contains(&named), "{refused}");
    refused.to_string()
}

/// A directory with a `python3`, which not every machine has: only its name matters here.
fn with_python() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("python3");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
    directory
}

fn load(text: &str) {
    let directory = with_python();
    let path = directory.path().join("handlers.toml");
    fs::write(&path, text).unwrap();
    let loaded = Handlers::load(&path);
    assert!(loaded.is_ok(), "{text}: {loaded:?}");
}

/// A handler with these lines; its schema has the string `s`, which is required.
fn handler(argv: &str, more: &str) -> String {
    format!(
        "[[handler]]\ntype = 'x'\nargv = {argv}\n\
         parameters = {{ type = 'object', properties = {{ s = {{ type = 'string' }} }}, \
         required = ['s'] }}\n{more}\n"
    )
}

#[test]
fn a_file_that_is_wrong_says_where() {
    let path = std::path::Path::new("/nonexistent/handlers.toml");
    let missing = Handlers::load(path).unwrap_err();
    assert!(matches!(missing, HandlersError::Io { .. }), "{missing}");
    for (text, part) in [
        ("[[handler]", "line 1"),
        ("[[handlers]]\ntype = 'x'", "unknown field `handlers`"),
        ("[[handler]]\ntype = 'x'", "argv"),
        (
            &*handler("['/bin/true']", "shell = true"),
            "unknown field `shell`",
        ),
        (
            "[[handler]]\ntype = 'a b'\nargv = ['/bin/true']",
            "a type is made of",
        ),
        ("[[handler]]\ntype = 'x'\nargv = []", "argv names a program"),
    ] {
        let told = refusal(text);
        assert!(told.contains(part), "{text}: {told}");
    }
    let twice = handler("['/bin/true']", "") + &handler("['/bin/false']", "");
    assert!(refusal(&twice).contains("declared twice"));
}

#[test]
fn the_program_is_the_operators_alone() {
    for (argv, part) in [
        ("['{s}']", "argv[0] is the program itself"),
        ("['/bin/{s}']", "argv[0] is the program itself"),
        ("['surely/not']", "/surely/not"),
        (
            "['surely-no-such-program']",
            "no program surely-no-such-program in PATH",
        ),
        ("['/bin/surely-not']", "no program /bin/surely-not"),
        ("['/etc/passwd']", "no program /etc/passwd"),
        ("['/bin']", "no program /bin"),
    ] {
        let told = refusal(&handler(argv, ""));
        assert!(told.contains(part), "{argv}: {told}");
    }
}

const NO_INPUT: &str = "stdin = 'none'";

#[test]
fn a_parameter_inside_code_is_refused() {
    for argv in [
        "['/bin/sh', '-c', 'echo {s}']",
        "['sh', '-ec', 'echo {s}']",
        "['sh', '-c', '--', '{s}']",
        "['bash', '-c', '-x', '{s}']",
        "['bash', '-c', '+x', '{s}']",
        "['bash', '-ceuo', 'pipefail', '{s}']",
        "['bash', '-o', 'pipefail', '-c', '{s}']",
        "['/usr/bin/env', 'bash', '-c', 'echo {s}']",
        "['/usr/bin/env', 'python3.11', '-c', 'print({s})']",
        "['/usr/bin/env', 'perl', '-we', '{s}']",
        "['perl', '-e', '1', '-e', '{s}']",
        "['perl', '-e', '1', '-e{s}']",
        "['perl', '-ne', 'print', '-{s}', 'file']",
        "['sed', '-e', 'p', 'file', '-e', '{s}']",
        "['sed', '{s}']",
        "['awk', '{s}', 'file']",
        "['find', '/tmp', '-exec', 'sh', '-c', '-x', '{s}', ';']",
        "['su', 'nobody', '-c', '{s}']",
    ] {
        let told = refusal(&handler(argv, NO_INPUT));
        assert!(told.contains("would be run as code"), "{argv}: {told}");
    }
}

#[test]
fn a_parameter_that_names_a_program_or_a_script_is_refused() {
    for argv in [
        "['bash', '{s}']",
        "['bash', '-x', '{s}']",
        "['bash', '-{s}', 'script.sh']",
        "['bash', '-euo', 'pipefail', '{s}']",
        "['bash', '--rcfile', 'fixed', '{s}']",
        "['sh', '--', '{s}']",
        "['./python3', '{s}']",
        "['./python3', '-m', '{s}']",
        "['./python3', '-W', 'ignore', '{s}']",
        "['env', '{s}']",
        "['env', 'A=B', '-i', '{s}']",
        "['env', 'A={s}', 'true']",
        "['env', 'bash', '{s}']",
        "['xargs', '{s}']",
        "['xargs', '-n', '1', '{s}']",
        "['nice', '-n', '5', '{s}']",
        "['nice', '-5', 'sh', '{s}']",
        "['nohup', 'setsid', '{s}']",
        "['timeout', '{s}', 'true']",
        "['timeout', '-k', '5', '10', '{s}']",
        "['timeout', '-k', '5', '10', 'nice', 'sh', '{s}']",
        // Who knows whether it is the value of the option or the program?
        "['timeout', '--surely-unknown', '10', '{s}']",
        "['nice', '--surely-unknown', 'sh', '{s}']",
        "['nice', '--surely-unknown', 'sh', '-s', '--', '{s}']",
    ] {
        let told = refusal(&handler(argv, NO_INPUT));
        let part = "would be run as code or name what is run";
        assert!(told.contains(part), "{argv}: {told}");
    }
}

#[test]
fn an_interpreter_does_not_read_its_code_from_the_payload() {
    for argv in [
        "['sh']",
        "['bash', '-s']",
        "['bash', '-x']",
        "['bash', '-s', 'script.sh']",
        "['bash', '/dev/stdin']",
        "['bash', '-euo', 'pipefail']",
        "['./python3', '-']",
        "['./python3', '-i', '/proc/self/fd/0']",
        "['env', 'A=B', 'sh']",
        "['timeout', '5', 'sh']",
        "['timeout', '--surely-unknown', '5', 'sh']",
        "['timeout', '--surely-unknown', '5', 'sh', '-s', '--', 'cat']",
        "['xargs', 'sh', '-c']",
        "['xargs', '-I', '%', 'sh', '-c', 'echo %']",
        "['unshare']",
        "['su', 'nobody']",
    ] {
        let told = refusal(&handler(argv, ""));
        assert!(
            told.contains("the payload on its standard input"),
            "{argv}: {told}"
        );
    }
    for argv in ["['sh']", "['bash', '-s']", "['./python3', '-']"] {
        load(&handler(argv, NO_INPUT));
    }
}

#[test]
fn parameters_behind_fixed_code_or_a_fixed_script_are_accepted() {
    for argv in [
        "['sh', '-c', 'process \"$1\"', 'sh', '--', '{s}']",
        "['bash', '-c', 'process \"$1\"', 'sh', '{s}']",
        "['bash', '-euo', 'pipefail', '-c', 'process \"$1\"', 'sh', '{s}']",
        "['bash', '-euo', 'pipefail', 'script.sh', '{s}']",
        "['bash', '--posix', '--', 'script.sh', '{s}']",
        "['./python3', '-u', 'script.py', '--name={s}']",
        "['./python3', '-m', 'module', '{s}']",
        "['./python3', '-cprint(1)', '{s}']",
        "['perl', '-MFile::Find', '-e', 'print', '--', '{s}']",
        "['perl', '-ne', 'print', '{s}']",
        "['sed', '-n', '1p', '{s}']",
        "['awk', '-F', ',', '{{print $1}}', '{s}']",
        "['env', '-i', 'A=B', 'cat', '{s}']",
        "['timeout', '-k', '5', '10', 'cat', '{s}']",
        "['timeout', '--signal=KILL', '10', 'nice', '-n', '5', 'cat', '{s}']",
        "['nice', 'sh', 'script.sh', '{s}']",
        "['xargs', '-0', 'cat', '--', '{s}']",
        "['grep', '-r', 'bash', '{s}']",
        "['env']",
    ] {
        load(&handler(argv, ""));
    }
    // An option of the payload may bring code, if options are allowed.
    let told = refusal(&handler(
        "['perl', '-ne', 'print', '{s}']",
        "allow_leading_dash = true",
    ));
    assert!(told.contains("would be run as code"), "{told}");
    load(&handler(
        "['perl', '-ne', 'print', '--', '{s}']",
        "allow_leading_dash = true",
    ));
}

#[test]
fn a_parameter_is_declared_and_always_there() {
    let told = refusal(&handler("['/bin/echo', '{t}']", ""));
    assert!(
        told.contains("{t} is not among the schema's properties"),
        "{told}"
    );
    let told = refusal("[[handler]]\ntype = 'x'\nargv = ['/bin/echo', '{t}']");
    assert!(told.contains("{t} needs a schema"), "{told}");
    let told = refusal(&handler("['/bin/echo', 'a {s']", ""));
    assert!(told.contains("argv[1]: a brace stands alone"), "{told}");
}

#[test]
fn settings_outside_their_range_are_refused() {
    for (more, part) in [
        ("timeout_ms = 0", "timeout_ms"),
        ("grace_ms = 600_001", "grace_ms"),
        ("output_tail_bytes = 65_537", "output_tail_bytes"),
        (
            "working_directory = 'surely-not'",
            "/surely-not is no directory",
        ),
        ("limits = { memory_bytes = 1_000 }", "limits.memory_bytes"),
        ("limits = { cpu_seconds = 0 }", "limits.cpu_seconds"),
        ("limits = { open_files = 3 }", "limits.open_files"),
        ("limits = { processes = 3 }", "unknown field `processes`"),
        ("working_directory = '/surely/not'", "working_directory"),
        ("environment = ['A=B']", "no name of a variable"),
        (
            "set_environment = { TASKPILOT_ATTEMPT = '9' }",
            "is set by the worker",
        ),
        (
            "retryable_exit_codes = [1]\nnon_retryable_exit_codes = [2]",
            "not both",
        ),
        ("stdin = 'file'", "unknown variant"),
        ("confirm_start = 'no'", "in `confirm_start`"),
        ("result = 'xml'", "unknown variant"),
    ] {
        let told = refusal(&handler("['/bin/true']", more));
        assert!(told.contains(part), "{more}: {told}");
    }
}

#[test]
fn a_cleanup_is_declared_with_the_same_care() {
    let cleanup = |argv: &str, more: &str| {
        let main = handler("['/bin/true']", "description = 'does nothing'");
        format!("{main}[handler.cleanup]\nargv = {argv}\n{more}\n")
    };
    for (argv, more, part) in [
        ("[]", "", "argv names a program"),
        ("['surely/not']", "", "there is no program"),
        ("['{s}']", "", "argv[0] is the program itself"),
        ("['/bin/echo', '{t}']", "", "{t} is not among the schema's"),
        ("['sh', '-c', 'rm {s}']", NO_INPUT, "would be run as code"),
        ("['sh']", "", "the payload on its standard input"),
        ("['true']", "max_attempts = 0", "max_attempts is from 1"),
        ("['true']", "max_attempts = 101", "max_attempts is from 1"),
        ("['true']", "max_attempts = 'x'", "in `max_attempts`"),
        ("['true']", "timeout_ms = 0", "timeout_ms"),
        ("['true']", "grace_ms = 600_001", "grace_ms"),
        ("['true']", "kind = 'http'", "unknown field `kind`"),
        ("['true']", "type = 'y'", "unknown field `type`"),
        ("['true']", "parameters = {}", "unknown field `parameters`"),
        (
            "['true']",
            "confirm_start = true",
            "unknown field `confirm_st",
        ),
        ("['true']", "cleanup = {}", "unknown field `cleanup`"),
        (
            "['true']",
            "set_environment = { TASKPILOT_CLEANUP_OF = '9' }",
            "is set by the worker",
        ),
    ] {
        let told = refusal(&cleanup(argv, more));
        let whose = told.contains("handler \"x\": cleanup: ");
        assert!(whose && told.contains(part), "{argv} {more}: {told}");
    }
    let told = refusal(&handler(
        "['/bin/true']",
        "[handler.cleanup]\nstdin = 'none'",
    ));
    assert!(told.contains("cleanup: missing field `argv`"), "{told}");
    let told = refusal(&handler("['/bin/true']", "cleanup = ['rm']"));
    assert!(told.contains("in `cleanup`"), "{told}");
    load(&cleanup(
        "['rm', '-f', '--', '{s}.partial']",
        "timeout_ms = 1\nmax_attempts = 100\ngrace_ms = 5\nstdin = 'none'\n\
         environment = ['PATH']\nset_environment = { A = 'B' }\nresult = 'none'\n\
         working_directory = '/'\nlimits = { cpu_seconds = 5 }\noutput_tail_bytes = 100\n\
         retryable_exit_codes = [1]\nallow_leading_dash = false",
    ));
}

#[test]
fn the_demos_are_there_beside_the_operators_handlers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("handlers.toml");
    fs::write(&path, handler("['true']", "description = 'does nothing'")).unwrap();
    let handlers = Handlers::load(&path).unwrap();
    let types: Vec<&str> = handlers.types().collect();
    assert_eq!(
        types,
        [
            "demo",
            "demo-clock",
            "demo-fail",
            "demo-slow",
            "demo-stubborn",
            "x"
        ]
    );
}

#[tokio::test]
async fn whatever_a_payload_holds_stays_one_argument() {
    let scheduler = Scheduler::start().await;
    let mut bench = Bench::new();
    bench.load(&format!(
        "{}result = 'none'\nstdin = 'none'\n",
        handler(
            "['/bin/sh', '-c', 'printf \"%s|\" \"$#\" \"$@\"; cat', 'x', 'a={s}', '--', '{s}', '{{s}}']",
            ""
        )
    ));
    let worker = bench.start(&scheduler.url());
    for text in [
        "",
        " ",
        "a b",
        "$(reboot)",
        "`reboot`",
        "; reboot",
        "\" ' \\ \n *",
        "{s}",
        "-rf",
        "--",
        "ä",
    ] {
        let id = scheduler.run("x", json!({"s": text})).await;
        let done = scheduler.when_status(id, "SUCCEEDED").await;
        let stdout = format!("4|a={text}|--|{text}|{{s}}|");
        assert_eq!(done["attempts"][0]["output"]["stdout"], stdout);
    }
    let id = scheduler.run("x", json!({"s": "a\0b"})).await;
    let failed = scheduler.when_status(id, "FAILED").await;
    assert_eq!(failed["attempts"][0]["error"]["code"], "invalid_payload");
    worker.end().await;
}

#[tokio::test]
async fn a_program_sees_only_the_variables_that_are_listed() {
    let scheduler = Scheduler::start().await;
    let mut bench = Bench::new();
    bench.load(
        "[[handler]]\ntype = 'x'\nargv = ['env']\nenvironment = ['SURELY_UNSET']\n\
         set_environment = { COLOR = 'blue' }\n\
         [[handler]]\ntype = 'where'\nargv = ['pwd']\nworking_directory = '/usr'\n",
    );
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("x", json!(null)).await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    let stdout = done["result"]["stdout"].as_str().unwrap();
    let mut names: Vec<&str> = stdout
        .lines()
        .map(|line| line.split('=').next().unwrap())
        .collect();
    names.sort_unstable();
    let expected = [
        "COLOR",
        "TASKPILOT_ATTEMPT",
        "TASKPILOT_EXECUTION_ID",
        "TASKPILOT_MARKER",
        "TASKPILOT_STOP_FILE",
        "TASKPILOT_TYPE",
    ];
    assert_eq!(names, expected);
    let id = scheduler.run("where", json!(null)).await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    assert_eq!(done["result"]["stdout"], "/usr\n");
    worker.end().await;
}

#[tokio::test]
async fn a_program_keeps_within_the_limits_of_its_handler() {
    let scheduler = Scheduler::start().await;
    let bench = Bench::with_scripts(&[
        (
            "told",
            // The last one is set from outside, when the program runs already.
            "ulimit -v; ulimit -n; ulimit -f; until [ $(ulimit -H -t) = 8 ]; do :; done",
            "limits = { memory_bytes = 268_435_456, open_files = 64, file_bytes = 51_200, cpu_seconds = 7 }",
        ),
        (
            "spins",
            "while :; do :; done",
            "limits = { cpu_seconds = 1 }",
        ),
    ]);
    let worker = bench.start(&scheduler.url());
    let told = scheduler.run("told", json!(null)).await;
    let once = json!({"type": "spins", "payload": null, "maxAttempts": 1});
    let spins = scheduler.create(once).await;
    let done = scheduler.when_status(told, "SUCCEEDED").await;
    // Kibibytes, files, blocks of 512 bytes.
    assert_eq!(done["result"]["stdout"], "262144\n64\n100\n");
    let failed = scheduler.when_status(spins, "FAILED").await;
    let sigxcpu = rustix::process::Signal::XCPU.as_raw();
    assert_eq!(failed["attempts"][0]["signal"], sigxcpu);
    worker.end().await;
}

#[tokio::test]
async fn json_of_a_program_is_the_result_as_it_was_written() {
    let scheduler = Scheduler::start().await;
    let script = "cat; echo progress >&2";
    let bench = Bench::with_scripts(&[("json", script, "result = 'json'")]);
    let worker = bench.start(&scheduler.url());
    let id = scheduler.run("json", json!({"a": [1.5, "ü"]})).await;
    let done = scheduler.when_status(id, "SUCCEEDED").await;
    assert_eq!(done["result"], json!({"a": [1.5, "ü"]}));
    worker.end().await;
}
