//! Random verbs from fixed seeds, against the store and the reference: the same answers.

use taskpilot_domain::binding::TaskStatus;
use taskpilot_domain::ids::TaskId;
use taskpilot_domain::names::IdempotencyKey;
use taskpilot_domain::retry::Jitter;
use taskpilot_domain::tasks::{LabelsEdit, TaskEdit};
use taskpilot_domain::time::Timestamp;

use super::reference::Reference;
use super::scene::Scene;
use super::words::{
    MANY, at, demo, error, execution, failure, for_an_operator, home, intent, key, keyed,
    labels_of, request,
};
use crate::conformance::ControlHarness;
use crate::control::BindingFailure;
use crate::rows::tasks::{CreateTaskOutcome, NewTask};

const SEEDS: [u64; 6] = [1, 7, 42, 1_000_003, 0xdead_beef, u64::MAX];
const STEPS: u64 = 400;

pub async fn random_verbs_are_answered_as_the_reference_answers_them(h: &impl ControlHarness) {
    let mut play = Play::begin(Scene::of(h));
    for seed in SEEDS {
        play.dice = (Jitter(seed), 0);
        for _ in 0..STEPS {
            play.step().await;
        }
    }
    play.ensure_it_was_rich();
}

pub async fn so_are_those_between_restarts(h: &mut impl ControlHarness) {
    let mut play = Play::begin(Scene::of(h));
    for seed in SEEDS {
        play.dice = (Jitter(seed ^ 0x5555), 0);
        for _ in 0..STEPS / 4 {
            play.step().await;
        }
        let Play {
            scene,
            reference,
            now_ms,
            last,
            keys,
            ..
        } = play;
        drop(scene);
        h.restart().await;
        play = Play {
            reference,
            now_ms,
            last,
            keys,
            ..Play::begin(Scene::of(h))
        };
        play.look().await;
    }
}

struct Play {
    scene: Scene,
    reference: Reference,
    dice: (Jitter, u64),
    now_ms: u64,
    /// The newest task so far.
    last: i64,
    /// Binding keys that were made.
    keys: u64,
}

impl Play {
    fn begin(scene: Scene) -> Self {
        Self {
            scene,
            reference: Reference::default(),
            dice: (Jitter(0), 0),
            now_ms: 0,
            last: 0,
            keys: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.dice.1 += 1;
        self.dice.0.nth(self.dice.1).0 % bound
    }

    /// Sometimes from behind, as the clock of another node may be.
    fn now(&mut self) -> Timestamp {
        self.now_ms += self.below(1_500);
        let behind = if self.below(8) == 0 { 700 } else { 0 };
        at(self.now_ms.saturating_sub(behind))
    }

    /// One of the latest, or one that never was.
    fn any_task(&mut self) -> TaskId {
        let back = i64::try_from(self.below(12)).unwrap();
        TaskId::new((self.last + 1 - back).max(1)).unwrap()
    }

    /// The key in force most of the time, else another one.
    fn any_key(&mut self, id: TaskId) -> IdempotencyKey {
        let known = self.reference.task(id).and_then(|task| task.binding_key);
        match known {
            Some(name) if self.below(6) > 0 => key(&name),
            _ => {
                let number = self.below(self.keys + 1);
                key(&format!("binding-{number}"))
            }
        }
    }

    fn new_key(&mut self) -> String {
        self.keys += 1;
        format!("binding-{}", self.keys)
    }

    async fn step(&mut self) {
        match self.below(22) {
            0..=3 => self.create().await,
            4 => self.find_keyed().await,
            5 => self.edit().await,
            6 => self.delete().await,
            7 => self.withdraw().await,
            8..=10 => self.start().await,
            11..=13 => self.finish().await,
            14 | 15 => self.fail().await,
            16 => self.abandon().await,
            17 | 18 => self.intend().await,
            19 => self.settle().await,
            20 => self.mark_plain_sent().await,
            _ => self.ask().await,
        }
        self.look().await;
    }

    /// Everything that can be read is the same.
    async fn look(&mut self) {
        let store = &self.scene.store;
        assert_eq!(self.scene.everything().await, self.reference.everything());
        let soon = at(self.now_ms);
        assert_eq!(self.scene.due(soon).await, self.reference.due(soon));
        let ever = Timestamp::from_millis(i64::MAX).minus_ms(1);
        assert_eq!(self.scene.ever_due().await, self.reference.due(ever));
        let bound = self.reference.bound();
        let executions = bound.iter().map(|(execution, _)| *execution).collect();
        let mut found = store.find_bound_tasks(&home(), executions).await.unwrap();
        found.sort_unstable_by_key(|(_, task)| *task);
        assert_eq!(found, bound);
    }

    fn any_new(&mut self) -> NewTask {
        let body = u8::from(self.below(5) == 0);
        let name = format!("key-{}", self.below(self.now_ms / 20_000 + 3));
        let keyed = if self.below(2) == 0 {
            keyed(&name, body)
        } else {
            demo()
        };
        let bind = (self.below(3) == 0).then(|| request(&self.new_key()));
        NewTask {
            title: (self.below(2) == 0).then(|| format!("task of {name}")),
            labels: labels_of(&[("team", &name)]),
            repeat_only: self.below(10) == 0,
            bind,
            ..keyed
        }
    }

    /// Several in one call, of which each sees the earlier ones.
    async fn create(&mut self) {
        let now = self.now();
        let mut new = Vec::new();
        for _ in 0..=self.below(3) {
            new.push(self.any_new());
        }
        let expected: Vec<_> = new
            .iter()
            .map(|task| self.reference.create(now, task))
            .collect();
        let created = self.scene.store.create_tasks(now, new).await.unwrap();
        assert_eq!(created, expected);
        for outcome in created {
            if let CreateTaskOutcome::Created(task, _) = outcome {
                self.last = task.id.get();
            }
        }
    }

    async fn find_keyed(&mut self) {
        let Some(request) = self.any_new().key else {
            return;
        };
        let found = self.scene.store.find_keyed_task(&home(), &request).await;
        assert_eq!(found.unwrap(), self.reference.find_keyed(&request));
    }

    async fn edit(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let title = format!("title {}", self.below(3));
        let edit = TaskEdit {
            title: Some((self.below(4) > 0).then_some(title)),
            labels: LabelsEdit::Keep,
        };
        let expected = (self.below(2) == 0).then(|| i64::try_from(self.below(4)).unwrap());
        let versions = expected.map(|version| vec![version]);
        let home = home();
        let store = &self.scene.store;
        let edited = store.edit_task(now, (&home, id), versions, edit.clone());
        let edited = edited.await.unwrap();
        assert_eq!(edited, self.reference.edit(now, id, expected, &edit));
    }

    async fn delete(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let bound_to = self.reference.task(id).and_then(|task| task.execution);
        let ended = bound_to.filter(|_| self.below(2) == 0);
        let deleted = self.scene.store.delete_task(now, &home(), id, ended).await;
        assert_eq!(deleted.unwrap(), self.reference.delete(id, ended));
    }

    async fn withdraw(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let withdrawn = self.scene.store.withdraw_task(now, &home(), id).await;
        assert_eq!(withdrawn.unwrap(), self.reference.withdraw(now, id));
    }

    async fn start(&mut self) {
        let (now, id, name) = (self.now(), self.any_task(), self.new_key());
        let begun = self.scene.begin(now, id, &name).await;
        assert_eq!(begun, self.reference.begin(now, id, request(&name)));
    }

    async fn finish(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let key = self.any_key(id);
        let off = i64::try_from(self.below(8)).unwrap() / 7;
        let execution = execution(id.get() * 2 + off);
        let finished = self.scene.finish(now, id, key.as_str(), execution).await;
        let expected = self.reference.finish(now, (id, &key), execution);
        assert_eq!(finished, expected);
    }

    async fn fail(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let key = self.any_key(id);
        let next = now.plus_ms(self.below(9_000));
        let why = match self.below(4) {
            0 => for_an_operator(),
            1 => BindingFailure {
                refused: true,
                ..failure("invalid_options", next)
            },
            _ => failure("timeout", next),
        };
        self.scene.fail(now, id, key.as_str(), why.clone()).await;
        self.reference.note_failure(now, (id, &key), why);
    }

    async fn abandon(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let (key, why) = (self.any_key(id), error("invalid_options"));
        let store = &self.scene.store;
        let abandoned = store.abandon_binding(now, id, &key, why.clone()).await;
        abandoned.unwrap();
        self.reference.abandon(now, (id, &key), why);
    }

    async fn intend(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let wish = intent(&format!("user-{}", self.below(3)), now);
        let intended = self.scene.intend(id, wish.clone()).await;
        assert_eq!(intended, self.reference.intend(now, id, wish));
    }

    async fn settle(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let key = self.any_key(id);
        let number = 1 + u32::try_from(self.below(3)).unwrap();
        self.scene.settle_of(now, (id, key.as_str()), number).await;
        self.reference.settle(id, &key, number);
    }

    async fn mark_plain_sent(&mut self) {
        let (now, id) = (self.now(), self.any_task());
        let key = self.any_key(id);
        let sent = self.scene.store.mark_plain_sent(now, id, &key).await;
        assert_eq!(sent.unwrap(), self.reference.mark_plain_sent(now, id, &key));
    }

    async fn ask(&mut self) {
        let mut asked = Vec::new();
        for _ in 0..3 {
            let id = self.any_task();
            asked.push((id, self.any_key(id)));
        }
        for (id, key) in &asked {
            let told = self.scene.store.get_binding(*id, key).await.unwrap();
            assert_eq!(told, self.reference.binding(*id, key));
            assert_eq!(self.scene.find(*id).await, self.reference.task(*id));
        }
        let expected: Vec<bool> = asked
            .iter()
            .map(|(id, key)| self.reference.is_wanted(*id, key))
            .collect();
        let wanted = self.scene.store.are_wanted(asked).await.unwrap();
        assert_eq!(wanted, expected);
    }

    /// A play in which nothing was bound and nothing owed would be the same, too.
    fn ensure_it_was_rich(&self) {
        let tasks = self.reference.everything();
        assert!(tasks.len() < usize::try_from(MANY).unwrap(), "one page");
        for status in TaskStatus::ALL {
            let of_status = tasks.iter().filter(|task| task.status == status).count();
            assert!(of_status > 20, "{of_status} are {status:?}");
        }
    }
}
