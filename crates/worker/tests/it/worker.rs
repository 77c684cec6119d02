//! A worker with a directory of its own, handlers that are written for the test, and an end.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use taskpilot_worker::{Contain, Handlers, Worker, WorkerConfig, WorkerError};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; what takes so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const SUPERVISOR: &str = env!("CARGO_BIN_EXE_taskpilot-supervise");

/// What a worker is started with, again if need be.
pub(crate) struct Bench {
    pub(crate) directory: TempDir,
    pub(crate) slots: u32,
    pub(crate) drain: Duration,
    /// Without control groups unless a test says so: that is the same on every machine.
    pub(crate) contain: Contain,
    supervisor: PathBuf,
    handlers: Handlers,
}

pub(crate) struct Running {
    shutdown: CancellationToken,
    haste: CancellationToken,
    ended: JoinHandle<Result<(), WorkerError>>,
}

impl Bench {
    /// With the demos.
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            slots: 4,
            drain: Duration::from_secs(10),
            contain: Contain::Subreaper,
            supervisor: PathBuf::from(SUPERVISOR),
            handlers: Handlers::built_in(),
        }
    }

    /// With these handlers.
    pub(crate) fn with_handlers(handlers: Handlers) -> Self {
        let mut bench = Self::new();
        bench.handlers = handlers;
        bench
    }

    /// With shell scripts as handlers: type, script, and further keys. `@` in a script is the
    /// directory of the test; every process of it has that path in its environment.
    pub(crate) fn with_scripts(scripts: &[(&str, &str, &str)]) -> Self {
        let mut bench = Self::new();
        let root = bench.path("").display().to_string();
        let mut file = String::new();
        for (kind, script, keys) in scripts {
            let script = script.replace('@', &root);
            let handler = format!(
                "[[handler]]\ntype = '{kind}'\nargv = ['/bin/sh', '-c', '''{script}''']\n\
                 set_environment = {{ BENCH = '{root}' }}\n{keys}\n"
            );
            file.push_str(&handler);
        }
        bench.load(&file);
        bench
    }

    /// With the handlers of this text.
    pub(crate) fn load(&mut self, file: &str) {
        let path = self.path("handlers.toml");
        fs::write(&path, file).unwrap();
        self.handlers = Handlers::load(&path).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn config(&self, url: &str) -> WorkerConfig {
        WorkerConfig {
            scheduler_url: url.to_owned(),
            name: "tested".parse().unwrap(),
            queues: vec!["default".parse().unwrap()],
            slots: self.slots,
            handlers: self.handlers.clone(),
            state_directory: self.path("state"),
            drain: self.drain,
        }
    }

    pub(crate) fn start(&self, url: &str) -> Running {
        let worker = Worker::new(self.config(url)).unwrap();
        let shutdown = CancellationToken::new();
        let haste = CancellationToken::new();
        let worker = worker
            .supervised_by(self.supervisor.clone())
            .contained(self.contain)
            .hastened_by(haste.clone());
        Running {
            ended: tokio::spawn(worker.run(shutdown.clone())),
            shutdown,
            haste,
        }
    }

    /// Lets supervisors say that they come (the file `coming`) and come only when the file `come`
    /// is there.
    pub(crate) fn hold_supervisors(&mut self) {
        let root = self.path("").display().to_string();
        let script = format!(
            "#!/bin/sh\n: > {root}coming\nwhile [ ! -e {root}come ]; do /bin/sleep 0.01; done\n\
             exec {SUPERVISOR} \"$@\"\n"
        );
        self.supervisor = self.path("supervisor");
        fs::write(&self.supervisor, script).unwrap();
        fs::set_permissions(&self.supervisor, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Whether the worker still has a session to say goodbye for.
    pub(crate) fn has_session_file(&self) -> bool {
        self.path("state/session.json").exists()
    }

    /// The one supervisor that the journal of the worker names.
    pub(crate) fn supervisor(&self) -> i32 {
        let files = fs::read_dir(self.path("state/journal")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let records: Vec<serde_json::Value> = files
            .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
            .map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
            .collect();
        let [record] = records.as_slice() else {
            panic!("one record: {records:?}");
        };
        let pid = record["supervisor"]["pid"].as_i64().unwrap();
        i32::try_from(pid).unwrap()
    }

    /// A pid that a script wrote.
    pub(crate) fn pid(&self, name: &str) -> i32 {
        let text = fs::read_to_string(self.path(name)).unwrap();
        text.trim().parse().unwrap()
    }

    /// Living programs of this test.
    pub(crate) fn programs(&self) -> Vec<i32> {
        let mark = format!("BENCH={}\0", self.path("").display());
        processes_with(mark.as_bytes())
    }
}

/// Ends a process at once; one that has ended already is as good.
pub(crate) fn send_kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

impl Drop for Bench {
    /// A test that failed may leave work behind.
    fn drop(&mut self) {
        for pid in self.programs() {
            send_kill(pid);
        }
    }
}

impl Running {
    /// Asks it to end, without waiting.
    pub(crate) fn ask_to_end(&self) {
        self.shutdown.cancel();
    }

    /// Asks it to hurry with its end, without waiting.
    pub(crate) fn hasten(&self) {
        self.haste.cancel();
    }

    pub(crate) async fn ended(self) -> Result<(), WorkerError> {
        let ended = tokio::time::timeout(PATIENCE, self.ended).await;
        ended.expect("the worker ends in time").unwrap()
    }

    /// Ends it in order.
    pub(crate) async fn end(self) {
        self.ask_to_end();
        self.ended().await.unwrap();
    }

    /// Ends it as a crash would, as far as that is possible inside one process.
    pub(crate) async fn crash(self) {
        self.ended.abort();
        let _ = self.ended.await;
    }
}

/// Whether a process exists and has not ended.
pub(crate) fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Processes of which nothing is known but a part of their environment.
pub(crate) fn processes_with(part: &[u8]) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            environment.windows(part.len()).any(|found| found == part)
                && !status.contains("State:\tZ")
        })
        .collect()
}

/// Looks again and again: for what is announced to nobody.
pub(crate) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let reached = async {
        while !condition() {
            looks.tick().await;
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, reached).await;
    assert!(outcome.is_ok(), "never: {what}");
}

pub(crate) async fn wait_for_file(path: &Path) {
    wait_until(&format!("{} is there", path.display()), || path.exists()).await;
}
