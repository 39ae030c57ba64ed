//! Erasing a person, a device and a tenant.

use super::tenants::new;
use crate::engine::{Item, text};
use crate::fixtures::{Device, T0, by_serial, by_udid, minute, tenant};
use crate::{Engine, Table};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use std::sync::atomic::{AtomicU64, Ordering};
use vestibule_domain::event::{Body, Event};
use vestibule_domain::failure::Failure;
use vestibule_domain::history::Added;
use vestibule_domain::web_enrollment::{SignIn, WebStep, WebSteps};
use vestibule_domain::{Kind, Millis, Platform, TenantSettings, Timestamp, codec};
use vestibule_store::{
    BrowserSession, Credential, DeadLetter, ErasureRecord, Image, NIGHTLY_INDEX_LAG, OlderFiles, Stored, Subject,
    log_day,
};

pub(super) const ADELE: &str = "Adele@Contoso.example";
pub(super) const BEN: &str = "ben@contoso.example";

pub(super) async fn table(engine: &Engine) -> Table {
    let table = engine.table().await;
    for name in ["contoso", "fabrikam"] {
        table.store.create_tenant(&mut new(name)).await.unwrap();
    }
    table
}

pub(super) async fn settings(table: &Table) -> TenantSettings {
    table.store.tenant(&tenant()).await.unwrap().unwrap().settings
}

pub(super) async fn add(table: &Table, events: Vec<Event>, now: Timestamp) -> Vec<Added> {
    table.store.add_events(&tenant(), &settings(table).await, events, now).await.unwrap()
}

pub(super) fn user(address: &str) -> Subject {
    Subject::User(address.to_owned())
}

/// Erases, and ends the job as its runners do.
async fn erase(table: &Table, subject: &Subject, now: Timestamp) -> ErasureRecord {
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    static ERASURES: AtomicU64 = AtomicU64::new(0);
    let id = ERASURES.fetch_add(1, Ordering::Relaxed).to_string();
    let erased = table.store.erase(&contoso, subject, OlderFiles::Rebuild, (id.as_str(), "tester"), now).await.unwrap();
    end(table, now).await;
    erased.record
}

pub(super) async fn end(table: &Table, now: Timestamp) {
    // Once more if something late was found.
    for _ in 0..2 {
        for erasing in table.store.erasings().await.unwrap() {
            table.store.end_erasing_of_files(&erasing).await.unwrap();
            table.store.end_erasing_of_table(&erasing, now).await.unwrap();
        }
    }
    assert_eq!(table.store.erasings().await.unwrap(), []);
}

/// Everything that an item says, with what is encoded in it.
fn said(item: &Item) -> String {
    let mut said = format!("{item:?}");
    if let Some(AttributeValue::B(data)) = item.get("d") {
        let (history, events) = (codec::decode(data.as_ref()), codec::decode_events(data.as_ref()));
        said.push_str(&format!("{:?} {:?}", history.ok(), events.ok()));
    }
    said.to_lowercase()
}

/// Asserts that no item names any of these.
pub(super) async fn nothing_names(table: &Table, names: &[&str]) {
    for item in table.items().await {
        for name in names {
            assert!(!said(&item).contains(&name.to_lowercase()), "{name} is in {item:?}");
        }
    }
}

pub(super) async fn found(table: &Table, serial: &str, now: Timestamp) -> Option<Stored> {
    table.store.find(&tenant(), &by_serial(serial), now).await.unwrap()
}

fn ids(stored: &Stored) -> Vec<&str> {
    stored.history.ordered(Timestamp::MAX).iter().map(|event| event.key.id.as_str()).collect()
}

/// Segments, links, refused merges and dead letters go too; late events are refused, and later ones begin anew.
pub async fn a_person_is_gone_and_does_not_come_back(engine: &Engine) {
    let table = table(engine).await;
    let theirs = Device::serial("ADELES-1").and_udid("SHARED-UDID").and_user(ADELE);
    for number in 0..60 {
        add(&table, vec![theirs.reports_at_length(number, 300, minute(0))], minute(1)).await;
    }
    // The first name of this one leads to the device over a link, and another device shares a name with it.
    add(&table, vec![Device::udid("SHARED-UDID").reports("no name", Kind::StepEntered, minute(2))], minute(2)).await;
    add(
        &table,
        vec![Device::serial("BENS-1").and_udid("SHARED-UDID").and_user(BEN).reports("b", Kind::Started, minute(2))],
        minute(2),
    )
    .await;
    let key = found(&table, "ADELES-1", minute(3)).await.unwrap().key;
    assert!(table.segments(minute(3)).await > 0 && table.links().await > 0);
    assert_eq!(table.store.refused_merges(&tenant(), 10).await.unwrap().len(), 1);
    let letter = |number: &str, item: &str| DeadLetter {
        sequence_number: number.to_owned(),
        item: item.to_owned(),
        reason: "broken".to_owned(),
        at: minute(2),
    };
    for (number, item) in [("1", key.as_str()), ("2", "e#fabrikam#1x")] {
        table.store.put_dead_letter(&letter(number, item)).await.unwrap();
    }
    let before = Image::decode(&table.item(&key).await.unwrap()).unwrap().unwrap();

    let record = erase(&table, &user(" adele@contoso.EXAMPLE "), minute(10)).await;
    assert_eq!((record.enrollments, record.shared, record.events, record.unreadable), (1, 0, 61, 0));
    assert_eq!((record.subject.as_str(), record.by.as_str(), record.at), ("user", "tester", minute(10)));
    assert_eq!(table.store.erasures(&tenant(), 10).await.unwrap(), [record]);
    nothing_names(&table, &["adele", "adeles-1"]).await;
    assert_eq!(found(&table, "ADELES-1", minute(11)).await, None);
    assert_eq!(table.store.refused_merges(&tenant(), 10).await.unwrap(), []);
    assert_eq!(table.store.dead_letters(10).await.unwrap(), [letter("2", "e#fabrikam#1x")]);
    assert_eq!(table.store.due(minute(100_000)).await.unwrap().len(), 1, "only the other device is due");
    // A reader that holds it learns that it is gone.
    let changed = table.store.changed_since(&tenant(), Some(minute(10)), NIGHTLY_INDEX_LAG).await.unwrap();
    assert!(changed.contains(&key));
    assert_eq!(table.store.load(std::slice::from_ref(&key), minute(11)).await.unwrap().all().unwrap(), []);
    let after = Image::decode(&table.item(&key).await.unwrap()).unwrap().unwrap();
    assert!(after.erased && after.version > before.version && after.history.is_empty());

    let late = |id: &str, at| theirs.reports(id, Kind::StepEntered, at);
    let nameless = Device::serial("ADELES-1").reports("nameless", Kind::StepEntered, minute(9));
    let events = vec![late("late", minute(9)), late("new", minute(10)), nameless];
    assert_eq!(add(&table, events, minute(12)).await, [Added::Erased, Added::New, Added::Erased]);
    assert_eq!(ids(&found(&table, "ADELES-1", minute(13)).await.unwrap()), ["new"]);
    let elsewhere = Device::serial("NEW-1").and_user(ADELE).reports("elsewhere", Kind::Started, minute(5));
    assert_eq!(add(&table, vec![elsewhere], minute(13)).await, [Added::Erased]);
    assert_eq!(ids(&found(&table, "BENS-1", minute(13)).await.unwrap()), ["b"]);
    table.drop().await;
}

/// What names nobody is of whom was named before; an id that two people have is nobody's.
pub async fn of_a_shared_device_the_others_keep_their_part(engine: &Engine) {
    let table = table(engine).await;
    let device = Device::serial("SHARED-1");
    let of = |address: &str| device.clone().and_user(address);
    let mut events = vec![
        of(BEN).reports("ben", Kind::Started, minute(0)),
        device.reports("ben's", Kind::StepEntered, minute(1)),
        of(ADELE).reports("adele", Kind::Started, minute(2)),
        device.reports("adele's", Kind::StepEntered, minute(3)),
    ];
    for event in &mut events[2..3] {
        event.about.user_id = Some("adeles-directory-id".to_owned());
    }
    let mut by_id = device.reports("by id", Kind::StepEntered, minute(4));
    by_id.about.user_id = Some("ADELES-Directory-Id".to_owned());
    let mut common = of(BEN).reports("common", Kind::StepEntered, minute(5));
    common.about.user_id = Some("common-id".to_owned());
    let mut adeles_common = of(ADELE).reports("adele's common", Kind::StepEntered, minute(6));
    adeles_common.about.user_id = Some("common-id".to_owned());
    events.extend([by_id, common, adeles_common]);
    add(&table, events.clone(), minute(7)).await;
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let kept = table.store.kept_about(&contoso, &user(ADELE), minute(8)).await.unwrap();
    assert_eq!((kept.devices.len(), kept.devices[0].whole, kept.devices[0].history.len()), (1, false, 4));
    assert_eq!(kept.shared_ids, ["common-id"]);

    let record = erase(&table, &user(ADELE), minute(10)).await;
    assert_eq!((record.enrollments, record.shared, record.events), (0, 1, 4));
    nothing_names(&table, &["adele"]).await;
    let left = found(&table, "SHARED-1", minute(11)).await.unwrap();
    assert_eq!(ids(&left), ["ben", "ben's", "common"]);
    // The device goes on, and so does Ben; again changes nothing.
    assert_eq!(
        add(&table, vec![events[2].clone(), events[0].clone()], minute(11)).await,
        [Added::Erased, Added::Duplicate]
    );
    let again = erase(&table, &user(ADELE), minute(12)).await;
    assert_eq!((again.shared, again.events), (0, 0));
    assert_eq!(found(&table, "SHARED-1", minute(13)).await.unwrap().version, left.version);
    table.drop().await;
}

/// Of an unknown device later events are refused too.
pub async fn a_device_is_erased_by_any_identifier(engine: &Engine) {
    let table = table(engine).await;
    let device = Device::serial("SERIAL-1").and_udid("UDID-1").and_mdm("MDM-1");
    let other = Device::serial("SERIAL-2").and_user(BEN);
    for name in ["serial-1", " UDID-1 ", "Mdm-1"] {
        let now = minute(10);
        add(&table, vec![device.reports("1", Kind::Started, minute(0))], minute(1)).await;
        let erased = erase(&table, &Subject::Device(name.to_owned()), now).await;
        if erased.events > 0 {
            assert_eq!((erased.enrollments, erased.subject.as_str()), (1, "device"), "{name}");
        }
        nothing_names(&table, &["serial-1", "udid-1", "mdm-1"]).await;
        for alone in [Device::serial("SERIAL-1"), Device::udid("UDID-1"), Device::default().and_mdm("MDM-1")] {
            let event = alone.reports("late", Kind::StepEntered, minute(9));
            assert_eq!(add(&table, vec![event], minute(11)).await, [Added::Erased], "{name}");
        }
    }
    erase(&table, &Subject::Device("SERIAL-9".to_owned()), minute(10)).await;
    let unknown = Device::serial("SERIAL-9").reports("1", Kind::Started, minute(9));
    assert_eq!(add(&table, vec![unknown], minute(11)).await, [Added::Erased]);
    // Another device may share all but the serial number.
    let shares = other.and_mdm("MDM-1").reports("1", Kind::Started, minute(9));
    assert_eq!(add(&table, vec![shares], minute(11)).await, [Added::New]);
    table.drop().await;
}

/// Files from before two enrollments turned out to be one device name it by the key of either, and the segments of the one
/// that was merged stay for some days.
pub async fn an_erasure_knows_the_keys_from_before_a_merge(engine: &Engine) {
    let table = table(engine).await;
    let (first, second) = (Device::udid("ADELES-UDID").and_user(ADELE), Device::serial("ADELES-1").and_user(ADELE));
    for number in 0..60 {
        add(&table, vec![first.reports_at_length(number, 300, minute(0))], minute(1)).await;
    }
    add(&table, vec![second.reports("2", Kind::Started, minute(1))], minute(1)).await;
    let key = async |identifier| {
        let found = table.store.find(&tenant(), &identifier, minute(2)).await.unwrap();
        found.map(|stored| stored.key.as_str().to_owned()).unwrap()
    };
    let before = [key(by_udid("ADELES-UDID")).await, key(by_serial("ADELES-1")).await];
    assert_ne!(before[0], before[1]);
    let both = second.and_udid("ADELES-UDID");
    add(&table, vec![both.reports("3", Kind::StepEntered, minute(2))], minute(2)).await;
    assert_eq!(key(by_udid("ADELES-UDID")).await, key(by_serial("ADELES-1")).await);
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    for subject in [user(ADELE), Subject::Device("ADELES-1".to_owned())] {
        let kept = table.store.kept_about(&contoso, &subject, minute(10)).await.unwrap();
        assert_eq!(kept.devices.len(), 1, "{subject:?}");
    }
    table.store.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, ("x", "tester"), minute(10)).await.unwrap();
    let erasings = table.store.erasings().await.unwrap();
    let concerned = erasings[0].items();
    assert!(erasings[0].is_emptied() && !erasings[0].files_done());
    assert!(before.iter().all(|key| concerned.contains(key)), "{before:?} {concerned:?}");
    end(&table, minute(16)).await;
    nothing_names(&table, &["adele"]).await;
    assert_eq!(table.segments(minute(17)).await, 0);
    table.drop().await;
}

/// It holds the tenant as it was; the job finds what it stored.
pub async fn a_writer_that_knows_of_no_erasure_brings_nothing_back(engine: &Engine) {
    let table = table(engine).await;
    let before = settings(&table).await;
    let device = Device::serial("ADELES-1").and_user(ADELE);
    add(&table, vec![device.reports("1", Kind::Started, minute(0))], minute(1)).await;
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let made = table.store.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, ("x", "tester"), minute(10)).await;
    assert_eq!(made.unwrap().record.events, 1);
    let stale = table.another_store();
    for device in [device, Device::serial("ADELES-2").and_user(ADELE)] {
        let event = device.reports("2", Kind::StepEntered, minute(5));
        let added = stale.add_events(&tenant(), &before, vec![event], minute(11)).await.unwrap();
        assert_eq!(added, [Added::New]);
    }
    // A file that is made now has them, so it ends nothing, and neither does one that was begun before.
    let before = table.store.erasings().await.unwrap().remove(0);
    table.store.end_erasing_of_files(&before).await.unwrap();
    assert!(!table.store.end_erasing_of_table(&before, minute(16)).await.unwrap());
    nothing_names(&table, &["adele"]).await;
    let after = table.store.erasings().await.unwrap().remove(0);
    assert!(after.is_emptied() && !after.files_done() && after.is_due(minute(16)) && after.mark() != before.mark());
    assert_eq!((before.items().len(), after.items().len()), (1, 2));
    table.store.end_erasing_of_files(&before).await.unwrap();
    assert_eq!(table.store.erasings().await.unwrap(), [after]);
    end(&table, minute(17)).await;
    nothing_names(&table, &["adele"]).await;
    for serial in ["ADELES-1", "ADELES-2"] {
        assert_eq!(found(&table, serial, minute(17)).await, None);
    }
    table.drop().await;
}

/// An item takes 400 kB, so what an erasure concerns and its tombstones are in pages.
pub async fn an_erasure_of_many_devices_has_pages(engine: &Engine) {
    const DEVICES: usize = 12;
    let table = table(engine).await;
    let devices: Vec<Device> =
        (0..DEVICES).map(|number| Device::serial(format!("ADELES-{number}")).and_user(ADELE)).collect();
    for device in &devices {
        add(&table, vec![device.reports("1", Kind::Started, minute(0))], minute(1)).await;
    }
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let store = table.store.clone().with_erasure_pages(100);
    let made = store.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, ("x", "tester"), minute(10)).await.unwrap();
    assert_eq!(made.record.enrollments, DEVICES as u64);
    let of = async |pk: &str, sk: &str| {
        let is_one = |item: &Item| {
            text(item, "pk").is_some_and(|at| at == pk) && text(item, "sk").is_some_and(|at| at.starts_with(sk))
        };
        table.items().await.iter().filter(|item| is_one(item)).count()
    };
    assert!(of("erasing", "contoso#x").await >= DEVICES / 3);
    assert!(of("t#contoso", "gone#").await >= DEVICES / 6);
    let erasings = table.store.erasings().await.unwrap();
    assert_eq!((erasings.len(), erasings[0].items().len()), (1, DEVICES));
    for device in &devices {
        assert_eq!(
            add(&table, vec![device.reports("2", Kind::StepEntered, minute(9))], minute(11)).await,
            [Added::Erased]
        );
    }
    end(&table, minute(16)).await;
    assert_eq!(of("erasing", "").await, 0);
    table.drop().await;
}

/// Whatever device a text came from, and whomever that event names.
pub async fn a_text_that_mentions_a_person_does_not_come_back(engine: &Engine) {
    let table = table(engine).await;
    let bens = Device::serial("BENS-1").and_user(BEN);
    let fails = |id: &str, message: &str, at| {
        let mut event = bens.reports(id, Kind::Failed, at);
        if let Body::Enrollment(step) = &mut event.body {
            step.failure = Some(Failure { message: Some(message.to_owned()), ..Failure::default() });
        }
        event
    };
    let started = bens.reports("start", Kind::Started, minute(0));
    let theirs = fails("mentions", "first line\nuser='adele@contoso.example': no licence.", minute(1));
    add(&table, vec![started, theirs.clone()], minute(2)).await;
    let record = erase(&table, &user(ADELE), minute(10)).await;
    assert_eq!((record.shared, record.events), (1, 1));
    nothing_names(&table, &["adele"]).await;
    let late = fails("late", "<Adele@Contoso.example> is over the limit", minute(9));
    let other = fails("other", "<gadele@contoso.example> is over the limit", minute(9));
    let later = fails("later", "<adele@contoso.example> is over the limit", minute(11));
    let added = add(&table, vec![theirs, late, other, later], minute(12)).await;
    assert_eq!(added, [Added::Erased, Added::Erased, Added::New, Added::New]);
    table.drop().await;
}

/// An enrollment that changed since and can't be read does not keep an erasure from ending.
pub async fn a_corrupt_enrollment_does_not_keep_an_erasure_open(engine: &Engine) {
    let table = table(engine).await;
    let [adeles, bens] = [("ADELES-1", ADELE), ("BENS-1", BEN)].map(|(name, user)| Device::serial(name).and_user(user));
    add(&table, vec![adeles.reports("1", Kind::Started, minute(0))], minute(1)).await;
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    table.store.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, ("x", "tester"), minute(10)).await.unwrap();
    add(&table, vec![bens.reports("1", Kind::Started, minute(11))], minute(11)).await;
    let key = found(&table, "BENS-1", minute(12)).await.unwrap().key;
    let mut item = table.item(&key).await.unwrap();
    item.insert("d".to_owned(), AttributeValue::B(Blob::new([0_u8])));
    table.put(item).await;
    end(&table, minute(16)).await;
    assert_eq!(found(&table, "ADELES-1", minute(17)).await, None);
    table.drop().await;
}

/// Ben's events arrive while Adele is erased from the same devices, and from devices of her own.
pub async fn erasing_while_others_write_loses_nothing_of_theirs(engine: &Engine) {
    const EVENTS: i64 = 25;
    let table = table(engine).await;
    let shared = Device::serial("SHARED-1");
    let events = vec![
        shared.clone().and_user(ADELE).reports("a", Kind::Started, minute(0)),
        shared.clone().and_user(BEN).reports("b", Kind::Started, minute(1)),
    ];
    add(&table, events, minute(2)).await;
    let writer = async {
        let settings = settings(&table).await;
        for number in 0..EVENTS {
            let ben = shared.clone().and_user(BEN).reports(format!("b{number}"), Kind::StepEntered, minute(3 + number));
            table.store.add_events(&tenant(), &settings, vec![ben], minute(60)).await.unwrap();
        }
    };
    let eraser = async {
        let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
        let other = table.another_store();
        other.erase(&contoso, &user(ADELE), OlderFiles::Remove, ("x", "tester"), minute(50)).await.unwrap();
    };
    futures::future::join(writer, eraser).await;
    end(&table, minute(60)).await;
    nothing_names(&table, &["adele"]).await;
    let left = found(&table, "SHARED-1", minute(61)).await.unwrap();
    assert_eq!(left.history.len(), usize::try_from(EVENTS).unwrap() + 1);
    assert_eq!(table.store.find(&tenant(), &by_udid("nobody"), minute(61)).await.unwrap(), None);
    table.drop().await;
}

/// The sums are those of the others, and the same sign-in is refused.
pub async fn steps_of_web_based_enrollment_leave_the_sums(engine: &Engine) {
    let table = table(engine).await;
    let sign_in = |user: &str, at| {
        let steps = WebSteps::of(WebStep::PortalSignIn, true);
        (SignIn { user_id: user.to_owned(), platform: Platform::Ios, at, steps }, log_day(T0))
    };
    let kept_for = Millis::from_days(90);
    let both = [sign_in("adeles-id", T0), sign_in("bens-id", T0)];
    table.store.add_sign_ins(&tenant(), &both, kept_for).await.unwrap();
    // This one remembers the sets that it has met.
    let other = table.another_store();
    assert_eq!(other.add_sign_ins(&tenant(), &both, kept_for).await.unwrap(), [false, false]);
    let people = async || -> u64 {
        let days = table.store.consistently().web_days(&tenant(), log_day(T0)).await.unwrap();
        days.values().flat_map(|sums| sums.values()).sum()
    };
    assert_eq!(people().await, 2);
    let record = erase(&table, &user("ADELES-ID"), minute(10)).await;
    assert_eq!((record.web_enrollment_days, people().await), (1, 1));
    let again = [sign_in("adeles-id", T0).0, sign_in("adeles-id", minute(11)).0, sign_in("bens-id", T0).0];
    let refused = table.store.refused_sign_ins(&tenant(), &settings(&table).await, &again).await.unwrap();
    assert_eq!(refused, [true, false, false]);
    // What they do on the same day after it counts, whatever a process remembers.
    let refused = other.refused_sign_ins(&tenant(), &settings(&table).await, &again).await.unwrap();
    assert_eq!(refused, [true, false, false]);
    let later = [sign_in("adeles-id", minute(11)), sign_in("bens-id", T0)];
    assert_eq!(other.add_sign_ins(&tenant(), &later, kept_for).await.unwrap(), [true, false]);
    assert_eq!(people().await, 2);
    table.drop().await;
}

/// Another tenant keeps all of its items.
pub async fn a_removed_tenant_leaves_nothing(engine: &Engine) {
    let table = table(engine).await;
    let fabrikam = vestibule_domain::TenantId::parse("fabrikam").unwrap();
    let settings = settings(&table).await;
    let device = |name: &str| Device::serial(name).and_udid(format!("{name}-udid")).and_user(ADELE);
    for tenant in [&tenant(), &fabrikam] {
        for number in 0..30 {
            let event = device("SERIAL-1").reports_at_length(number, 300, minute(0));
            table.store.add_events(tenant, &settings, vec![event], minute(1)).await.unwrap();
        }
        table.store.put_file(tenant, &super::tenants::file(1, minute(1))).await.unwrap();
        table.store.put_app_names(tenant, &Default::default()).await.unwrap();
        super::annotations::add(&table.store, tenant, 1).await.unwrap();
        table.store.ask_for_export(tenant, minute(1), true).await.unwrap();
        let credential = Credential::Token { sha256: "ab".repeat(32) };
        let session = BrowserSession::new("cd".repeat(32), credential, None, None, minute(1));
        table.store.begin_browser_session(tenant, &session).await.unwrap();
    }
    let of = |items: &[Item], name: &str| {
        let is_of = |item: &&Item| format!("{item:?}").contains(name);
        items.iter().filter(is_of).count()
    };
    let before = table.items().await;
    let removed = table.store.remove_tenant(&tenant(), minute(2)).await.unwrap();
    assert_eq!(removed, of(&before, "contoso") as u64);
    // A webhook and an export that were under way.
    let late = vec![device("SERIAL-2").reports("late", Kind::Started, minute(1))];
    table.another_store().add_events(&tenant(), &settings, late, minute(2)).await.unwrap();
    table.store.put_file(&tenant(), &super::tenants::file(2, minute(2))).await.unwrap();
    end(&table, minute(3)).await;
    let after = table.items().await;
    assert_eq!((of(&after, "contoso"), of(&after, "fabrikam")), (0, of(&before, "fabrikam")));
    assert_eq!(table.store.tenants().await.unwrap(), [fabrikam]);
    assert!(after.iter().all(|item| text(item, "pk").is_some()));
    table.drop().await;
}
