//! What can go wrong on the way, and for which requests it does.

use crate::stand_in::Seen;

/// What becomes of one request. "Nothing" is heard where a packet was lost: the connection stays
/// open until the caller gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is never forwarded, and the caller hears nothing.
    LostRequest,
    /// It is carried out, and the caller hears nothing: half open.
    LostReply,
    /// It is carried out, and the connection is closed without an answer.
    HangsUpAfter,
    /// It is never forwarded, and the connection is reset.
    Reset,
    /// It is carried out, and the connection is reset.
    ResetAfter,
    /// It is carried out twice, one after the other.
    Twice(Told),
    /// It is forwarded when the test releases it, whether or not the caller still listens.
    HeldRequest,
    /// It is carried out at once, and its answer passed on when the test releases it.
    HeldReply,
}

/// Which answer the caller of a doubled request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// That to the first copy.
    First,
    /// That to the second.
    Second,
}

/// Which ways let nothing through. What comes meanwhile waits, as TCP repeats it, and gets through
/// when the way is open again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// From the callers to the server.
    pub requests: bool,
    /// From the server to the callers.
    pub replies: bool,
}

/// A method and a path in which `*` stands for one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    method: &'static str,
    path: &'static str,
}

impl Route {
    /// A worker introduces itself.
    pub const REGISTER: Self = Self::new("POST", "/v1/workers");
    /// A worker asks for work.
    pub const CLAIMS: Self = Self::new("POST", "/v1/workers/*/claims");
    /// A worker hands in ends.
    pub const RESULTS: Self = Self::new("POST", "/v1/workers/*/results");
    /// A worker asks whether attempts may begin.
    pub const STARTS: Self = Self::new("POST", "/v1/workers/*/starts");
    /// A worker tells how far stops have come.
    pub const STOPS: Self = Self::new("POST", "/v1/workers/*/stops");
    /// A worker is alive.
    pub const HEARTBEAT: Self = Self::new("PUT", "/v1/workers/*/heartbeat");
    /// A worker listens for orders.
    pub const ORDERS: Self = Self::new("GET", "/v1/workers/*/orders");
    /// A worker leaves.
    pub const GOODBYE: Self = Self::new("DELETE", "/v1/workers/*");
    /// The control plane creates an execution.
    pub const CREATE: Self = Self::new("POST", "/tasks");
    /// The control plane cancels one.
    pub const CANCEL: Self = Self::new("PUT", "/tasks/*/cancel");

    /// Any route.
    pub const fn new(method: &'static str, path: &'static str) -> Self {
        Self { method, path }
    }

    /// Whether a request is of this route.
    pub fn is_of(self, request: &Seen) -> bool {
        let path = request.path.split('?').next().unwrap_or_default();
        let (mut wanted, mut found) = (self.path.split('/'), path.split('/'));
        let same = loop {
            match (wanted.next(), found.next()) {
                (None, None) => break true,
                (Some("*"), Some(_)) => {}
                (wanted, found) if wanted == found => {}
                _ => break false,
            }
        };
        same && request.method == self.method
    }
}

/// A fault for some requests of a route, counted from when the rule was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    route: Route,
    fault: Fault,
    skipped: usize,
    times: usize,
}

impl Rule {
    /// For every request of the route.
    pub fn every(route: Route, fault: Fault) -> Self {
        Self {
            route,
            fault,
            skipped: 0,
            times: usize::MAX,
        }
    }

    /// For the n-th request alone, counted from one.
    pub fn nth(n: usize, route: Route, fault: Fault) -> Self {
        Self {
            skipped: n - 1,
            times: 1,
            ..Self::every(route, fault)
        }
    }

    /// For all from the n-th request on, counted from one.
    pub fn from(n: usize, route: Route, fault: Fault) -> Self {
        Self {
            skipped: n - 1,
            ..Self::every(route, fault)
        }
    }

    /// For the first ones.
    pub fn first(times: usize, route: Route, fault: Fault) -> Self {
        Self {
            times,
            ..Self::every(route, fault)
        }
    }

    /// The fault for this request, which is counted if it is of the route.
    pub(super) fn meet(&mut self, request: &Seen) -> Option<Fault> {
        if !self.route.is_of(request) {
            return None;
        }
        if self.skipped > 0 {
            self.skipped -= 1;
            return None;
        }
        self.times = self.times.checked_sub(1)?;
        Some(self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(method: &str, path: &str) -> Seen {
        Seen {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    #[test]
    fn a_route_is_a_method_and_every_segment() {
        assert!(Route::CLAIMS.is_of(&seen("POST", "/v1/workers/7/claims?a=b")));
        for other in [
            "/v1/workers/7",
            "/v1/workers/7/claims/8",
            "/v1/workers/7/results",
        ] {
            assert!(!Route::CLAIMS.is_of(&seen("POST", other)), "{other}");
        }
        assert!(!Route::CLAIMS.is_of(&seen("GET", "/v1/workers/7/claims")));
    }

    #[test]
    fn a_rule_counts_the_requests_of_its_route() {
        let (mine, other) = (seen("POST", "/tasks"), seen("GET", "/tasks"));
        let met = |mut rule: Rule| {
            let requests = [&mine, &other, &mine, &mine];
            requests.map(|request| rule.meet(request).is_some())
        };
        let fault = Fault::Reset;
        assert_eq!(
            met(Rule::every(Route::CREATE, fault)),
            [true, false, true, true]
        );
        assert_eq!(
            met(Rule::nth(2, Route::CREATE, fault)),
            [false, false, true, false]
        );
        assert_eq!(
            met(Rule::from(2, Route::CREATE, fault)),
            [false, false, true, true]
        );
        assert_eq!(
            met(Rule::first(2, Route::CREATE, fault)),
            [true, false, true, false]
        );
    }
}
