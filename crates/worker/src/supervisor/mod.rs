//! The inside of the supervisor process: small, single-threaded, no tokio.
//!
//! It is a child subreaper in its own session, so every descendant of the program comes back to it
//! however it was forked. It ends the tree and reports only when `waitpid` answers that no child is
//! left: that is the proof that nothing is. Where the program was given a control group, that has
//! to be empty too; the supervisor is outside of it. What a program has others do for it (cron, a
//! container daemon, systemd) is not its descendant and is not ended.

mod channels;
mod life;
mod notice;
mod output;
mod plan;
mod program;
mod resources;
mod signals;
mod supervise;
mod timer;
mod tree;

pub use life::supervise_main;
