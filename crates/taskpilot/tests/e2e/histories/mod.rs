//! What many clients see at once of a few executions has an order in which it is right.

mod clients;
mod networks;
mod play;
mod record;
