//! More requests than a server can take, from a thread that gives way to it.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// Time between two bursts of a connection.
const BURST_EVERY: Duration = Duration::from_millis(100);
/// The server goes first where both want a core.
const NICENESS: i32 = 15;
/// When a connection that was refused comes again: as it was told.
const COMES_AGAIN: Duration = Duration::from_secs(1);

/// One request, sent over and over.
#[derive(Debug, Clone)]
pub struct Flood {
    /// Where to.
    pub server: SocketAddr,
    /// The bytes of the request; its connection stays open.
    pub request: Vec<u8>,
    /// Connections, each of which sends on without waiting for its answers, until it is refused. It
    /// comes again when it was told to; what falls due meanwhile is not sent.
    pub connections: usize,
    /// Requests of all of them in a second; `None`: each waits for its answer and then asks again.
    pub per_second: Option<u64>,
    /// How long.
    pub period: Duration,
}

/// What was asked, and what came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Requests whose time had come, sent or not.
    pub due: u64,
    /// Requests that were sent; what is behind a refusal is never answered.
    pub written: u64,
    /// The ids at the ends of the `Location` of every `201`.
    pub created: Vec<i64>,
    /// `503` that say when to come again; one that does not is among the others.
    pub refused: u64,
    /// Anything else: each is a fault of the server.
    pub others: Vec<String>,
}

impl Flood {
    /// Sends in a thread of its own; the answers are those until the period is over.
    pub async fn run(self) -> Result<Answers> {
        let (done, answers) = tokio::sync::oneshot::channel();
        thread::spawn(move || drop(done.send(self.alone())));
        answers.await.context("the thread of a flood has ended")?
    }

    fn alone(self) -> Result<Answers> {
        // On Linux this is about the calling thread alone.
        rustix::process::nice(NICENESS).context("cannot give way")?;
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build()?.block_on(self.all())
    }

    async fn all(self) -> Result<Answers> {
        let answers = Arc::new(Mutex::new(Answers::default()));
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let (flood, answers) = (self.clone(), Arc::clone(&answers));
            connections.spawn(async move {
                let mut bursts = interval(BURST_EVERY);
                // What could not be sent in time is due all the same.
                bursts.set_missed_tick_behavior(MissedTickBehavior::Burst);
                loop {
                    // The server may refuse a connection, or close it.
                    let _over = one(&flood, &mut bursts, &answers).await;
                    let _paused = timeout(COMES_AGAIN, pending::<()>()).await;
                }
            });
        }
        let _over = timeout(self.period, pending::<()>()).await;
        drop(connections);
        Ok(std::mem::take(&mut *lock(&answers)))
    }

    /// Requests of one connection in one burst.
    fn burst(&self, per_second: u64) -> Result<u64> {
        let bursts = 1_000 / u64::try_from(BURST_EVERY.as_millis())?;
        let connections = u64::try_from(self.connections)?;
        Ok(per_second.div_ceil(bursts * connections))
    }
}

fn lock(answers: &Mutex<Answers>) -> MutexGuard<'_, Answers> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn one(flood: &Flood, bursts: &mut Interval, answers: &Mutex<Answers>) -> Result<()> {
    let (reading, mut writing) = TcpStream::connect(flood.server).await?.into_split();
    let mut reading = BufReader::new(reading);
    let Some(per_second) = flood.per_second else {
        loop {
            writing.write_all(&flood.request).await?;
            note(&read(&mut reading).await?, answers)?;
        }
    };
    let burst = flood.burst(per_second)?;
    let read = async {
        loop {
            note(&read(&mut reading).await?, answers)?;
        }
    };
    tokio::select! {
        ended = write(writing, (flood, burst), bursts, answers) => ended,
        ended = read => ended,
    }
}

async fn write(
    mut writing: OwnedWriteHalf,
    (flood, burst): (&Flood, u64),
    bursts: &mut Interval,
    answers: &Mutex<Answers>,
) -> Result<()> {
    let bytes = flood.request.repeat(usize::try_from(burst)?);
    while timeout(Duration::ZERO, bursts.tick()).await.is_ok() {
        lock(answers).due += burst;
    }
    loop {
        bursts.tick().await;
        lock(answers).due += burst;
        writing.write_all(&bytes).await?;
        lock(answers).written += burst;
    }
}

struct Answer {
    status: String,
    location: Option<i64>,
    says_when: bool,
}

async fn read(reading: &mut BufReader<OwnedReadHalf>) -> Result<Answer> {
    let mut answer = Answer {
        status: String::new(),
        location: None,
        says_when: false,
    };
    let (mut line, mut length) = (String::new(), 0_usize);
    loop {
        line.clear();
        ensure!(reading.read_line(&mut line).await? > 0, "closed");
        let text = line.trim_end();
        if answer.status.is_empty() {
            answer.status = text.split(' ').nth(1).unwrap_or_default().to_owned();
            continue;
        }
        match text.split_once(": ") {
            None => break,
            Some(("content-length", value)) => length = value.parse()?,
            Some(("location", value)) => {
                answer.location = value.rsplit('/').next().and_then(|id| id.parse().ok());
            }
            Some(("retry-after", _)) => answer.says_when = true,
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).await?;
    Ok(answer)
}

/// Counts an answer. After a refusal the connection is over.
fn note(answer: &Answer, answers: &Mutex<Answers>) -> Result<()> {
    let mut answers = lock(answers);
    match (answer.status.as_str(), answer.location, answer.says_when) {
        ("201", Some(id), _) => answers.created.push(id),
        ("503", _, true) => {
            answers.refused += 1;
            bail!("refused");
        }
        (other, ..) => answers.others.push(other.to_owned()),
    }
    Ok(())
}
