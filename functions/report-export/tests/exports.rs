//! Exports over real services: one at a time, and ever more rarely if they fail.
#![allow(clippy::unwrap_used, missing_docs)]

use report_export::Exporter;
use report_tick::Tick;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_archive::{Archive, ArchiveError};
use vestibule_domain::event::{About, Body, Event, EventKey, Kind, Step};
use vestibule_domain::{Millis, Reports, TenantId, TenantSettings, Timestamp};
use vestibule_host::{Host, Names};
use vestibule_platform::{Bus, Clock, Config};
use vestibule_store::{ExportReason, FileRecord, OlderFiles, Secret, SettingsHistory, Store, Subject, Tenant};

const CREATED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Services {
    host: Host,
    store: Store,
    bus: Bus,
    clock: Clock,
    minutes: Arc<AtomicI64>,
    folder: tempfile::TempDir,
}

impl Services {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names { table: "table".into(), bucket: "reports".into(), bus: "bus".into() };
        let host = Host::start(&folder.path().join("data"), &names).await.unwrap();
        let store = Store::new(host.clients.dynamodb.clone(), "table");
        let mut tenant = Tenant {
            id: contoso(),
            created_at: CREATED,
            settings: TenantSettings::default(),
            webhook_secrets: Vec::new(),
            sources: Vec::new(),
            tokens: Vec::new(),
            sign_in_codes: Vec::new(),
            pseudonym_key: Secret::new("00".repeat(32)).into(),
            settings_history: SettingsHistory::default(),
            source_settings: std::collections::BTreeMap::new(),
            feed: None,
            sealing: vestibule_store::Sealing::default(),
            version: 0,
        };
        store.create_tenant(&mut tenant).await.unwrap();
        let config = Config {
            table: "table".into(),
            bucket: "reports".into(),
            bus: "bus".into(),
            source: "vestibule".into(),
            advice: None,
            staleness_ms: 0,
        };
        let bus = Bus::new(host.clients.events.clone(), &config);
        let minutes = Arc::new(AtomicI64::new(0));
        let driven = minutes.clone();
        let clock = Clock::driven(move || at(driven.load(Ordering::SeqCst)).millis());
        Self { host, store, bus, clock, minutes, folder }
    }

    /// An exporter that stores files in `bucket`.
    fn exporter(&self, name: &str, bucket: &str) -> Exporter {
        let scratch = self.folder.path().join(name);
        let advice = vestibule_archive::advice(None::<&Path>).unwrap();
        let archive = Archive::new(self.store.clone(), self.host.clients.s3.clone(), bucket.into(), scratch, advice);
        Exporter::named(archive, self.bus.clone(), self.clock.clone(), name)
    }

    fn at(&self, minutes: i64) {
        self.minutes.store(minutes, Ordering::SeqCst);
    }

    fn published(&self, detail_type: &str) -> Vec<Value> {
        let events = self.host.published().unwrap().into_iter();
        events.filter(|event| event["detail-type"] == detail_type).map(|event| event["detail"].clone()).collect()
    }
}

fn contoso() -> TenantId {
    TenantId::parse("contoso").unwrap()
}

/// This long after two days of the tenant's life.
fn at(minutes: i64) -> Timestamp {
    CREATED + Millis::from_days(2) + Millis::from_minutes(minutes)
}

fn request(as_of: Timestamp, reason: &str) -> Value {
    json!({"detail": {"tenant": "contoso", "asOf": as_of.to_string(), "reason": reason}})
}

#[tokio::test]
async fn a_second_export_does_nothing_until_the_first_ends_or_dies() {
    let services = Services::start().await;
    let exporter = services.exporter("one", "reports");
    services.store.take_export(&contoso(), "dead-0", at(0), ExportReason::Nightly, at(0)).await.unwrap();
    for reason in ["nightly", "asked"] {
        let answer = exporter.handle(request(at(0), reason)).await.unwrap();
        assert_eq!(answer["underWay"], true, "{answer}");
    }
    let refused = exporter.export(&contoso(), at(0)).await.unwrap_err();
    assert!(refused.to_string().contains("under way"), "{refused}");
    assert_eq!(services.published("ReportPublished").len(), 0);
    assert!(services.store.latest_file(&contoso()).await.unwrap().is_none());

    // It died, which counts as a failure.
    services.at(20);
    assert_eq!(exporter.handle(request(at(0), "nightly")).await.unwrap()["leftAlone"], true);
    services.at(31);
    assert_eq!(exporter.handle(request(at(0), "nightly")).await.unwrap()["isNew"], true);
    assert_eq!(services.published("ReportPublished").len(), 1);
    assert_eq!(services.store.exports(&contoso()).await.unwrap(), vestibule_store::Exports::default());
    // The repeated event has no further effect.
    assert_eq!(exporter.handle(request(at(0), "nightly")).await.unwrap()["isNew"], false);
}

#[tokio::test]
async fn what_is_asked_for_during_an_export_follows_it() {
    let services = Services::start().await;
    let exporter = services.exporter("one", "reports");
    services.store.take_export(&contoso(), "other", at(0), ExportReason::Nightly, at(0)).await.unwrap();
    let asked = services.store.ask_for_export(&contoso(), at(0), true).await.unwrap();
    assert!(!asked.send && asked.pending.as_of > at(0));
    // The other exporter died. An operator's export begins before the requested instant, so it does not answer the
    // request.
    services.at(40);
    exporter.export(&contoso(), at(0)).await.unwrap();
    let requests = services.published("ReportExportRequested");
    let as_of = asked.pending.as_of;
    assert_eq!(requests, [json!({"tenant": "contoso", "asOf": as_of.to_string(), "reason": "asked"})]);
    let answer = exporter.handle(json!({"detail": requests[0]})).await.unwrap();
    assert_eq!(answer["isNew"], true);
    assert_eq!(services.store.latest_file(&contoso()).await.unwrap().unwrap().as_of, as_of);
    assert_eq!(services.store.exports(&contoso()).await.unwrap().pending, None);
    assert_eq!(services.published("ReportExportRequested").len(), 1);
}

/// An erasure has the instant at which it began to look for what to erase; a file may be made while it does.
#[tokio::test]
async fn a_file_that_was_made_during_an_erasure_does_not_end_it() {
    let services = Services::start().await;
    let exporter = services.exporter("one", "reports");
    services.at(30);
    exporter.export(&contoso(), at(30)).await.unwrap();
    let tenant = services.store.tenant(&contoso()).await.unwrap().unwrap();
    let subject = Subject::Device("SERIAL-1".to_owned());
    services.store.erase(&tenant, &subject, OlderFiles::Rebuild, ("x", "tester"), at(20)).await.unwrap();
    let is_open = async || services.store.erasings().await.unwrap().iter().any(|one| !one.files_done());
    assert_eq!(exporter.handle(request(at(30), "nightly")).await.unwrap()["isNew"], false);
    assert!(is_open().await);
    services.at(31);
    assert_eq!(exporter.handle(request(at(31), "asked")).await.unwrap()["isNew"], true);
    assert!(!is_open().await);
}

/// What a writer stored meanwhile is found after the erasure's own file. Then another must follow, and the tick requests it.
#[tokio::test]
async fn an_erasure_that_finds_something_late_waits_for_another_file() {
    let services = Services::start().await;
    let exporter = services.exporter("one", "reports");
    let tick = Tick::new(services.store.clone(), services.bus.clone(), services.clock.clone());
    services.at(30);
    exporter.export(&contoso(), at(30)).await.unwrap();
    let before = services.store.tenant(&contoso()).await.unwrap().unwrap();
    let subject = Subject::Device("SERIAL-1".to_owned());
    services.store.erase(&before, &subject, OlderFiles::Rebuild, ("x", "tester"), at(31)).await.unwrap();
    // It holds the tenant as it was before the erasure.
    let late = late_event("SERIAL-1", at(20));
    services.store.add_events(&contoso(), &before.settings, vec![late], at(32)).await.unwrap();
    services.at(33);
    let first = exporter.export(&contoso(), at(33)).await.unwrap();
    let open = async || services.store.erasings().await.unwrap();
    assert!(open().await[0].files_done());
    assert!(!services.store.end_erasing_of_table(&open().await[0], at(40)).await.unwrap());
    assert!(!open().await[0].files_done());
    let requested = async |minutes| {
        services.at(minutes);
        let ticked = tick.handle(json!({})).await.unwrap();
        ticked["requested"].as_u64().unwrap()
    };
    assert_eq!(requested(45).await, 0, "the newest file is young");
    assert_eq!(requested(95).await, 1);
    let request = services.published("ReportExportRequested").pop().unwrap();
    exporter.handle(json!({"detail": request})).await.unwrap();
    assert!(open().await[0].files_done());
    assert!(services.store.end_erasing_of_table(&open().await[0], at(96)).await.unwrap());
    assert_eq!(open().await, []);
    // The file between has it no more.
    let files = services.store.files(&contoso(), 10).await.unwrap();
    let between = files.iter().find(|file| file.as_of == at(33)).unwrap();
    assert_ne!(between.sha256, first.file.sha256);
    assert_eq!((first.file.rows["attempts"], between.rows["attempts"]), (1, 0));
}

fn late_event(serial: &str, time: Timestamp) -> Event {
    let about = About { serial_number: Some(serial.to_owned()), ..About::default() };
    Event {
        key: EventKey { source: "https://mdm.example".to_owned(), id: "late".to_owned() },
        time,
        received_at: time,
        clock_skew: None,
        reports: Reports::ALL,
        about,
        body: Body::Enrollment(Step::of(Kind::Started)),
    }
}

#[tokio::test]
async fn a_tenant_that_always_fails_is_tried_a_few_times_a_day() {
    let services = Services::start().await;
    let exporter = services.exporter("one", "a-bucket-that-is-not-there");
    let tick = Tick::new(services.store.clone(), services.bus.clone(), services.clock.clone());
    let mut tries = 0;
    for quarter in 0..96 {
        services.at(15 * quarter);
        let ticked = tick.handle(json!({})).await.unwrap();
        for _ in 0..ticked["requested"].as_u64().unwrap() {
            let request = services.published("ReportExportRequested").pop().unwrap();
            // The event comes three times.
            for _ in 0..3 {
                tries += usize::from(exporter.handle(json!({"detail": request})).await.is_err());
            }
        }
    }
    assert!((5..=7).contains(&tries), "{tries} tries in a day");
    // It is repaired: somebody's request is tried at once.
    let mended = services.exporter("two", "reports");
    assert_eq!(mended.handle(request(at(15 * 95), "nightly")).await.unwrap()["leftAlone"], true);
    assert_eq!(mended.handle(request(at(15 * 95), "asked")).await.unwrap()["isNew"], true);
    assert_eq!(tick.handle(json!({})).await.unwrap(), json!({"requested": 0, "waiting": 0, "unreadable": 0}));
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_costs_no_file() {
    const YEAR: i64 = 366 * 24 * 60;
    let services = Services::start().await;
    let exporter = services.exporter("one", "reports");
    let tick = Tick::new(services.store.clone(), services.bus.clone(), services.clock.clone());
    // While it is ahead, a file is made, another is requested, and an exporter dies.
    services.at(YEAR);
    assert_eq!(exporter.handle(request(at(YEAR), "nightly")).await.unwrap()["isNew"], true);
    services.store.ask_for_export(&contoso(), at(YEAR), true).await.unwrap();
    services.store.take_export(&contoso(), "dead-0", at(YEAR), ExportReason::Nightly, at(YEAR)).await.unwrap();

    services.at(0);
    assert_eq!(tick.handle(json!({})).await.unwrap()["requested"], 1);
    let due = services.published("ReportExportRequested").pop().unwrap();
    let made = exporter.handle(json!({"detail": due})).await.unwrap();
    assert_eq!(made["isNew"], true, "{made}");
    let latest = services.store.latest_file(&contoso()).await.unwrap().unwrap();
    assert!(latest.as_of <= at(0), "{latest:?}");
    // A request that was on its way since then is made as of now.
    services.at(1_440);
    exporter.handle(request(at(YEAR), "asked")).await.unwrap();
    assert_eq!(services.store.latest_file(&contoso()).await.unwrap().unwrap().as_of, at(1_440));
    assert_eq!(tick.handle(json!({})).await.unwrap(), json!({"requested": 0, "waiting": 0, "unreadable": 0}));
}

/// The keys of all objects in the bucket.
async fn objects(services: &Services) -> BTreeSet<String> {
    let listed = services.host.clients.s3.list_objects_v2().bucket("reports").send().await.unwrap();
    listed.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect()
}

fn is_of(file: &FileRecord, key: &str) -> bool {
    let parts = [file.summary.as_ref(), file.report_html.as_ref()].into_iter().flatten();
    parts.map(|part| &part.sha256).chain([&file.sha256]).any(|sha256| key.contains(sha256.as_str()))
}

#[tokio::test]
async fn files_end_with_the_longest_retention_and_the_newest_stays() {
    const DAY: i64 = 24 * 60;
    let services = Services::start().await;
    let exporter = services.exporter("one", "reports");
    let archive = exporter.archive();
    let tenant = services.store.tenant(&contoso()).await.unwrap().unwrap();
    // The files stay for the longest retention that may be set, not for the tenant's own: they keep what the table drops.
    assert_eq!(tenant.settings.retention_days, 30);
    let may_be = |retention_days| TenantSettings { retention_days, ..TenantSettings::default() }.validate().is_ok();
    assert!(may_be(400) && !may_be(401));
    let export = async |day: i64| {
        services.at(day * DAY);
        exporter.export(&contoso(), at(day * DAY)).await.unwrap().file
    };
    let offered = async |day: i64| -> Vec<FileRecord> { archive.files(&tenant, 100, at(day * DAY)).await.unwrap() };
    let first = export(0).await;
    let second = export(5).await;
    assert_eq!(offered(400).await, [second.clone(), first.clone()]);
    assert_eq!(offered(401).await, std::slice::from_ref(&second), "the first is past the longest retention");
    assert_eq!(offered(1_000).await, std::slice::from_ref(&second), "the newest stays");

    // Who got a link still has a day; and a clock that jumps ahead for one export removes nothing.
    let third = export(401).await;
    let ahead = export(401 + 366).await;
    let fourth = export(402).await;
    let to = services.folder.path().join("file.sqlite");
    archive.download(&first, &to).await.unwrap();
    assert_eq!(services.store.files(&contoso(), 10).await.unwrap().len(), 5);
    // By then the file before the newest is more than a day past the first one's end.
    let fifth = export(403).await;
    assert!(matches!(archive.download(&first, &to).await, Err(ArchiveError::Gone(_))));
    let files = services.store.files(&contoso(), 10).await.unwrap();
    assert_eq!(files, [&ahead, &fifth, &fourth, &third, &second].map(Clone::clone));
    let there = objects(&services).await;
    assert_eq!(there.len(), 4 * files.len());
    assert!(there.iter().all(|key| files.iter().any(|file| is_of(file, key))), "{there:?}");

    // A removal that was interrupted after the first object: nothing offers the file, and the next export goes on.
    services.host.clients.s3.delete_object().bucket("reports").key(&second.key).send().await.unwrap();
    export(406).await;
    assert_eq!(archive.verify(&contoso(), at(406 * DAY)).await.unwrap().lost.len(), 0);
    assert!(objects(&services).await.iter().any(|key| is_of(&second, key)));
    export(407).await;
    export(408).await;
    assert!(!objects(&services).await.iter().any(|key| is_of(&second, key)));
    assert!(services.store.files(&contoso(), 10).await.unwrap().iter().all(|file| file.sha256 != second.sha256));
    archive.download(&third, &to).await.unwrap();
}
