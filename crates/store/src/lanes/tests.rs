//! Order, bounds, shedding and shutdown of the lanes.

use std::sync::{Arc, mpsc};
use std::thread;

use super::*;

/// A command that says what became of it.
#[derive(Debug)]
struct Named(&'static str, mpsc::Sender<(&'static str, StoreError)>);

impl Command for Named {
    fn refuse(self, error: StoreError) {
        self.1.send((self.0, error)).unwrap();
    }
}

struct Setting {
    lanes: Arc<Lanes<Named>>,
    sender: mpsc::Sender<(&'static str, StoreError)>,
    refused: mpsc::Receiver<(&'static str, StoreError)>,
}

impl Setting {
    fn new(bounds: Bounds) -> Self {
        let (sender, refused) = mpsc::channel();
        Self {
            lanes: Arc::new(Lanes::new(bounds)),
            sender,
            refused,
        }
    }

    fn push(&self, lane: Lane, bytes: usize, name: &'static str) {
        self.lanes
            .push(lane, bytes, Named(name, self.sender.clone()));
    }

    fn wait(&self) -> Option<&'static str> {
        match self.lanes.wait(&mut Spent::default(), None) {
            Waited::First(command) => Some(command.0),
            Waited::Nothing => panic!("a wait without a timeout ends with a command"),
            Waited::Closed => None,
        }
    }

    fn next(&self, spent: &mut Spent) -> Option<&'static str> {
        self.lanes.next(spent).map(|command| command.0)
    }

    fn refused(&self) -> Vec<&'static str> {
        self.refused.try_iter().map(|(name, _)| name).collect()
    }
}

fn spent_ms(millis: u64) -> Spent {
    Spent {
        bytes: 0,
        time: Duration::from_millis(millis),
    }
}

#[test]
fn lanes_are_served_in_their_order_and_each_in_the_order_of_arrival() {
    let setting = Setting::new(Bounds::default());
    for (lane, names) in [
        (Lane::Background, ["promote", "expire"]),
        (Lane::Create, ["create 1", "create 2"]),
        (Lane::Claim, ["claim 1", "claim 2"]),
        (Lane::Finish, ["finish 1", "finish 2"]),
        (Lane::Cancel, ["cancel 1", "cancel 2"]),
        (Lane::Heartbeat, ["beat 1", "beat 2"]),
    ] {
        for name in names {
            setting.push(lane, 0, name);
        }
    }
    let mut spent = Spent::default();
    let mut served = vec![setting.wait().unwrap()];
    served.extend(std::iter::from_fn(|| setting.next(&mut spent)));
    assert_eq!(
        served,
        [
            "beat 1", "beat 2", "cancel 1", "cancel 2", "finish 1", "finish 2", "claim 1",
            "claim 2", "create 1", "create 2", "promote", "expire",
        ]
    );
}

#[test]
fn a_transaction_takes_no_more_after_its_bytes() {
    let setting = Setting::new(Bounds::default());
    setting.push(Lane::Create, TRANSACTION_BYTES_MAX, "large");
    setting.push(Lane::Create, 1, "small");
    let mut spent = Spent::default();
    assert_eq!(setting.next(&mut spent), Some("large"));
    assert_eq!(setting.next(&mut spent), None);
    assert_eq!(setting.wait(), Some("small"));
}

#[test]
fn a_transaction_takes_background_for_a_shorter_time_than_the_rest() {
    let setting = Setting::new(Bounds::default());
    setting.push(Lane::Background, 0, "expire");
    setting.push(Lane::Create, 0, "create");
    let mut late = spent_ms(BACKGROUND_MS_MAX);
    assert_eq!(setting.next(&mut late), Some("create"));
    assert_eq!(setting.next(&mut late), None);
    setting.push(Lane::Heartbeat, 0, "beat");
    assert_eq!(setting.next(&mut spent_ms(TRANSACTION_MS_MAX)), None);
    assert_eq!(setting.wait(), Some("beat"));
}

#[test]
fn a_full_lane_refuses_and_leaves_the_others_open() {
    let setting = Setting::new(Bounds {
        commands: 2,
        ..Bounds::default()
    });
    for name in ["a", "b", "c"] {
        setting.push(Lane::Create, 0, name);
    }
    setting.push(Lane::Cancel, 0, "cancel");
    assert_eq!(setting.refused(), ["c"]);
    assert_eq!(setting.wait(), Some("cancel"));
}

/// Rooms of so many commands without a body.
fn rooms([bytes, cancel_bytes, work_bytes, shed_bytes]: [usize; 4]) -> Bounds {
    Bounds {
        commands: 100,
        bytes: bytes * COMMAND_OVERHEAD_BYTES,
        cancel_bytes: cancel_bytes * COMMAND_OVERHEAD_BYTES,
        work_bytes: work_bytes * COMMAND_OVERHEAD_BYTES,
        shed_bytes: shed_bytes * COMMAND_OVERHEAD_BYTES,
    }
}

#[test]
fn creates_and_background_are_shed_while_room_is_kept_for_the_rest() {
    let setting = Setting::new(rooms([4, 4, 4, 2]));
    setting.push(Lane::Create, 0, "create");
    setting.push(Lane::Background, 0, "promote");
    setting.push(Lane::Create, 0, "create too many");
    setting.push(Lane::Background, 0, "promote too many");
    setting.push(Lane::Heartbeat, 0, "beat");
    setting.push(Lane::Cancel, 0, "cancel");
    setting.push(Lane::Cancel, 0, "cancel too many");
    assert_eq!(
        setting.refused(),
        ["create too many", "promote too many", "cancel too many"]
    );
}

#[test]
fn a_flood_of_claims_and_ends_leaves_room_for_cancels_and_heartbeats() {
    let setting = Setting::new(Bounds::default());
    let mib = 1024 * 1024;
    let flood = LANES_WORK_BYTES_MAX / mib;
    for _ in 0..flood {
        setting.push(Lane::Finish, mib, "end");
        setting.push(Lane::Claim, mib, "claim");
        setting.push(Lane::Create, mib, "create");
    }
    let shed = setting.refused();
    assert!(["end", "claim"].iter().all(|name| shed.contains(name)));
    setting.push(Lane::Cancel, mib, "cancel");
    setting.push(Lane::Heartbeat, mib, "beat");
    assert!(setting.refused().is_empty());
}

#[test]
fn a_flood_of_cancels_leaves_room_for_heartbeats_and_the_whole_is_bounded() {
    let setting = Setting::new(rooms([4, 3, 2, 1]));
    setting.push(Lane::Create, 0, "create");
    setting.push(Lane::Claim, 0, "claim");
    setting.push(Lane::Finish, 0, "end too many");
    setting.push(Lane::Cancel, 0, "cancel");
    setting.push(Lane::Cancel, 0, "cancel too many");
    setting.push(Lane::Heartbeat, 0, "beat");
    setting.push(Lane::Heartbeat, 0, "beat too many");
    assert_eq!(
        setting.refused(),
        ["end too many", "cancel too many", "beat too many"]
    );
}

#[test]
fn what_is_shed_first_does_not_fill_the_room_of_those_before_it() {
    let setting = Setting::new(rooms([4, 3, 2, 1]));
    setting.push(Lane::Finish, 0, "end");
    setting.push(Lane::Claim, 0, "claim");
    setting.push(Lane::Create, 0, "create too many");
    assert_eq!(setting.refused(), ["create too many"]);
}

#[test]
fn room_comes_back_when_commands_are_taken() {
    let setting = Setting::new(rooms([2, 2, 2, 1]));
    for name in ["first", "second", "third"] {
        setting.push(Lane::Create, 0, name);
        assert_eq!(setting.wait(), Some(name));
    }
    assert!(setting.refused().is_empty());
}

#[test]
fn a_lane_that_was_passed_over_often_goes_first_once() {
    let setting = Setting::new(Bounds::default());
    setting.push(Lane::Background, 0, "expire");
    for _ in 0..LANE_PASSED_OVER_MAX {
        setting.push(Lane::Create, 0, "create");
        assert_eq!(setting.wait(), Some("create"));
    }
    setting.push(Lane::Create, 0, "create");
    assert_eq!(setting.wait(), Some("expire"));
    assert_eq!(setting.wait(), Some("create"));
}

#[test]
fn closing_serves_what_waits_and_refuses_what_comes() {
    let setting = Setting::new(Bounds::default());
    setting.push(Lane::Create, 0, "in time");
    setting.lanes.close();
    setting.push(Lane::Create, 0, "too late");
    assert_eq!(setting.refused(), ["too late"]);
    assert_eq!(setting.wait(), Some("in time"));
    assert_eq!(setting.wait(), None);
}

#[test]
fn refusing_what_waits_answers_everybody() {
    let setting = Setting::new(Bounds::default());
    setting.push(Lane::Background, 0, "expire");
    setting.push(Lane::Create, 0, "create");
    setting.lanes.refuse_waiting(&StoreError::Overloaded);
    assert_eq!(setting.refused(), ["create", "expire"]);
    setting.lanes.close();
    assert_eq!(setting.wait(), None);
}

#[test]
fn a_waiting_consumer_wakes_for_a_command_and_for_the_end() {
    let setting = Setting::new(Bounds::default());
    let lanes = Arc::clone(&setting.lanes);
    let (woke, wakes) = mpsc::channel();
    let consumer = thread::spawn(move || {
        while let Waited::First(command) = lanes.wait(&mut Spent::default(), None) {
            woke.send(command.0).unwrap();
        }
    });
    setting.push(Lane::Claim, 0, "claim");
    assert_eq!(wakes.recv(), Ok("claim"));
    setting.lanes.close();
    consumer.join().unwrap();
}

#[test]
fn a_wait_with_a_timeout_ends_without_work() {
    let setting = Setting::new(Bounds::default());
    let waited = setting
        .lanes
        .wait(&mut Spent::default(), Some(Duration::from_millis(1)));
    assert!(matches!(waited, Waited::Nothing));
}
