//! The proxy itself: a port, a server behind it, rules, and a memory.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::exchange::Exchange;
use super::fault::{Cut, Fault, Route, Rule};
use super::relay;
use crate::http::Http;
use crate::ports::ReservedPort;
use crate::stand_in::Seen;
use crate::wait::{SOON, wait_until};

/// Forwards every request to a server, but for what its rules say.
///
/// Each request has a connection of its own on both sides. The server may be away: then the caller's
/// connection is closed without an answer.
#[derive(Debug)]
pub struct Proxy {
    port: ReservedPort,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) server: SocketAddr,
    rules: Mutex<Vec<Rule>>,
    exchanges: Mutex<Vec<Exchange>>,
    /// Rises with every release.
    releases: watch::Sender<u64>,
    pub(super) cut: watch::Sender<Cut>,
}

impl Proxy {
    /// Starts one before a server, without faults.
    pub async fn before(server: SocketAddr) -> Result<Self> {
        let port = ReservedPort::take()?;
        let listener = TcpListener::bind(port.address()).await;
        let shared = Arc::new(Shared {
            server,
            rules: Mutex::default(),
            exchanges: Mutex::default(),
            releases: watch::Sender::new(0),
            cut: watch::Sender::new(Cut::default()),
        });
        let listener = listener.context("failed to listen")?;
        let accepting = tokio::spawn(relay::accept(listener, Arc::clone(&shared)));
        Ok(Self {
            port,
            shared,
            accepting,
        })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.port.url()
    }

    /// The server, through it.
    pub fn http(&self) -> Http {
        Http::at(self.port.address())
    }

    /// Adds a rule. The first one that knows a fault for a request decides.
    pub fn rule(&self, rule: Rule) {
        lock(&self.shared.rules).push(rule);
    }

    /// From now on all is well, but for what is held already.
    pub fn forget_rules(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Lets go whatever is held now.
    pub fn release(&self) {
        self.shared.releases.send_modify(|releases| *releases += 1);
    }

    /// Closes and opens the ways.
    pub fn cut(&self, cut: Cut) {
        self.shared.cut.send_replace(cut);
    }

    /// The requests of a route so far, in the order of their arrival.
    pub fn exchanges(&self, route: Route) -> Vec<Exchange> {
        let exchanges = lock(&self.shared.exchanges);
        let of_route = exchanges.iter().filter(|known| route.is_of(&known.request));
        of_route.cloned().collect()
    }

    /// The first request of a route that is as it is wanted, as soon as there is one.
    pub async fn when(
        &self,
        what: &str,
        route: Route,
        wanted: impl Fn(&Exchange) -> bool,
    ) -> Result<Exchange> {
        wait_until(what, SOON, || {
            let found = self
                .exchanges(route)
                .into_iter()
                .find(|known| wanted(known));
            async move { Ok(found) }
        })
        .await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// Remembers a request and gives its place and its fault.
    pub(super) fn arrived(&self, request: &Seen) -> (usize, Option<Fault>) {
        let mut rules = lock(&self.rules);
        let fault = rules.iter_mut().find_map(|rule| rule.meet(request));
        let mut exchanges = lock(&self.exchanges);
        exchanges.push(Exchange::new(request.clone(), fault));
        (exchanges.len() - 1, fault)
    }

    pub(super) fn note(&self, place: usize, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = lock(&self.exchanges).get_mut(place) {
            change(exchange);
        }
    }

    /// Returns when whatever is held now is released.
    pub(super) async fn released(&self, place: usize) -> Result<()> {
        let mut releases = self.releases.subscribe();
        let before = *releases.borrow_and_update();
        // Noted after the count was read: a test that sees it held can release it.
        self.note(place, |exchange| exchange.is_held = true);
        releases.wait_for(|now| *now > before).await?;
        self.note(place, |exchange| exchange.is_held = false);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::timeout;

    use super::super::fault::Told;
    use super::*;
    use crate::stand_in::StandIn;

    /// Longer than an answer takes that comes, in a process of its own that does nothing else.
    const A_WHILE: Duration = Duration::from_millis(300);

    async fn create(server: Http) -> Result<i64> {
        let body = json!({"type": "a", "payload": "b"});
        let reply = server.post("/tasks").json(&body).send().await?;
        reply.json()?["id"].as_i64().context("no id")
    }

    #[tokio::test]
    async fn each_fault_has_its_effect_on_the_server_and_on_the_caller() {
        for (fault, done, told) in [
            (Fault::Reset, 0, None),
            (Fault::ResetAfter, 1, None),
            (Fault::HangsUpAfter, 1, None),
            (Fault::Twice(Told::First), 2, Some(4_001)),
            (Fault::Twice(Told::Second), 2, Some(4_002)),
        ] {
            let server = StandIn::start().await.unwrap();
            let proxy = Proxy::before(server.address()).await.unwrap();
            proxy.rule(Rule::first(1, Route::CREATE, fault));
            assert_eq!(create(proxy.http()).await.ok(), told, "{fault:?}");
            assert_eq!(server.creates().len(), done, "{fault:?}");
            // The next one is well.
            assert!(create(proxy.http()).await.is_ok(), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn what_is_lost_is_not_heard_of() {
        for (fault, done) in [(Fault::LostRequest, 0), (Fault::LostReply, 1)] {
            let server = StandIn::start().await.unwrap();
            let proxy = Proxy::before(server.address()).await.unwrap();
            proxy.rule(Rule::every(Route::CREATE, fault));
            let heard = timeout(A_WHILE, create(proxy.http())).await;
            assert!(heard.is_err(), "{fault:?}");
            assert_eq!(server.creates().len(), done, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn what_is_held_goes_on_when_it_is_released() {
        for (fault, done) in [(Fault::HeldRequest, 0), (Fault::HeldReply, 1)] {
            let server = StandIn::start().await.unwrap();
            let proxy = Proxy::before(server.address()).await.unwrap();
            proxy.rule(Rule::first(1, Route::CREATE, fault));
            let held = tokio::spawn(create(proxy.http()));
            let is_held = |known: &Exchange| known.is_held;
            let what = "the create is held";
            proxy.when(what, Route::CREATE, is_held).await.unwrap();
            assert_eq!(server.creates().len(), done, "{fault:?}");
            // A later one overtakes it.
            let later = create(proxy.http()).await.unwrap();
            proxy.release();
            let first = held.await.unwrap().unwrap();
            assert_eq!(first < later, fault == Fault::HeldReply, "{fault:?}");
            assert_eq!(proxy.exchanges(Route::CREATE).len(), 2);
        }
    }

    #[tokio::test]
    async fn a_cut_way_lets_nothing_through_until_it_is_open() {
        for requests in [true, false] {
            let server = StandIn::start().await.unwrap();
            let proxy = Proxy::before(server.address()).await.unwrap();
            let cut = Cut {
                requests,
                replies: !requests,
            };
            proxy.cut(cut);
            let mut asked = tokio::spawn(create(proxy.http()));
            assert!(timeout(A_WHILE, &mut asked).await.is_err(), "{cut:?}");
            assert_eq!(server.creates().is_empty(), requests, "{cut:?}");
            proxy.cut(Cut::default());
            assert_eq!(asked.await.unwrap().unwrap(), 4_001, "{cut:?}");
        }
    }
}
