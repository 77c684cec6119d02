//! A network that loses, doubles, holds back and cuts: nothing is lost, nothing runs twice.

mod away;
mod claims;
mod cuts;
mod every_call;
mod goodbyes;
mod reports;
mod scheduler_calls;
mod starts;
mod truth;

pub(crate) use truth::{ended_as, one_at_a_time};
