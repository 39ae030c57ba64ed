//! Searches for whom to erase that no request has time for: they go on over many runs, with several runners, and after
//! some that died.

use super::erasure::{ADELE, BEN, add, end, found, nothing_names, settings, table, user};
use crate::engine::{Item, text};
use crate::fixtures::{Device, T0, minute, tenant};
use crate::proxy::{Fault, Proxy};
use crate::{Engine, Table};
use std::collections::BTreeSet;
use vestibule_domain::event::{Body, Event};
use vestibule_domain::failure::Failure;
use vestibule_domain::history::Added;
use vestibule_domain::web_enrollment::{SignIn, WebStep, WebSteps};
use vestibule_domain::{Kind, Millis, Platform};
use vestibule_store::{Begun, ErasureRecord, LookBudget, OlderFiles, Search, Store, Subject, UnderWay, log_day};

/// Devices of Ben's alone, at most.
const OTHERS: usize = 30;
/// The same where one of many tables is filled.
const FEW: usize = 3;
/// What is Adele's alone.
const ADELES: [&str; 4] = ["adele", "by-address", "by-id", "by-both"];

fn with_id(mut event: Event, id: &str) -> Event {
    event.about.user_id = Some(id.to_owned());
    event
}

/// Adele on devices of her own, on one that Ben has too, in a message of his, and with an id that both have.
fn events(others: usize) -> Vec<Event> {
    let of = |serial: &str, user: &str| Device::serial(serial).and_user(user);
    let mut all = vec![
        of("BY-ADDRESS", ADELE).reports("1", Kind::Started, minute(0)),
        with_id(Device::serial("BY-ID").reports("2", Kind::Started, minute(0)), "Adeles-Id"),
        with_id(of("BY-BOTH", ADELE).reports("3", Kind::Started, minute(0)), "adeles-id"),
        of("BOTHS", BEN).reports("4", Kind::Started, minute(0)),
        with_id(Device::serial("BOTHS").reports("5", Kind::Started, minute(1)), "adeles-id"),
        with_id(of("ADELES-KIOSK", ADELE).reports("6", Kind::Started, minute(0)), "kiosk-id"),
        with_id(of("BENS-KIOSK", BEN).reports("7", Kind::Started, minute(0)), "kiosk-id"),
        with_id(Device::serial("NOBODYS-KIOSK").reports("8", Kind::Started, minute(0)), "kiosk-id"),
    ];
    let mut mentions = of("BENS-0", BEN).reports("mentions", Kind::Failed, minute(1));
    if let Body::Enrollment(step) = &mut mentions.body {
        let message = Some(format!("no licence for <{ADELE}>"));
        step.failure = Some(Failure { message, ..Failure::default() });
    }
    all.push(mentions);
    let others = (0..others).map(|number| of(&format!("BENS-{number}"), BEN).reports("b", Kind::Started, minute(0)));
    all.extend(others);
    all
}

/// A table with all of these, and with sign-ins of both.
async fn filled(engine: &Engine, others: usize) -> Table {
    let table = table(engine).await;
    for event in events(others) {
        add(&table, vec![event], minute(2)).await;
    }
    let sign_in = |user: &str, days| {
        let at = T0 - Millis::from_days(days);
        let steps = WebSteps::of(WebStep::PortalSignIn, true);
        (SignIn { user_id: user.to_owned(), platform: Platform::Ios, at, steps }, log_day(at))
    };
    let all = [sign_in("adeles-id", 1), sign_in("adeles-id", 25), sign_in("bens-id", 1)];
    table.store.add_sign_ins(&tenant(), &all, Millis::from_days(90)).await.unwrap();
    table
}

/// A store whose searches need many pages.
fn small(table: &Table) -> Store {
    table.another_store().with_erasure_pages(60)
}

/// Begins an erasure of Adele's that finds nobody in time, as of the tenth minute.
async fn begin(store: &Store, id: &str, subject: &Subject) {
    let contoso = store.tenant(&tenant()).await.unwrap().unwrap();
    let mut budget = LookBudget::new(2, &|| true);
    let begun = store
        .erase_within(&contoso, subject, OlderFiles::Rebuild, (id, "tester"), &mut budget, minute(10))
        .await
        .unwrap();
    let Begun::Searching(asked) = begun else { panic!("{begun:?}") };
    assert_eq!((asked.id.as_str(), asked.at, asked.subject.as_str()), (id, minute(10), "user"));
}

async fn under_way(table: &Table) -> UnderWay {
    table.store.erasures_under_way(minute(20)).await.unwrap()
}

async fn search(table: &Table) -> Option<Search> {
    under_way(table).await.searches.pop()
}

/// Runs until no search is left, each run by another process; returns how many those were.
async fn finish(table: &Table, enrollments: usize) -> usize {
    for runs in 0..200 {
        let searches = under_way(table).await.searches;
        if searches.is_empty() {
            return runs;
        }
        for search in searches {
            let mut budget = LookBudget::new(enrollments, &|| true);
            let now = minute(20) + Millis::from_minutes(i64::try_from(runs).unwrap());
            small(table).go_on_searching(&search, &mut budget, now).await.unwrap();
        }
    }
    panic!("it begins anew with each run");
}

/// Empties what is left, ends the jobs, and has what is left of pages deleted.
async fn end_all(table: &Table) {
    for erasing in under_way(table).await.erasings {
        small(table).empty_rest(&erasing, &mut LookBudget::unlimited(), minute(25)).await.unwrap();
    }
    end(table, minute(30)).await;
    let left = table.store.erasures_under_way(minute(1_000)).await.unwrap().left;
    table.store.delete_left_pages(&left).await.unwrap();
    assert_eq!(of_jobs(&table.items().await).len(), 0);
}

fn of_jobs(items: &[Item]) -> Vec<&Item> {
    items.iter().filter(|item| text(item, "pk") == Some("erasing")).collect()
}

async fn record(table: &Table) -> ErasureRecord {
    let mut records = table.store.erasures(&tenant(), 10).await.unwrap();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// Which devices are there, each with its events.
async fn devices(table: &Table) -> BTreeSet<(String, usize)> {
    let serials = ["BY-ADDRESS", "BY-ID", "BY-BOTH", "BOTHS", "ADELES-KIOSK", "BENS-KIOSK", "NOBODYS-KIOSK"];
    let others = (0..OTHERS).map(|number| format!("BENS-{number}"));
    let mut there = BTreeSet::new();
    for serial in serials.into_iter().map(str::to_owned).chain(others) {
        if let Some(stored) = found(table, &serial, minute(40)).await {
            there.insert((serial, stored.history.len()));
        }
    }
    there
}

/// What one run without end finds and leaves, which any other way must come to as well.
async fn expected(engine: &Engine, others: usize) -> (ErasureRecord, BTreeSet<(String, usize)>) {
    let table = filled(engine, others).await;
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let erased = table.store.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, ("x", "tester"), minute(10)).await;
    let erased = erased.unwrap();
    assert_eq!(erased.shared_ids, ["kiosk-id"]);
    let counted = &erased.record;
    assert_eq!((counted.enrollments, counted.shared, counted.events), (4, 2, 6), "{counted:?}");
    assert_eq!(counted.web_enrollment_days, 2);
    end_all(&table).await;
    nothing_names(&table, &ADELES).await;
    let expected = (record(&table).await, devices(&table).await);
    assert_eq!(expected.0, erased.record);
    table.drop().await;
    expected
}

/// Until it ends nobody is erased; what it keeps names nobody.
pub async fn a_search_over_many_runs_finds_what_one_run_does(engine: &Engine) {
    let (one_run, left) = expected(engine, OTHERS).await;
    for enrollments in [1, 5] {
        let table = filled(engine, OTHERS).await;
        begin(&small(&table), "x", &user(" adele@contoso.EXAMPLE ")).await;
        assert_eq!(table.store.erasures(&tenant(), 10).await.unwrap(), [], "nobody knows any count");
        assert_eq!(table.store.erasings().await.unwrap(), [], "it is no job yet");
        let before = devices(&table).await;
        let (mut runs, mut most_items) = (0, 0);
        while let Some(search) = search(&table).await {
            runs += 1;
            assert!(runs < 200, "it begins anew with each run");
            assert_eq!((search.tenant(), search.asked().at), (&tenant(), minute(10)));
            let items = table.items().await;
            for item in of_jobs(&items) {
                let said = format!("{item:?}").to_lowercase();
                let names = ["adele", "kiosk", "by-address", "by-id"];
                assert!(!names.iter().any(|name| said.contains(name)), "{said}");
            }
            most_items = most_items.max(of_jobs(&items).len());
            assert_eq!(devices(&table).await, before, "it is erased before it is found");
            let mut budget = LookBudget::new(enrollments, &|| true);
            small(&table).go_on_searching(&search, &mut budget, minute(20)).await.unwrap();
        }
        // Two walks through forty enrollments; a run reads a page of each of the four shards.
        assert!(runs >= 40 / (4 * enrollments), "{runs} runs of {enrollments}");
        assert!(most_items > 3, "there are pages");
        end_all(&table).await;
        nothing_names(&table, &ADELES).await;
        assert_eq!((record(&table).await, devices(&table).await), (one_run.clone(), left.clone()));
        let late = Device::serial("BY-BOTH").reports("late", Kind::StepEntered, minute(9));
        assert_eq!(add(&table, vec![late], minute(41)).await, [Added::Erased]);
        let people = table.store.consistently().web_days(&tenant(), log_day(T0 - Millis::from_days(90))).await.unwrap();
        assert_eq!(people.values().flat_map(|sums| sums.values()).sum::<u64>(), 1, "Ben's");
        table.drop().await;
    }
}

/// Whichever write is its last: the next run ends it, and it counts what one run counts.
pub async fn a_search_that_dies_between_any_two_writes_ends(engine: &Engine) {
    let (one_run, left) = expected(engine, FEW).await;
    for operation in ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"] {
        for writes in 0.. {
            assert!(writes < 100, "{operation}");
            let table = filled(engine, FEW).await;
            begin(&small(&table), "x", &user(ADELE)).await;
            let faults = (0..writes).map(|_| Fault::Pass).chain((0..100).map(|_| Fault::Fail));
            let proxy = Proxy::start(&table.endpoint, operation, faults).await;
            let dying = table.store_via(proxy.endpoint(), 1).with_erasure_pages(60);
            let search = search(&table).await.unwrap();
            let ran = dying.go_on_searching(&search, &mut LookBudget::unlimited(), minute(20)).await;
            finish(&table, 10).await;
            end_all(&table).await;
            nothing_names(&table, &ADELES).await;
            let came_to = (record(&table).await, devices(&table).await);
            assert_eq!(came_to, (one_run.clone(), left.clone()), "{operation} {writes}");
            table.drop().await;
            if ran.is_ok() {
                break;
            }
        }
    }
}

/// Before its first write nothing has happened; after it a runner ends it, and it counts what one run counts.
pub async fn a_request_that_dies_between_any_two_writes_is_ended(engine: &Engine) {
    let (one_run, left) = expected(engine, FEW).await;
    for operation in ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"] {
        for writes in 0.. {
            assert!(writes < 100, "{operation}");
            let table = filled(engine, FEW).await;
            let before = devices(&table).await;
            let faults = (0..writes).map(|_| Fault::Pass).chain((0..100).map(|_| Fault::Fail));
            let proxy = Proxy::start(&table.endpoint, operation, faults).await;
            let dying = table.store_via(proxy.endpoint(), 1).with_erasure_pages(60);
            let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
            let of = ("x", "tester");
            let erased = dying.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, of, minute(10)).await;
            let UnderWay { erasings, searches, .. } = under_way(&table).await;
            for search in &searches {
                let mut budget = LookBudget::unlimited();
                let went = small(&table).go_on_searching(search, &mut budget, minute(10)).await.unwrap();
                assert!(!went, "its own process may still do it");
            }
            if erasings.is_empty() && searches.is_empty() {
                assert!(erased.is_err() && settings(&table).await.erasures == 0, "{operation} {writes}");
                assert_eq!(devices(&table).await, before);
            } else {
                finish(&table, 10).await;
                end_all(&table).await;
                nothing_names(&table, &ADELES).await;
                let came_to = (record(&table).await, devices(&table).await);
                assert_eq!(came_to, (one_run.clone(), left.clone()), "{operation} {writes}");
            }
            table.drop().await;
            if erased.is_ok() {
                break;
            }
        }
    }
}

/// Neither the place of a search, nor what followed it.
pub async fn a_runner_that_is_late_moves_nothing_back(engine: &Engine) {
    let table = filled(engine, OTHERS).await;
    begin(&small(&table), "x", &user(ADELE)).await;
    let at_first = search(&table).await.unwrap();
    let mut all = vec![at_first];
    let mut last = None;
    for _ in 0..200 {
        let Some(before) = search(&table).await else { break };
        small(&table).go_on_searching(&before, &mut LookBudget::new(5, &|| true), minute(20)).await.unwrap();
        let Some(after) = search(&table).await else {
            last = Some(before);
            break;
        };
        assert_ne!(after, before);
        // One that read the search when it began.
        for late in &all {
            let went = small(&table).go_on_searching(late, &mut LookBudget::new(5, &|| true), minute(21)).await;
            assert!(!went.unwrap());
        }
        let now = search(&table).await.unwrap();
        assert_eq!((now.asked(), now.looked_at(), now.enrollments_looked_at()), {
            (after.asked(), after.looked_at(), after.enrollments_looked_at())
        });
        all = vec![before];
    }
    // One that had read it before it ended, and is about to end it.
    let jobs = table.store.erasings().await.unwrap();
    assert_eq!(jobs.len(), 1);
    let late = last.unwrap();
    assert!(!small(&table).go_on_searching(&late, &mut LookBudget::unlimited(), minute(22)).await.unwrap());
    assert_eq!(table.store.erasings().await.unwrap(), jobs);
    end_all(&table).await;
    // And one that is so late that the job has ended.
    assert!(!small(&table).go_on_searching(&late, &mut LookBudget::unlimited(), minute(90)).await.unwrap());
    assert_eq!(table.store.erasings().await.unwrap(), []);
    nothing_names(&table, &ADELES).await;
    table.drop().await;
}

/// The instant of the erasure is that of the request.
pub async fn what_comes_while_a_search_is_on_goes_when_it_ends(engine: &Engine) {
    let table = filled(engine, OTHERS).await;
    begin(&small(&table), "x", &user(ADELE)).await;
    let reports =
        |serial: &str, id: &str, at| Device::serial(serial).and_user(ADELE).reports(id, Kind::StepEntered, at);
    let late = vec![reports("BY-ADDRESS", "late", minute(9)), reports("ADELES-LATE", "late", minute(9))];
    for event in late.clone() {
        assert_eq!(add(&table, vec![event], minute(11)).await, [Added::New], "a search refuses nothing");
    }
    let later = vec![
        reports("BOTHS", "later", minute(12)),
        // A name that nobody knew at the erasure's instant is nothing that this erasure learns.
        with_id(reports("ADELES-LATER", "later", minute(12)), "later-id"),
        with_id(Device::serial("LATER-ID").reports("later", Kind::Started, minute(3)), "later-id"),
    ];
    for event in later {
        assert_eq!(add(&table, vec![event], minute(13)).await, [Added::New]);
    }
    finish(&table, 5).await;
    end_all(&table).await;
    for (serial, events) in [
        ("BY-ADDRESS", None),
        ("ADELES-LATE", None),
        ("BOTHS", Some(2)),
        ("ADELES-LATER", Some(1)),
        ("LATER-ID", Some(1)),
    ] {
        let left = found(&table, serial, minute(40)).await.map(|stored| stored.history.len());
        assert_eq!(left, events, "{serial}");
    }
    for event in late {
        assert_eq!(add(&table, vec![event], minute(41)).await, [Added::Erased]);
    }
    table.drop().await;
}

/// Of two people, and of one of them twice.
pub async fn several_searches_do_each_other_no_harm(engine: &Engine) {
    let table = filled(engine, OTHERS).await;
    for (id, subject) in [("x", user(ADELE)), ("y", user(BEN)), ("z", user(ADELE))] {
        begin(&small(&table), id, &subject).await;
    }
    // A device is found at once, whatever else is searched for.
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let mut budget = LookBudget::new(1, &|| false);
    let device = Subject::Device("NOBODYS-KIOSK".to_owned());
    let of = ("d", "tester");
    let begun = table.store.erase_within(&contoso, &device, OlderFiles::Rebuild, of, &mut budget, minute(11)).await;
    assert!(matches!(begun.unwrap(), Begun::Erased(erased) if erased.record.enrollments == 1));
    let runs = finish(&table, 10).await;
    assert!(runs > 2, "{runs} runs");
    end_all(&table).await;
    nothing_names(&table, &["adele", "ben@"]).await;
    assert_eq!(devices(&table).await, BTreeSet::new());
    let records = table.store.erasures(&tenant(), 10).await.unwrap();
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["d", "x", "y", "z"]));
    table.drop().await;
}

/// The search has ended within the request, and time with it.
pub async fn an_erasure_of_many_devices_is_emptied_over_many_runs(engine: &Engine) {
    const DEVICES: usize = 12;
    let table = table(engine).await;
    for number in 0..DEVICES {
        let device = Device::serial(format!("ADELES-{number}")).and_user(ADELE);
        add(&table, vec![device.reports("1", Kind::Started, minute(0))], minute(1)).await;
    }
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let mut budget = LookBudget::new(2 * DEVICES + 1, &|| true);
    let of = ("x", "tester");
    let begun =
        small(&table).erase_within(&contoso, &user(ADELE), OlderFiles::Rebuild, of, &mut budget, minute(10)).await;
    let Begun::Erased(erased) = begun.unwrap() else { panic!("who was found is searched for") };
    assert_eq!(erased.record.enrollments, DEVICES as u64, "what was found is known");
    let mut runs = 0;
    loop {
        let erasing = table.store.erasings().await.unwrap().remove(0);
        if erasing.is_emptied() {
            break;
        }
        assert_eq!(erasing.record(), Some(&erased.record));
        assert!(!erasing.is_to_be_emptied(minute(10)), "its own process may still do it");
        assert!(erasing.is_to_be_emptied(minute(11)));
        runs += 1;
        assert!(runs < 20, "it begins anew with each run");
        let mut budget = LookBudget::new(3, &|| true);
        small(&table).empty_rest(&erasing, &mut budget, minute(11)).await.unwrap();
    }
    assert!(runs >= DEVICES / 3, "{runs} runs");
    assert_eq!(record(&table).await, erased.record);
    end_all(&table).await;
    nothing_names(&table, &["adele"]).await;
    table.drop().await;
}

/// It is interrupted by the removal, or comes to the table after it.
pub async fn a_search_goes_with_its_tenant(engine: &Engine) {
    let table = filled(engine, OTHERS).await;
    begin(&small(&table), "x", &user(ADELE)).await;
    finish_walks(&table).await;
    let items = table.items().await;
    let of_search: Vec<Item> = of_jobs(&items).into_iter().cloned().collect();
    assert!(of_search.len() > 1);
    let late = search(&table).await.unwrap();
    table.store.begin_removal(&tenant(), minute(21)).await.unwrap();
    table.store.remove_tenant(&tenant(), minute(21)).await.unwrap();
    assert!(search(&table).await.is_none());
    // Whoever had read it stores nothing more; what is there all the same goes.
    small(&table).go_on_searching(&late, &mut LookBudget::unlimited(), minute(22)).await.unwrap();
    for item in of_search {
        table.put(item).await;
    }
    let left = search(&table).await.unwrap();
    assert!(small(&table).go_on_searching(&left, &mut LookBudget::unlimited(), minute(22)).await.unwrap());
    end(&table, minute(40)).await;
    assert_eq!(of_jobs(&table.items().await).len(), 0);
    table.drop().await;
}

/// Runs until a search has a page.
async fn finish_walks(table: &Table) {
    while of_jobs(&table.items().await).len() < 2 {
        let search = search(table).await.unwrap();
        small(table).go_on_searching(&search, &mut LookBudget::new(5, &|| true), minute(20)).await.unwrap();
    }
}

/// It takes what it can't read as a job for nothing, and a page of which it knows no age for no page that is left.
pub async fn a_search_is_no_job_to_an_earlier_release(engine: &Engine) {
    let table = filled(engine, OTHERS).await;
    begin(&small(&table), "x", &user(ADELE)).await;
    finish_walks(&table).await;
    for item in of_jobs(&table.items().await) {
        match text(item, "sk").unwrap().matches('#').count() {
            1 => {
                let content: serde_json::Value = serde_json::from_str(text(item, "c").unwrap()).unwrap();
                let needed = ["id", "items", "older_files"];
                assert!(needed.iter().all(|member| content.get(member).is_none()), "{content}");
            }
            _ => assert!(!item.contains_key("w") && !item.contains_key("x"), "{item:?}"),
        }
    }
    // A page that no search names is left, and goes as other pages do.
    let settings = settings(&table).await;
    assert!(settings.erasures == 0, "no tombstone is written before it ends");
    let mut page = of_jobs(&table.items().await).into_iter().find(|item| item.contains_key("sw")).unwrap().clone();
    let other = format!("{}0", text(&page, "sk").unwrap());
    page.insert("sk".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(other));
    table.put(page).await;
    assert_eq!(table.store.erasures_under_way(minute(69)).await.unwrap().left, []);
    let left = table.store.erasures_under_way(minute(80)).await.unwrap().left;
    assert_eq!(left.len(), 1);
    table.store.delete_left_pages(&left).await.unwrap();
    finish(&table, 10).await;
    end_all(&table).await;
    nothing_names(&table, &ADELES).await;
    table.drop().await;
}
