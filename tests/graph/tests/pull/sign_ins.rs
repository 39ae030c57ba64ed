//! Sign-ins: they are read only if they were chosen, and give the same sums as sign-ins from a forwarder.

use graph_pull::{Ran, Which};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vestibule_domain::web_enrollment::WebDays;
use vestibule_domain::{Millis, Timestamp};
use vestibule_graph_tests::{Fault, PORTAL, Services, id, sign_in, streamed};
use vestibule_store::{Cause, Units};

const LIST: &str = "signIns";
const NAME: &str = "sign-ins";
const SILENT: &str = "sign-ins-non-interactive";
const MAIL: &str = "mail";

/// Services with sign-ins chosen, in which only this list has records.
async fn services() -> Services {
    let services = Services::start().await;
    for list in [
        "managedDevices",
        "windowsAutopilotDeviceIdentities",
        "troubleshootingEvents",
        "autopilotEvents",
        "deviceEnrollmentConfigurations",
        LIST,
    ] {
        services.fake.set(list, vec![]);
    }
    services.choose(&[NAME]).await;
    services
}

fn ago(services: &Services, minutes: i64) -> Timestamp {
    services.now() - Millis::from_minutes(minutes)
}

/// The sign-ins of some people: one met the wall and went on, one met it, one only had a factor to set up. Many other
/// sign-ins are not steps.
fn story(services: &Services) -> Vec<Value> {
    let mut records = vec![
        sign_in(1, ago(services, 200), 53000, MAIL),
        sign_in(1, ago(services, 190), 0, PORTAL),
        sign_in(1, ago(services, 180), 50079, MAIL),
        sign_in(2, ago(services, 3 * 24 * 60), 530_003, MAIL),
        sign_in(3, ago(services, 100), 50079, MAIL),
        sign_in(4, ago(services, 90), 0, MAIL),
        sign_in(5, ago(services, 80), 50126, MAIL),
    ];
    let mut by_resource = sign_in(6, ago(services, 70), 0, MAIL);
    by_resource["resourceId"] = json!("d4ebce55-015a-49b5-a083-c84d1797ae8c");
    let mut desk = sign_in(7, ago(services, 60), 53000, MAIL);
    desk["deviceDetail"]["operatingSystem"] = json!("Windows10");
    let mut silent = sign_in(2, ago(services, 2 * 24 * 60), 50129, MAIL);
    silent["isInteractive"] = json!(false);
    let mut continued = sign_in(1, ago(services, 170), 50129, MAIL);
    continued["isInteractive"] = json!(false);
    records.extend([by_resource, desk, silent, continued]);
    records
}

fn of(ran: &Ran) -> &graph_pull::Read {
    ran.lists.iter().find(|list| list.list == NAME).unwrap()
}

/// The sums, without empty days.
async fn sums(services: &Services) -> WebDays {
    let mut days = services.web_days().await;
    days.retain(|_, sums| !sums.is_empty());
    days
}

fn asked(services: &Services) -> Vec<String> {
    let asked = services.fake.asked().into_iter();
    asked.filter(|asked| asked.path.ends_with(LIST)).map(|asked| asked.query).collect()
}

/// The capacity consumed, without that for the pull's own state and the tenant's settings.
fn beyond_its_own(services: &Services) -> BTreeMap<Cause, Units> {
    let mut units = services.store.meter().by_cause();
    units.retain(|cause, _| ![Cause::Pull, Cause::Tenant].contains(cause));
    units
}

#[tokio::test]
async fn they_are_read_only_while_they_are_chosen() {
    let services = services().await;
    services.choose(&[]).await;
    services.fake.set(LIST, story(&services));
    let ran = services.puller().run(&id("contoso"), Which::All).await.unwrap();
    assert_eq!((ran.lists.len(), asked(&services).len()), (5, 0), "{ran:?}");
    assert!(services.web_days().await.is_empty());
    assert!(services.puller().check(&id("contoso")).await.unwrap().iter().all(|one| one.list != NAME));

    // When they are chosen, they are due at once.
    services.choose(&[NAME, SILENT]).await;
    let ran = services.run().await;
    let lists: Vec<_> = ran.lists.iter().map(|list| (list.list, list.new)).collect();
    assert_eq!(lists, [(NAME, 6), (SILENT, 2)]);
    let checked = services.puller().check(&id("contoso")).await.unwrap();
    assert!(checked.iter().any(|one| one.list == SILENT && one.found == "ok"), "{checked:?}");

    // When they are no longer chosen, the progress is forgotten, and what was read stays.
    let before = services.web_days().await;
    services.choose(&[SILENT]).await;
    services.fake.asked();
    services.pass(60);
    services.run().await;
    let queries = asked(&services);
    assert!(queries.iter().all(|query| query.contains("nonInteractiveUser")) && queries.len() == 1, "{queries:?}");
    let lists = services.store.pull_lists(&id("contoso")).await.unwrap();
    assert!(!lists.contains_key(NAME) && lists.contains_key(SILENT));
    assert_eq!(services.web_days().await, before);
    assert!(services.everything().await.iter().all(|item| !item.contains("pulled#sign-ins#")));
}

#[tokio::test]
async fn the_sums_equal_those_of_a_forwarder_and_both_together_count_once() {
    let expected = {
        let services = services().await;
        services.forward(&story(&services).iter().map(streamed).collect::<Vec<_>>()).await;
        sums(&services).await
    };
    assert_eq!(expected.values().map(BTreeMap::len).sum::<usize>(), 3, "{expected:?}");
    for order in 0..4 {
        let services = services().await;
        services.choose(&[NAME, SILENT]).await;
        services.fake.page_size(3);
        let story = story(&services);
        let streamed: Vec<Value> = story.iter().map(streamed).collect();
        services.fake.set(LIST, story);
        if order & 1 == 1 {
            services.forward(&streamed).await;
        }
        services.run().await;
        if order & 2 == 2 {
            services.forward(&streamed).await;
        }
        assert_eq!(sums(&services).await, expected, "{order}");
        let everything = services.everything().await;
        for secret in ["ada@example.com", "Lovelace", "203.0.113", "Reutlingen", "44444444-5555"] {
            assert!(everything.iter().all(|item| !item.contains(secret)), "{secret}");
        }
    }
}

#[tokio::test]
async fn a_reading_begins_before_the_end_of_the_last_since_some_sign_ins_are_late() {
    let services = services().await;
    let began = services.now();
    services.run().await;
    let since = began - Millis::from_days(30);
    assert!(asked(&services)[0].starts_with(&format!("$filter=createdDateTime ge {since} and (status/errorCode eq ")));
    services.pass(5);
    assert!(services.run().await.lists.iter().all(|list| list.list != NAME), "it is read every ten minutes");
    // This sign-in was made before the first reading, but is in the log only after it.
    services.fake.set(LIST, vec![sign_in(1, began - Millis::from_minutes(15), 53000, MAIL)]);
    services.pass(5);
    assert_eq!((of(&services.run().await).new, sums(&services).await.len()), (1, 1));
    let since = began - Millis::from_minutes(30);
    assert!(asked(&services)[0].contains(&format!("ge {since} ")));
    // A step that is not stored of a completely read day did not happen. The first day was read only in part.
    let days = services.web_days().await;
    assert_eq!(days.len(), 30);
    assert_eq!(days.iter().filter(|(_, sums)| sums.is_empty()).count(), 29);
    // After a pause that is longer than the retention, only the retention is requested.
    services.pass(60 * 24 * 60);
    services.run().await;
    let since = services.now() - Millis::from_days(30);
    assert!(asked(&services)[0].contains(&format!("ge {since} ")));
}

#[tokio::test]
async fn a_missing_permission_is_reported_with_the_licence() {
    let services = services().await;
    services.fake.fault(LIST, Fault::Always(403, None, r#"{"error":{"code":"Forbidden"}}"#));
    let ran = services.run().await;
    let words = "missing permission AuditLog.Read.All (of type Application, with the administrator's consent; the directory \
        also needs Entra ID P1)";
    assert_eq!(of(&ran).problem.as_deref(), Some(words));
    assert!(ran.lists.iter().all(|list| list.problem.is_some() == (list.list == NAME)), "{ran:?}");
    services.fake.mend();
    let body = r#"{"error":{"code":"Authentication_RequestFromNonPremiumTenantOrB2CTenant","message":"x"}}"#;
    services.fake.fault(LIST, Fault::Always(403, None, body));
    let checked = services.puller().check(&id("contoso")).await.unwrap();
    assert_eq!(checked.last().unwrap().found, "no licence: the directory has no Entra ID P1");
    assert!(services.web_days().await.is_empty(), "nothing was read, so no day is recorded");
}

#[tokio::test]
async fn a_pause_that_graph_requests_is_kept_and_the_reading_goes_on_where_it_was() {
    let services = services().await;
    services.fake.set(LIST, (0..50).map(|user| sign_in(user, ago(&services, 100), 53000, MAIL)).collect());
    services.fake.page_size(10);
    let (fake, pages) = (services.fake.clone(), std::sync::atomic::AtomicUsize::new(0));
    services.fake.on_asked(move |asked| {
        // Graph documents a limit of five requests in ten seconds for this log.
        if asked.path.ends_with(LIST) && pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 3 {
            fake.fault(LIST, Fault::Once(429, Some("10"), ""));
        }
    });
    assert_eq!(of(&services.run().await).problem.as_deref(), Some("Graph asks for a pause (429)"));
    assert!(services.web_days().await.values().all(|sums| !sums.is_empty()), "no day is recorded as read");
    services.pass(1);
    let ran = services.run().await;
    assert_eq!((of(&ran).problem.as_deref(), of(&ran).rows, of(&ran).new), (None, 50, 20));
    assert_eq!(asked(&services).len(), 6, "no page is read twice, except the refused one");
}

#[tokio::test]
async fn if_the_filter_is_refused_the_whole_window_is_read_and_filtered_here() {
    let services = services().await;
    services.fake.fault(LIST, Fault::OnlyByDate);
    services.fake.page_size(1_000);
    let foreign = |number: u32| {
        let code = [0, 50058, 50097, 50126, 50140, 50199, 50074, 50076, 50078, 65001][number as usize % 10];
        sign_in(number, ago(&services, 10), code, MAIL)
    };
    let mut records: Vec<Value> = (0..10_000).map(foreign).collect();
    records.push(sign_in(1, ago(&services, 20), 53000, MAIL));
    services.fake.set(LIST, records);
    let checked = services.puller().check(&id("contoso")).await.unwrap();
    assert_eq!(checked.last().unwrap().found, "ok, all of them read each hour: the filter by app and code is refused");
    services.store.meter().reset();
    let ran = services.run().await;
    assert_eq!((of(&ran).problem.as_deref(), of(&ran).rows, of(&ran).new), (None, 10_001, 1));
    assert_eq!(sums(&services).await.len(), 1);
    let written = services.store.meter().by_cause()[&Cause::WebEnrollment].calls;
    assert!(written <= 40, "a look, a set with its sum, and a note a day: {written}");
    asked(&services);
    services.pass(30);
    services.run().await;
    assert!(asked(&services).is_empty());
    services.pass(30);
    services.run().await;
    assert!(asked(&services).iter().all(|query| !query.contains(" eq ")));
}

#[tokio::test]
async fn ten_thousand_known_sign_ins_make_no_read_or_write_beyond_the_pulls_own_state() {
    let services = services().await;
    services.fake.page_size(500);
    services.fake.set(LIST, (0..10_000).map(|user| sign_in(user, ago(&services, 5), 53000, MAIL)).collect());
    assert_eq!(of(&services.run().await).new, 10_000);
    services.store.meter().reset();
    for _ in 0..2 {
        services.pass(10);
        // The next process has nothing in memory.
        let ran = services.restarted().puller().run(&id("contoso"), Which::Due).await.unwrap();
        assert_eq!((of(&ran).rows, of(&ran).new, of(&ran).problem.as_deref()), (10_000, 0, None));
    }
    assert_eq!(beyond_its_own(&services), BTreeMap::new());
    // Older ones than the window are forgotten.
    services.pass(40);
    services.run().await;
    services.pass(10);
    services.run().await;
    services.store.meter().reset();
    services.pass(10);
    services.run().await;
    let own = services.store.meter().by_cause()[&Cause::Pull];
    assert!(own.read < 60.0 && own.write < 60.0, "{own:?}");
}

#[tokio::test]
async fn killed_between_any_two_steps_the_sums_are_the_same_afterwards() {
    let of_25 = |services: &Services| {
        let at = |user: u32| ago(services, i64::from(user) * 60 + 100);
        (0..25).flat_map(|user| [sign_in(user, at(user), 53000, MAIL), sign_in(user, at(user), 0, PORTAL)]).collect()
    };
    let undisturbed = services().await;
    undisturbed.fake.set(LIST, of_25(&undisturbed));
    undisturbed.run().await;
    let expected = undisturbed.web_days().await;
    assert!(expected.values().filter(|sums| !sums.is_empty()).count() >= 2);
    for steps in 0..40 {
        let services = services().await;
        services.fake.page_size(10);
        services.fake.set(LIST, of_25(&services));
        let function = services.restarted();
        {
            // The future is dropped after so many steps, wherever it is.
            let contoso = id("contoso");
            let mut run = std::pin::pin!(function.puller().run(&contoso, Which::Due));
            for _ in 0..=steps * steps {
                if futures::poll!(run.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        services.pass(2);
        services.run().await;
        services.pass(10);
        services.run().await;
        assert_eq!(services.web_days().await, expected, "{steps}");
    }
}

/// A growing log: for each record the person, the pull at which it first appears, how many minutes late it is then, and
/// whether it is the wall.
fn growing() -> impl Strategy<Value = Vec<(u32, i64, i64, bool)>> {
    prop::collection::vec((0_u32..4, 1_i64..6, 0_i64..=20, any::<bool>()), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_sequence_of_pulls_of_a_growing_log_equals_one_pull_of_the_last(
        records in growing(), page_size in 1_usize..6, restarts in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (all, last) = runtime.block_on(async {
            let pulled = async |pulls: std::ops::RangeInclusive<i64>| {
                let services = services().await;
                let begin = services.now();
                services.fake.page_size(page_size);
                services.pass(10 * (pulls.start() - 1));
                for pull in pulls {
                    services.pass(10);
                    let record = |(user, first, late, wall): &(u32, i64, i64, bool)| {
                        let at = begin + Millis::from_minutes(10 * first - late);
                        let (code, app) = if *wall { (53000, MAIL) } else { (0, PORTAL) };
                        (*first <= pull).then(|| sign_in(*user, at, code, app))
                    };
                    services.fake.set(LIST, records.iter().filter_map(record).collect());
                    let function = if restarts { services.restarted() } else { services.function().clone() };
                    function.puller().run(&id("contoso"), Which::Due).await.unwrap();
                }
                sums(&services).await
            };
            (pulled(1..=5).await, pulled(5..=5).await)
        });
        prop_assert!(!all.is_empty());
        prop_assert_eq!(all, last);
    }
}
