//! How erasures end: over many runs, with several runners, and after some that died.

use super::erasure::{ADELE, BEN, add, end, found, nothing_names, settings, table, user};
use crate::Engine;
use crate::engine::text;
use crate::fixtures::{Device, T0, minute, tenant};
use crate::proxy::{Fault, Proxy};
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::sync::oneshot;
use vestibule_domain::web_enrollment::{SignIn, WebStep, WebSteps};
use vestibule_domain::{Kind, Millis, Platform, Timestamp};
use vestibule_store::{ExportReason, LookBudget, Looked, OlderFiles, Subject, log_day};

/// However much changed, and however little a run may look at: each goes on where the one before stopped.
pub async fn a_look_goes_on_over_many_runs(engine: &Engine) {
    const OTHERS: usize = 40;
    let table = table(engine).await;
    let before = settings(&table).await;
    let adeles = Device::serial("ADELES-1").and_user(ADELE);
    add(&table, vec![adeles.reports("1", Kind::Started, minute(0))], minute(1)).await;
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    for (id, subject, at) in [("x", user(ADELE), 10), ("y", Subject::Device("OTHER-9".to_owned()), 11)] {
        table.store.erase(&contoso, &subject, OlderFiles::Rebuild, (id, "tester"), minute(at)).await.unwrap();
    }
    // A writer that knows of neither stores something of Adele's on her device and on others.
    let stale = table.another_store();
    let store = async |device: &Device, id: &str| {
        let event = device.reports(id, Kind::StepEntered, minute(5));
        stale.add_events(&tenant(), &before, vec![event], minute(12)).await.unwrap();
    };
    store(&adeles, "late").await;
    for number in 0..OTHERS {
        let other = Device::serial(format!("OTHER-{number}"));
        store(&if number.is_multiple_of(7) { other.and_user(ADELE) } else { other.and_user(BEN) }, "late").await;
    }
    let (mut runs, mut finds) = (0_i64, 0);
    loop {
        // Whoever makes files keeps up with it.
        for erasing in table.store.erasings().await.unwrap() {
            table.store.end_erasing_of_files(&erasing).await.unwrap();
        }
        let erasings = table.store.erasings().await.unwrap();
        if erasings.is_empty() {
            break;
        }
        runs += 1;
        assert!(runs < 40, "it does not begin anew with each run");
        // A process that is not the one of the run before.
        let runner = table.another_store();
        let mut budget = LookBudget::new(5, &|| true);
        let looked = runner.end_erasings_of_table(&erasings, &mut budget, minute(16 + runs)).await.unwrap();
        assert_ne!((looked, finds), (Looked::Clean, 0), "a look that found nothing comes last");
        finds += usize::from(looked == Looked::Found);
    }
    // Two looks at 41 enrollments, five in a run, and at the segments of those that were concerned.
    assert!((17..40).contains(&runs), "{runs} runs");
    assert_eq!(finds, 1);
    nothing_names(&table, &["adele"]).await;
    for number in 0..OTHERS {
        let is_left = found(&table, &format!("OTHER-{number}"), minute(60)).await.is_some();
        assert_eq!(is_left, !number.is_multiple_of(7) && number != 9, "OTHER-{number}");
    }
    assert_eq!(table.store.erasures_under_way(Timestamp::MAX).await.unwrap().left, []);
    table.drop().await;
}

/// Without time a run looks at one part, and so each run gets on.
pub async fn a_look_without_time_gets_on(engine: &Engine) {
    let table = table(engine).await;
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    table.store.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, ("x", "tester"), minute(10)).await.unwrap();
    for number in 0..6 {
        let device = Device::serial(format!("BENS-{number}")).and_user(BEN);
        add(&table, vec![device.reports("1", Kind::Started, minute(11))], minute(11)).await;
    }
    for run in 1.. {
        let erasings = table.store.erasings().await.unwrap();
        let mut budget = LookBudget::new(usize::MAX, &|| false);
        let looked = table.store.end_erasings_of_table(&erasings, &mut budget, minute(16)).await.unwrap();
        assert!(run < 10);
        if looked == Looked::Clean {
            break;
        }
    }
    assert!(!table.store.erasings().await.unwrap()[0].is_due(minute(16)), "the table's part is done");
    table.drop().await;
}

/// One runner has ended both parts, and is about to delete the job when another finds something late.
pub async fn a_job_that_is_opened_again_as_it_ends_stays(engine: &Engine) {
    for is_gone in [false, true] {
        let table = table(engine).await;
        let before = settings(&table).await;
        let devices: Vec<Device> =
            (0..6).map(|number| Device::serial(format!("ADELES-{number}")).and_user(ADELE)).collect();
        for device in &devices[..5] {
            add(&table, vec![device.reports("1", Kind::Started, minute(0))], minute(1)).await;
        }
        let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
        let small = table.store.clone().with_erasure_pages(100);
        small.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, ("x", "tester"), minute(10)).await.unwrap();
        let erasing = table.store.erasings().await.unwrap().remove(0);
        table.store.end_erasing_of_files(&erasing).await.unwrap();
        // The first deletion of the runner is that of the job, the second that of a page.
        let (arrived, has_arrived) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel();
        let (passed, _) = oneshot::channel();
        let (pass, may_pass) = oneshot::channel();
        pass.send(()).unwrap();
        let mut holds = vec![Fault::Hold(arrived, may_go_on)];
        if is_gone {
            holds.insert(0, Fault::Hold(passed, may_pass));
        }
        let proxy = Proxy::start(&table.endpoint, "DeleteItem", holds).await;
        let slow = table.store_via(proxy.endpoint(), 1);
        let ending = async { slow.end_erasing_of_table(&erasing, minute(16)).await.unwrap() };
        let finding = async {
            has_arrived.await.unwrap();
            let late = devices[5].reports("late", Kind::StepEntered, minute(5));
            table.another_store().add_events(&tenant(), &before, vec![late], minute(12)).await.unwrap();
            let other = table.another_store().with_erasure_pages(100);
            let is_clean = other.end_erasing_of_table(&erasing, minute(17)).await.unwrap();
            go_on.send(()).unwrap();
            assert!(!is_clean);
        };
        let (is_clean, ()) = futures::future::join(ending, finding).await;
        assert!(is_clean, "it found nothing");
        let open = table.store.erasings().await.unwrap();
        assert_eq!(open.len(), 1, "what was found waits for a file without it");
        assert!(!open[0].files_done() && open[0].mark() != erasing.mark());
        assert_eq!(open[0].items().len(), 6, "it knows what was erased, and what was found: {:?}", open[0].items());
        end(&table, minute(18)).await;
        nothing_names(&table, &["adele"]).await;
        let left = table.store.erasures_under_way(minute(200)).await.unwrap().left;
        table.store.delete_left_pages(&left).await.unwrap();
        let jobs = table.items().await.into_iter().filter(|item| text(item, "pk") == Some("erasing"));
        assert_eq!(jobs.count(), 0);
        table.drop().await;
    }
}

/// A process died between the pages and the job, or between the job and the pages.
pub async fn pages_without_a_job_are_found(engine: &Engine) {
    let table = table(engine).await;
    for number in 0..9 {
        let device = Device::serial(format!("ADELES-{number}")).and_user(ADELE);
        add(&table, vec![device.reports("1", Kind::Started, minute(0))], minute(1)).await;
    }
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let small = table.store.clone().with_erasure_pages(100);
    small.erase(&contoso, &user(ADELE), OlderFiles::Rebuild, ("x", "tester"), minute(10)).await.unwrap();
    assert_eq!(table.store.erasures_under_way(minute(10_000)).await.unwrap().left, [], "its job names them");
    let mut job = table.items().await.into_iter().find(|item| text(item, "sk") == Some("contoso#x")).unwrap();
    let whole = job.clone();
    job.retain(|name, _| name == "pk" || name == "sk");
    table.client.delete_item().table_name(&table.name).set_key(Some(job)).send().await.unwrap();
    assert_eq!(table.store.erasures_under_way(minute(69)).await.unwrap().left, [], "the job may still be written");
    let left = table.store.erasures_under_way(minute(70)).await.unwrap().left;
    assert!(left.len() >= 3 && left.iter().all(|page| page.tenant == tenant() && page.written == minute(10)));
    table.store.delete_left_pages(&left).await.unwrap();
    assert_eq!(table.items().await.iter().filter(|item| text(item, "pk") == Some("erasing")).count(), 0);
    // The job alone ends as well.
    table.put(whole).await;
    end(&table, minute(80)).await;
    table.drop().await;
}

/// A writer that knew nothing of the erasure stored them; what others did stays in the sums.
pub async fn steps_that_came_late_leave_the_sums(engine: &Engine) {
    let table = table(engine).await;
    let sign_in = |user: &str, at| {
        let steps = WebSteps::of(WebStep::PortalSignIn, true);
        (SignIn { user_id: user.to_owned(), platform: Platform::Ios, at, steps }, log_day(at))
    };
    let (yesterday, kept_for) = (T0 - Millis::from_days(1), Millis::from_days(90));
    let contoso = table.store.tenant(&tenant()).await.unwrap().unwrap();
    let subject = user("ADELES-ID");
    table.store.erase(&contoso, &subject, OlderFiles::Rebuild, ("x", "tester"), minute(10)).await.unwrap();
    let late = [sign_in("adeles-id", yesterday), sign_in("adeles-id", minute(5)), sign_in("bens-id", yesterday)];
    table.another_store().add_sign_ins(&tenant(), &late, kept_for).await.unwrap();
    let people = async || -> u64 {
        let days = table.store.consistently().web_days(&tenant(), log_day(yesterday)).await.unwrap();
        days.values().flat_map(|sums| sums.values()).sum()
    };
    assert_eq!(people().await, 3);
    let erasing = table.store.erasings().await.unwrap().remove(0);
    table.store.end_erasing_of_files(&erasing).await.unwrap();
    assert!(!table.store.end_erasing_of_table(&erasing, minute(16)).await.unwrap(), "it found something");
    assert_eq!(people().await, 1);
    assert!(!table.store.erasings().await.unwrap()[0].files_done(), "a file may count them");
    end(&table, minute(17)).await;
    assert_eq!(people().await, 1);
    table.drop().await;
}

/// It goes on where it was, and looks at the whole table at its end.
pub async fn a_removal_that_was_interrupted_goes_on(engine: &Engine) {
    let table = table(engine).await;
    let settings = settings(&table).await;
    for number in 0..20 {
        let event = Device::serial(format!("SERIAL-{number}")).reports("1", Kind::Started, minute(0));
        table.store.add_events(&tenant(), &settings, vec![event], minute(1)).await.unwrap();
    }
    table.store.take_export(&tenant(), "other", minute(1), ExportReason::Nightly, minute(1)).await.unwrap();
    table.store.begin_removal(&tenant(), minute(2)).await.unwrap();
    let begun = table.store.erasings().await.unwrap().remove(0);
    assert!(begun.of_tenant() && !begun.is_due(minute(8)) && begun.due_at() > minute(10), "an export is under way");
    // Its place is kept; an item before it was stored meanwhile.
    let key = found(&table, "SERIAL-7", minute(2)).await.unwrap().key;
    let mut job = table.items().await.into_iter().find(|item| text(item, "sk") == Some("contoso#tenant")).unwrap();
    let content = text(&job, "c").unwrap().replace("\"scanned\":null", &format!("\"scanned\":[\"{key}\",\"h\"]"));
    assert!(content.contains(key.as_str()));
    job.insert("c".to_owned(), AttributeValue::S(content));
    table.put(job).await;
    let proxy = Proxy::start(&table.endpoint, "DeleteItem", [Fault::Fail]).await;
    assert!(table.store_via(proxy.endpoint(), 1).remove_tenant(&tenant(), minute(3)).await.is_err());
    table.store.begin_removal(&tenant(), minute(4)).await.unwrap();
    table.store.remove_tenant(&tenant(), minute(4)).await.unwrap();
    assert!(table.store.erasings().await.unwrap()[0].due_at() > minute(10));
    end(&table, minute(20)).await;
    assert_eq!(table.items().await.iter().filter(|item| format!("{item:?}").contains("contoso")).count(), 0);
    table.drop().await;
}
