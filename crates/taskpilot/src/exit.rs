//! Exit codes, which scripts rely on, and the failures that lead to them.

use std::process::ExitCode;

use taskpilot_client::ClientError;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// What was asked for is so.
    Ok = 0,
    /// Anything that has no code of its own.
    Error = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// The caller may not do that.
    Denied = 4,
    /// Its state does not allow it.
    Conflict = 5,
    /// The wait ran out.
    TimedOut = 6,
    /// Another process owns the data directory.
    Locked = 7,
    /// The address is refused or taken.
    Address = 8,
    /// The data was written by a newer release.
    NewerData = 9,
    /// The task that was waited for failed.
    TaskFailed = 10,
    /// The task that was waited for was canceled.
    TaskCanceled = 11,
    /// The verdict stands, and nobody can prove that the work has ended.
    StopNotProven = 12,
    /// The verdict stands, and the work could not be ended: it may still run.
    StopGivenUp = 13,
    /// The end of the work is proven, and the cleanup that is owed for it failed.
    CleanupFailed = 14,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl Code {
    /// The name of an error that no server has named.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::TimedOut => "wait_ran_out",
            Self::Locked => "locked",
            Self::NewerData => "newer_data",
            _ => "error",
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why the process cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A call to the server did not give what was asked for.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// The command line or the configuration is wrong.
    #[error("{0}")]
    Usage(String),
    /// What the server said, as it said it: for programs.
    #[error("{1}")]
    Problem(Code, String),
    /// With a code of its own.
    #[error("{1}")]
    Coded(Code, String),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// What it was, with all its causes.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Other(error) => format!("{error:#}"),
            other => other.to_string(),
        }
    }

    /// The code that tells scripts what it was.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Usage(_) => Code::Usage,
            Self::Coded(code, _) | Self::Problem(code, _) => *code,
            Self::Other(_) => Code::Error,
            Self::Call(error) => match error.status().map(|status| status.as_u16()) {
                Some(404) => Code::NotFound,
                Some(401 | 403) => Code::Denied,
                Some(409 | 412 | 428) => Code::Conflict,
                Some(400 | 413 | 415 | 422) => Code::Usage,
                _ => Code::Error,
            },
        }
    }
}
