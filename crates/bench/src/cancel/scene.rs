//! The processes that are canceled, and the instants of each cancel.

use anyhow::{Context, Result};
use hyper::Method;
use rustix::process::Pid;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::Entrance;
use crate::clock::{now_ns, patiently, wait_until_ns};
use crate::connection::{Call, Connection};
use crate::handler::UNTIL_TOLD;
use crate::marks::Marks;
use crate::process::Process;
use crate::target::Target;

/// Processes that are begun together. Each is two programs that start: of a thousand at once many
/// would take longer than a worker waits for them.
const PORTION: usize = 20;

/// The instants of one cancel.
pub(super) struct Sample {
    pub(super) intended: u64,
    pub(super) sent: u64,
    pub(super) verdict: u64,
    pub(super) signaled: u64,
    pub(super) gone: u64,
}

/// What the cancels of a run share.
pub(super) struct Scene {
    url: String,
    entrance: Entrance,
    marks: Marks,
    /// By the number of the work: the id to cancel it by.
    ids: Mutex<Vec<u64>>,
}

impl Scene {
    /// Without a process yet. Needs a local set.
    pub(super) fn set(entrance: Entrance, target: &Target) -> Result<Self> {
        Ok(Self {
            url: match entrance {
                Entrance::Scheduler => target.scheduler.clone(),
                Entrance::Control => target.control()?.to_owned(),
            },
            entrance,
            marks: Marks::open(&target.directory()?)?,
            ids: Mutex::default(),
        })
    }

    /// Begins so many processes, in portions.
    pub(super) async fn begin(&self, count: usize) -> Result<()> {
        for first in (0..count).step_by(PORTION) {
            let portion = first..count.min(first + PORTION);
            for _ in portion.clone() {
                self.begin_next().await?;
            }
            for number in portion {
                self.marks.started(number as u64).await?;
            }
        }
        Ok(())
    }

    /// Begins one more process; the answer of its create is all that is waited for.
    async fn begin_next(&self) -> Result<()> {
        #[derive(Deserialize)]
        struct Created {
            id: u64,
        }
        let mut ids = self.ids.lock().await;
        let number = ids.len();
        let (path, bind) = match self.entrance {
            Entrance::Scheduler => ("/tasks", ""),
            Entrance::Control => ("/api/tasks", r#","bind":true"#),
        };
        let body = format!(r#"{{"type":"{UNTIL_TOLD}","payload":{{"n":{number}}}{bind}}}"#);
        let call = Call::new(Method::POST, path).json(body);
        let answer = Connection::open(&self.url).await?.call(call).await?;
        let Created { id } = serde_json::from_slice(&answer)?;
        ids.push(id);
        Ok(())
    }

    /// Cancels the work of this number at that instant, then puts another in its place.
    pub(super) async fn cancel(&self, number: u64, intended: u64) -> Result<Sample> {
        let mark = self.marks.started(number).await?;
        let process = Process::of(Pid::from_raw(mark.pid).context("a process without a number")?)?;
        let id = self.ids.lock().await[usize::try_from(number)?];
        let path = match self.entrance {
            Entrance::Scheduler => format!("/tasks/{id}/cancel"),
            Entrance::Control => format!("/api/tasks/{id}/execution/cancel"),
        };
        let mut connection = Connection::open(&self.url).await?;
        wait_until_ns(intended).await?;
        let sent = now_ns();
        let verdict = async {
            let what = || format!("the answer to PUT {}{path}", self.url);
            patiently(what, connection.call(Call::new(Method::PUT, &path))).await?;
            Ok(now_ns())
        };
        let signaled = self.marks.signaled(number);
        let (verdict, signaled, gone) = tokio::try_join!(verdict, signaled, process.ended())?;
        self.begin_next().await?;
        Ok(Sample {
            intended,
            sent,
            verdict,
            signaled: signaled.instant_ns,
            gone,
        })
    }
}
