//! Starting the program: exact arguments, clean environment, own process group, three pipes.
//!
//! Its three standard descriptors take the place of the supervisor's control pipes and everything
//! else is close-on-exec: the program must not hold a control pipe, or a dead worker goes unseen.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::{Errno, ioctl_fionbio, write};
use rustix::process::Pid;
use taskpilot_domain::limits::OUTPUT_TAIL_BYTES_DEFAULT;

use super::output::Capture;
use super::resources;
use crate::process_table::ProcessId;
use crate::spec::{CLEANUP_FILE_VARIABLE, CommandSpec, MARKER_VARIABLE, STOP_FILE_VARIABLE};
use crate::wire::{StartError, StartErrorCode};

/// The program and our ends of its pipes.
pub(crate) struct Program {
    pub(crate) id: ProcessId,
    pub(crate) stdin: Feed,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
}

/// Input that the program has not read yet.
pub(crate) struct Feed {
    pipe: Option<OwnedFd>,
    rest: Vec<u8>,
    written: usize,
}

/// Starts the program.
pub(crate) fn start(spec: CommandSpec) -> Result<Program, StartError> {
    let mut command = command(&spec)?;
    let limited = |errno: Errno| refused(&errno.into(), &spec);
    resources::take_on(&spec.limits).map_err(limited)?;
    let mut child = command.spawn().map_err(|error| refused(&error, &spec))?;
    let pid = i32::try_from(child.id()).expect("invariant: a pid is positive");
    let program = Pid::from_raw(pid).expect("invariant: a pid is not 0");
    resources::hand_over(&spec.limits, program);
    let id = ProcessId::of(pid).expect("invariant: a child stays in /proc until it is collected");
    let keep = spec.output_tail_bytes.min(OUTPUT_TAIL_BYTES_DEFAULT);
    Ok(Program {
        id,
        stdin: Feed::new(child.stdin.take().map(OwnedFd::from), spec.stdin),
        stdout: Capture::new(child.stdout.take().map(OwnedFd::from), keep),
        stderr: Capture::new(child.stderr.take().map(OwnedFd::from), keep),
    })
}

fn command(spec: &CommandSpec) -> Result<Command, StartError> {
    let Some((name, arguments)) = spec.argv.split_first() else {
        return Err(error(
            StartErrorCode::ArgumentsRefused,
            "no program was given".to_owned(),
        ));
    };
    if !spec.directory.is_dir() {
        let message = format!("no directory {} to start in", spec.directory.display());
        return Err(error(StartErrorCode::DirectoryMissing, message));
    }
    let files = [
        (STOP_FILE_VARIABLE, spec.stop_file.as_ref()),
        (
            CLEANUP_FILE_VARIABLE,
            spec.cleanup_file.as_ref().map(|file| &file.path),
        ),
    ];
    let files = files.into_iter();
    let mut command = Command::new(find(name, spec)?);
    command
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(&spec.environment)
        .env(MARKER_VARIABLE, &spec.marker)
        .envs(files.filter_map(|(name, path)| Some((name, path?))))
        .current_dir(&spec.directory)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// Looks a bare name up in the program's own `PATH`. Left to the C library, a file that is not
/// executable binary code would be handed to `/bin/sh`.
fn find(name: &str, spec: &CommandSpec) -> Result<PathBuf, StartError> {
    if name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    let path = spec
        .environment
        .get("PATH")
        .map_or("/usr/bin:/bin", String::as_str);
    let mut there: Option<PathBuf> = None;
    for directory in path
        .split(':')
        .filter(|directory| directory.starts_with('/'))
    {
        let candidate = Path::new(directory).join(name);
        match fs::metadata(&candidate) {
            Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => {
                return Ok(candidate);
            }
            Ok(found) if found.is_file() => there = there.or(Some(candidate)),
            Ok(_) | Err(_) => {}
        }
    }
    Err(match there {
        Some(candidate) => {
            let message = format!("{} is not executable", candidate.display());
            error(StartErrorCode::ProgramNotExecutable, message)
        }
        None => error(
            StartErrorCode::ProgramNotFound,
            format!("no program {name} in PATH {path}"),
        ),
    })
}

fn refused(cause: &io::Error, spec: &CommandSpec) -> StartError {
    let program = spec.argv.first().map_or("", String::as_str);
    let code = match Errno::from_io_error(cause) {
        Some(Errno::NOENT | Errno::NOTDIR) => StartErrorCode::ProgramNotFound,
        Some(Errno::ACCESS | Errno::PERM) if !may_enter(&spec.directory) => {
            StartErrorCode::DirectoryMissing
        }
        Some(Errno::ACCESS | Errno::PERM | Errno::NOEXEC | Errno::ISDIR | Errno::LIBBAD) => {
            StartErrorCode::ProgramNotExecutable
        }
        Some(Errno::TOOBIG | Errno::INVAL) => StartErrorCode::ArgumentsRefused,
        // The standard library finds a NUL before the kernel could.
        None if cause.kind() == io::ErrorKind::InvalidInput => StartErrorCode::ArgumentsRefused,
        Some(_) | None => StartErrorCode::ResourcesExhausted,
    };
    error(code, format!("cannot start {program}: {cause}"))
}

fn may_enter(directory: &Path) -> bool {
    rustix::fs::access(directory, rustix::fs::Access::EXEC_OK).is_ok()
}

fn error(code: StartErrorCode, message: String) -> StartError {
    StartError { code, message }
}

impl Feed {
    fn new(pipe: Option<OwnedFd>, input: Vec<u8>) -> Self {
        let pipe = pipe.filter(|pipe| ioctl_fionbio(pipe, true).is_ok());
        let mut feed = Self {
            pipe,
            rest: input,
            written: 0,
        };
        feed.write();
        feed
    }

    /// What to poll for writing, until all is written.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Writes what the pipe takes, without waiting, and closes it after the last byte.
    pub(crate) fn write(&mut self) {
        while let Some(pipe) = &self.pipe {
            let rest = &self.rest[self.written..];
            if rest.is_empty() {
                return self.close();
            }
            match write(pipe, rest) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // The program closed its input: its right.
                Err(_) => return self.close(),
            }
        }
    }

    /// Drops the pipe and the memory.
    pub(crate) fn close(&mut self) {
        self.pipe = None;
        self.rest = Vec::new();
        self.written = 0;
    }
}
