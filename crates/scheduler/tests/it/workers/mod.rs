//! `/v1/workers`.

mod claims;
mod expiry;
mod goodbye;
mod heartbeat;
mod orders;
mod register;
mod results;
mod stops;
mod waiting_claims;
