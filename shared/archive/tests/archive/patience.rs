//! Questions that do not wait for a copy to be brought up to date. A gate before the table holds that work open, so no test
//! depends on how fast anything is.

use crate::common;

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use common::{World, files_in, minute, moving};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use vestibule_archive::Archive;
use vestibule_domain::{Millis, Timestamp};
use vestibule_store::{Store, Tenant};

/// Nobody waits: what is shown answers at once.
const NONE: Duration = Duration::ZERO;
/// Whoever waits this long waits for the work itself.
const ENDLESS: Duration = Duration::from_secs(86_400);

/// Holds the reads of the table by which a copy learns what changed.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn set(&self, closed: bool) {
        *self.0.0.lock().unwrap() = closed;
        self.0.1.notify_all();
    }
}

impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "Gate"
    }

    fn modify_before_transmit(
        &self,
        _context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut closed = self.0.0.lock().unwrap();
        while *closed {
            closed = self.0.1.wait(closed).unwrap();
        }
        Ok(())
    }
}

/// A tenant with a copy that was brought up to minute 1, and a device more since.
async fn begun(gate: &Gate, patience: Duration) -> (World, Tenant, Archive) {
    let world = World::start().await;
    let tenant = world.tenant("contoso").await;
    world.device(&tenant, 1, 2, minute(0)).await;
    let config = world.clients.dynamodb.config().to_builder().interceptor(gate.clone());
    let store = Store::new(aws_sdk_dynamodb::Client::from_conf(config.build()), common::TABLE);
    let archive = world.archive_over(store, "one").with_patience(Some(patience));
    assert_eq!(archive.answer(&tenant, minute(1), moving).await.unwrap().value, (1, minute(1)));
    world.device(&tenant, 2, 2, minute(1)).await;
    (world, tenant, archive)
}

fn second(seconds: i64) -> Timestamp {
    minute(1) + Millis::from_seconds(seconds)
}

/// Resolves when nobody works on the copy any more: who has no patience set waits for it, and then finds it as it is.
async fn at_rest(archive: &Archive, tenant: &Tenant, as_of: Timestamp) -> (u64, Timestamp) {
    archive.clone().with_patience(None).answer(tenant, as_of, moving).await.unwrap().value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_question_is_answered_as_of_the_last_refresh_while_the_next_is_under_way() {
    let gate = Gate::default();
    let (_world, tenant, archive) = begun(&gate, NONE).await;
    gate.set(true);
    for seconds in [1, 2, 5] {
        // It says what was true then, not what is true now.
        assert_eq!(archive.answer(&tenant, second(seconds), moving).await.unwrap().value, (1, minute(1)));
    }
    gate.set(false);
    assert_eq!(at_rest(&archive, &tenant, second(5)).await.0, 2);
    // Nothing is older than what somebody saw.
    let (devices, as_of) = archive.answer(&tenant, second(6), moving).await.unwrap().value;
    assert!(devices == 2 && as_of >= second(5), "{devices} as of {as_of}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_the_work_is_quick_an_answer_has_what_was_stored_before_it() {
    let gate = Gate::default();
    let (world, tenant, archive) = begun(&gate, ENDLESS).await;
    assert_eq!(archive.answer(&tenant, second(1), moving).await.unwrap().value, (2, second(1)));
    for number in 3..6 {
        world.device(&tenant, number, 1, second(1)).await;
        let expected = (number as u64, second(number as i64));
        assert_eq!(archive.answer(&tenant, expected.1, moving).await.unwrap().value, expected);
    }
    // Several at once read one file, each as of one instant.
    let all = (0..16).map(|_| archive.answer(&tenant, second(9), moving));
    for answer in futures::future::join_all(all).await {
        assert_eq!(answer.unwrap().value, (5, second(9)));
    }
}

/// Answers wait for the work, however little patience there is, and are right then.
async fn waits(gate: &Gate, archive: &Archive, tenant: &Tenant, as_of: Timestamp, expected: u64) {
    gate.set(true);
    let asked = tokio::spawn({
        let (archive, tenant) = (archive.clone(), tenant.clone());
        async move { archive.answer(&tenant, as_of, moving).await.unwrap().value }
    });
    // A question that does not wait is answered by now: those below are begun and answered after it.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!asked.is_finished());
    gate.set(false);
    assert_eq!(asked.await.unwrap(), (expected, as_of));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_too_old_answers_nobody() {
    let gate = Gate::default();
    let (_world, tenant, archive) = begun(&gate, NONE).await;
    waits(&gate, &archive, &tenant, second(6), 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_changed_something_finds_it_in_the_next_answer() {
    let gate = Gate::default();
    let (_world, tenant, archive) = begun(&gate, NONE).await;
    archive.changed_at(&tenant.id, minute(1));
    waits(&gate, &archive, &tenant, second(1), 2).await;
    // What was brought up to date since has the change.
    gate.set(true);
    assert_eq!(archive.answer(&tenant, second(2), moving).await.unwrap().value, (2, second(1)));
    gate.set(false);
}

/// Other settings, and erasures, which a tenant's settings count.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_answered_by_other_settings_without_being_told() {
    let gate = Gate::default();
    let (_world, mut tenant, archive) = begun(&gate, NONE).await;
    tenant.settings.erasures += 1;
    waits(&gate, &archive, &tenant, second(1), 2).await;
    tenant.settings.pseudonymise = true;
    let asked = archive.answer(&tenant, second(2), |reader| reader.is_pseudonymised()).await.unwrap();
    assert!(asked.value);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_that_is_given_up_leaves_nothing_and_a_new_one_is_shown_like_it() {
    let gate = Gate::default();
    let (world, tenant, archive) = begun(&gate, NONE).await;
    assert!(files_in(&world.scratch("one")).contains(&"contoso.sqlite-wal".to_owned()), "it is shared");
    archive.forget_copy(&tenant.id).await.unwrap();
    assert_eq!(files_in(&world.scratch("one")), [""; 0]);
    assert_eq!(archive.answer(&tenant, second(1), moving).await.unwrap().value, (2, second(1)));
    gate.set(true);
    assert_eq!(archive.answer(&tenant, second(2), moving).await.unwrap().value, (2, second(1)));
    gate.set(false);
    assert_eq!(at_rest(&archive, &tenant, second(3)).await, (2, second(3)));
    // Who ends finds nobody at work, though a question was answered meanwhile.
    gate.set(true);
    assert_eq!(archive.answer(&tenant, second(4), moving).await.unwrap().value, (2, second(3)));
    gate.set(false);
    archive.forget_copies().await.unwrap();
    assert_eq!(files_in(&world.scratch("one")), [""; 0]);
}
