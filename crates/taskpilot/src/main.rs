//! The one binary: the roles that serve, and the commands that call them.
//!
//! It parses, assembles and prints. It decides nothing about tasks.

mod arguments;
mod commands;
mod config;
mod durations;
mod exit;
#[cfg(feature = "fault-points")]
mod faults;
mod logging;
mod output;
mod roles;
mod signals;
mod version;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::arguments::{
    Arguments, CancellationArgs, Command, CompletionsArgs, ConfigArgs, ExecutionArgs, LatencyArgs,
    QueueArgs, TaskArgs,
};
use crate::exit::Failure;

fn main() -> ExitCode {
    let mut line: Vec<OsString> = std::env::args_os().collect();
    let is = |name: &str| line.get(1).is_some_and(|argument| argument == name);
    // A supervisor is this binary again, before any runtime or thread is there.
    if is(taskpilot_worker::SUPERVISE) {
        return taskpilot_worker::supervise_main();
    }
    // And so is the program whose begin and end a measurement takes the time of.
    if is(taskpilot_bench::HANDLER) {
        return taskpilot_bench::handler_main(line.into_iter().skip(2));
    }
    // And a service that ends with its measurement; the rest of its command line is an ordinary one.
    if is(taskpilot_bench::SERVICE) {
        if let Err(error) = taskpilot_bench::end_with(line.get(2)) {
            let failure = Failure::Other(error);
            output::say_error(&failure, output::Format::Text);
            return failure.code().into();
        }
        line.drain(1..3);
    }
    let arguments = Arguments::read(line);
    let format = arguments.command.format();
    match run(arguments) {
        Ok(code) => code.into(),
        Err(failure) => {
            output::say_error(&failure, format);
            failure.code().into()
        }
    }
}

fn run(arguments: Arguments) -> Result<exit::Code, Failure> {
    #[cfg(feature = "fault-points")]
    faults::arm()?;
    let file = config::File::load(arguments.config.as_deref())?;
    match arguments.command {
        Command::Up(role) => roles::up::run(&role, &file),
        Command::Control(role) => roles::control::run(&role, &file),
        Command::Scheduler(role) => roles::scheduler::run(&role, &file),
        Command::Worker(worker) => match worker.command {
            Some(command) => {
                let client = command.client().clone();
                commands::run(client, &file, |session| {
                    commands::worker::run(command, session)
                })
            }
            None => roles::worker::run(&worker.role, &file),
        },
        Command::Task(TaskArgs { command }) => {
            let client = command.client().clone();
            commands::run(client, &file, |session| {
                commands::task::run(command, session)
            })
        }
        Command::Bench(bench) => commands::bench::run(bench),
        Command::Queue(QueueArgs { command }) => {
            let client = command.client().clone();
            commands::run(client, &file, |session| {
                commands::queue::run(command, session)
            })
        }
        Command::Latency(LatencyArgs { command }) => {
            let client = command.client().clone();
            commands::run(client, &file, |session| {
                commands::latency::run(command, session)
            })
        }
        Command::Execution(ExecutionArgs { command }) => {
            let client = command.client().clone();
            commands::run(client, &file, |session| {
                commands::execution::run(command, session)
            })
        }
        Command::Cancellation(CancellationArgs { command }) => {
            let client = command.client().clone();
            commands::run(client, &file, |session| {
                commands::cancellation::run(command, session)
            })
        }
        Command::Backup(arguments) => commands::backup::run(&arguments, &file),
        Command::Restore(arguments) => commands::restore::run(&arguments, &file),
        Command::Config(ConfigArgs { command }) => commands::config::run(command, &file),
        Command::Completions(CompletionsArgs { shell }) => commands::completions::run(shell),
    }
}
