//! The loop: collect the dead, obey, let time act, signal, report, wait.
//!
//! The order within a turn matters: the dead first, so that a program that had already ended when
//! the stop arrived counts as finished; orders in the order of the pipe, so that a stop sent before
//! the start means that nothing is ever forked.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{WaitStatus, set_child_subreaper, setsid};

use super::channels::{Orders, Reports};
use super::notice::Notice;
use super::plan::{Phase, Plan};
use super::program::{self, Program};
use super::signals::Signals;
use super::timer::Timer;
use super::tree::{Reaped, Tree, reap};
use crate::clock::BootInstant;
use crate::limits::{EMPTY_PAUSE_MS, KILL_PAUSE_MS, TERMINATE_PAUSE_MS};
use crate::process_table::ProcessId;
use crate::spec::{CommandSpec, Timing};
use crate::wire::{EndCause, Ended, Event, Order, OutputTail, Report, StartError, StopSignal};

/// One supervisor, for one command.
pub(crate) struct Supervise {
    orders: Orders,
    reports: Reports,
    signals: Signals,
    timer: Timer,
    tree: Tree,
    plan: Option<Plan>,
    spec: Option<Box<CommandSpec>>,
    program: Option<Program>,
    status: Option<WaitStatus>,
    start_error: Option<StartError>,
    no_group: Option<String>,
    emptying: Emptying,
    sweeps: Sweeps,
    notice: Notice,
    ended: bool,
}

/// When the next look at the tree is due, and what was told of the looks so far.
#[derive(Default)]
struct Sweeps {
    next: Option<BootInstant>,
    pause_ms: u64,
    told: Option<StopSignal>,
}

/// No child is left, and the control group does not say so yet: a kernel may tell of an end before
/// it is done with it.
#[derive(Default)]
struct Emptying {
    next: Option<BootInstant>,
    pause_ms: u64,
}

impl Supervise {
    pub(crate) fn set_up() -> io::Result<Self> {
        let signals = Signals::catch()?;
        let mut reports = Reports::to_stdout()?;
        if let Err(message) = contain() {
            reports.push(&Report::Unusable { message });
            reports.flush();
            return Err(io::Error::other("cannot supervise"));
        }
        Ok(Self {
            orders: Orders::from_stdin()?,
            reports,
            signals,
            timer: Timer::new()?,
            tree: Tree::of_this_process(),
            plan: None,
            spec: None,
            program: None,
            status: None,
            start_error: None,
            no_group: None,
            emptying: Emptying::default(),
            sweeps: Sweeps::default(),
            notice: Notice::default(),
            ended: false,
        })
    }

    /// Returns when the end is proven and told, or nobody is left to be told.
    pub(crate) fn run(mut self) -> io::Result<()> {
        loop {
            let asked = self.signals.take();
            let reaped = self.collect_the_dead();
            self.obey(asked);
            if let Some(plan) = &mut self.plan {
                plan.tick(BootInstant::now());
            }
            self.pump_pipes();
            self.sweep();
            self.conclude();
            self.reports.flush();
            if self.ended && self.reports.is_flushed() {
                // Behind the last word, which is not to wait for it.
                self.tree.disband();
                return Ok(());
            }
            self.wait(reaped == Reaped::MoreToCome)?;
        }
    }

    fn collect_the_dead(&mut self) -> Reaped {
        let Some(plan) = &mut self.plan else {
            return Reaped::Empty;
        };
        let main = self.program.as_ref().map(|program| program.id.pid);
        let reaped = reap(|pid, status| {
            if Some(pid) == main && self.status.is_none() {
                self.status = Some(status);
            }
        });
        if self.status.is_some() {
            plan.program_ended(BootInstant::now());
        }
        self.emptying.next = None;
        if reaped == Reaped::Empty && self.program.is_some() {
            if self.tree.group_is_empty() {
                plan.emptied();
            } else {
                self.emptying.schedule();
            }
        }
        reaped
    }

    fn obey(&mut self, asked: bool) {
        let (orders, worker_gone) = self.orders.take();
        for order in orders {
            match order {
                Order::Prepare { spec, .. } => self.prepare(spec),
                Order::Start => self.start(),
                Order::ExtendLease { lease_end } => {
                    if let Some(plan) = &mut self.plan {
                        plan.extend_lease(lease_end);
                    }
                }
                Order::Stop { grace_ms, notice } => {
                    self.notice.say(notice);
                    self.stop(EndCause::Order, |_| grace_ms);
                }
            }
        }
        if worker_gone {
            self.stop(EndCause::WorkerGone, |timing| timing.orphan_grace_ms);
        }
        if asked {
            self.stop(EndCause::Signal, |timing| timing.grace_ms);
        }
    }

    fn prepare(&mut self, spec: Box<CommandSpec>) {
        if self.plan.is_none() {
            // Now, because it takes its time: between the start and the fork there is none.
            if let Some(group) = spec.group.clone()
                && let Err(error) = self.tree.enter(group)
            {
                self.no_group = Some(format!("cannot enter it: {error}"));
            }
            self.plan = Some(Plan::new(spec.lease_end, spec.timing));
            self.notice.file.clone_from(&spec.stop_file);
            self.spec = Some(spec);
            self.reports.push(&Report::Ready);
        }
    }

    fn start(&mut self) {
        let now = BootInstant::now();
        let Some(plan) = &mut self.plan else { return };
        plan.tick(now);
        if plan.phase() != Phase::Prepared {
            return;
        }
        let Some(spec) = self.spec.take() else { return };
        let started = program::start(*spec);
        if let Err(error) = self.tree.step_out() {
            self.no_group = Some(format!("cannot leave it again: {error}"));
        }
        match started {
            Ok(program) => {
                plan.started();
                let event = Event::Started {
                    program: program.id,
                    containment: self.tree.containment(),
                    no_group: self.no_group.take(),
                    at: BootInstant::now(),
                };
                self.program = Some(program);
                self.reports.push(&Report::Event { event });
            }
            Err(error) => {
                plan.could_not_start();
                self.start_error = Some(error);
            }
        }
    }

    fn stop(&mut self, cause: EndCause, grace: impl FnOnce(Timing) -> u64) {
        // A stop before the spec came: there is no plan, and there will be nothing to end.
        let plan = self
            .plan
            .get_or_insert_with(|| Plan::new(BootInstant::now(), Timing::default()));
        let grace_ms = grace(plan.timing());
        plan.stop(cause, grace_ms, BootInstant::now());
    }

    fn pump_pipes(&mut self) {
        if let Some(program) = &mut self.program {
            program.stdin.write();
            program.stdout.drain();
            program.stderr.drain();
        }
    }

    /// Signals what the phase asks for, if a look is due.
    fn sweep(&mut self) {
        let Some(plan) = &mut self.plan else { return };
        let now = BootInstant::now();
        let (signal, pauses) = match plan.phase() {
            Phase::Terminating { .. } => (StopSignal::Terminate, TERMINATE_PAUSE_MS),
            Phase::Killing { .. } => (StopSignal::Kill, KILL_PAUSE_MS),
            Phase::Prepared | Phase::Running | Phase::Over => return,
        };
        let first = self.sweeps.told != Some(signal);
        let mut processes = 0;
        if first && let Some(cause) = plan.cause() {
            self.notice.post(cause);
        }
        if first || self.sweeps.next.is_none_or(|next| now >= next) {
            processes = match signal {
                StopSignal::Terminate => self.tree.terminate(),
                StopSignal::Kill => self.tree.kill(),
            };
            self.sweeps.schedule(first, pauses);
        }
        if signal == StopSignal::Kill {
            self.tree.kill_children();
        }
        if first {
            self.sweeps.told = Some(signal);
            if let Some(cause) = plan.cause() {
                let event = Event::Signaled {
                    signal,
                    cause,
                    processes,
                    at: now,
                };
                self.reports.push(&Report::Event { event });
            }
        }
        if plan.take_stuck(now) {
            let event = Event::Stuck {
                survivors: self.tree.survivors(),
                at: now,
            };
            self.reports.push(&Report::Event { event });
        }
    }

    fn conclude(&mut self) {
        let Some(plan) = &self.plan else { return };
        if plan.phase() != Phase::Over || self.ended {
            return;
        }
        let (stdout, stderr) = self
            .program
            .as_mut()
            .map_or_else(Default::default, last_output);
        let ended = Ended {
            how: plan.how(self.tree.was_killed()),
            cause: plan.cause(),
            containment: self.tree.containment(),
            exit_code: self.status.and_then(WaitStatus::exit_status),
            signal: self.status.and_then(WaitStatus::terminating_signal),
            swept: self.tree.swept(),
            stdout,
            stderr,
            start_error: self.start_error.take(),
            at: BootInstant::now(),
        };
        self.reports.push(&Report::Event {
            event: Event::Ended(Box::new(ended)),
        });
        self.ended = true;
    }

    fn wait(&mut self, at_once: bool) -> io::Result<()> {
        let wake = self.plan.as_ref().and_then(Plan::next_wake);
        let sweeping = self.plan.as_ref().is_some_and(|plan| {
            matches!(
                plan.phase(),
                Phase::Terminating { .. } | Phase::Killing { .. }
            )
        });
        let sweep = self.sweeps.next.filter(|_| sweeping);
        let wakes = [wake, sweep, self.emptying.next];
        self.timer.set(wakes.into_iter().flatten().min())?;
        let watched = [
            (Some(self.signals.wakes()), PollFlags::IN),
            (Some(self.timer.polled()), PollFlags::IN),
            (self.orders.pipe(), PollFlags::IN),
            (self.reports.pipe(), PollFlags::OUT),
            (
                self.program
                    .as_ref()
                    .and_then(|program| program.stdin.pipe()),
                PollFlags::OUT,
            ),
            (
                self.program
                    .as_ref()
                    .and_then(|program| program.stdout.pipe()),
                PollFlags::IN,
            ),
            (
                self.program
                    .as_ref()
                    .and_then(|program| program.stderr.pipe()),
                PollFlags::IN,
            ),
        ];
        let mut polled: Vec<PollFd<'_>> = watched
            .into_iter()
            .filter_map(|(pipe, flags)| Some(PollFd::from_borrowed_fd(pipe?, flags)))
            .collect();
        let no_time = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match poll(&mut polled, at_once.then_some(&no_time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Emptying {
    fn schedule(&mut self) {
        let (shortest, longest) = EMPTY_PAUSE_MS;
        self.pause_ms = (self.pause_ms * 2).clamp(shortest, longest);
        self.next = Some(BootInstant::now().plus_ms(self.pause_ms));
    }
}

impl Sweeps {
    fn schedule(&mut self, first: bool, (shortest, longest): (u64, u64)) {
        self.pause_ms = if first {
            shortest
        } else {
            (self.pause_ms * 2).min(longest)
        };
        self.next = Some(BootInstant::now().plus_ms(self.pause_ms));
    }
}

/// Everything of the tree is dead: what is not in the pipes now will never come, whoever holds them.
fn last_output(program: &mut Program) -> (OutputTail, OutputTail) {
    program.stdin.close();
    program.stdout.close();
    program.stderr.close();
    (program.stdout.tail(), program.stderr.tail())
}

/// Makes this process one to which all orphans of its tree return.
fn contain() -> Result<(), String> {
    // Fails only for the leader of a process group, which has what a session is wanted for.
    let _ = setsid();
    // Any pid means "on".
    set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| format!("cannot become a child subreaper: {error}"))?;
    let own = std::process::id();
    let seen = i32::try_from(own).ok().and_then(ProcessId::of);
    seen.map(drop)
        .ok_or_else(|| "cannot read /proc: is it mounted?".to_owned())
}
