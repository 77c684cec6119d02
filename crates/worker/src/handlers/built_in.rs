//! The demos: something to run, to watch fail and to stop before there is any handlers file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use taskpilot_domain::limits::OUTPUT_TAIL_BYTES_DEFAULT;

use super::argv::Arguments;
use super::command::{CommandHandler, Stdin};
use super::handler::{Demo, Handler};
use super::judge::Judgement;
use crate::spec::ResourceLimits;

/// Says what it does and becomes `sleep`, which SIGTERM ends.
const SLOW: &[&str] = &[
    "-c",
    "echo \"sleeping for $1 s\"\nexec sleep \"$1\"",
    "demo-slow",
];
/// What ignores a signal hands that down: every process of this tree is deaf to SIGTERM.
const STUBBORN: &[&str] = &[
    "-c",
    "trap '' TERM\nsleep \"$1\" &\n(sleep \"$1\"; true) &\necho \"ignoring SIGTERM for $1 s\"\nsleep \"$1\"",
    "demo-stubborn",
];

pub(super) fn all() -> BTreeMap<String, Arc<Handler>> {
    [
        ("demo", Handler::InProcess(Demo::Echo)),
        ("demo-clock", Handler::InProcess(Demo::Clock)),
        ("demo-fail", Handler::InProcess(Demo::Fail)),
        ("demo-slow", Handler::Command(script(SLOW))),
        ("demo-stubborn", Handler::Command(script(STUBBORN))),
    ]
    .into_iter()
    .map(|(kind, handler)| (kind.to_owned(), Arc::new(handler)))
    .collect()
}

/// A fixed script for the shell. All that it gets of the payload is a number.
fn script(fixed: &'static [&'static str]) -> CommandHandler {
    let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
    CommandHandler {
        program: "/bin/sh".to_owned(),
        arguments: Arguments::Seconds { fixed, default: 60 },
        environment: BTreeMap::from([path]),
        directory: PathBuf::from("/"),
        stdin: Stdin::None,
        limits: ResourceLimits::default(),
        output_tail_bytes: OUTPUT_TAIL_BYTES_DEFAULT,
        timeout_ms: None,
        grace_ms: None,
        judgement: Judgement::default(),
    }
}
