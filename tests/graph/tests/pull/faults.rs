//! Pulls with faults: the state of the lists, and that the table finally has the same content as without them.

use graph_pull::{Ran, Which};
use serde_json::json;
use vestibule_domain::Millis;
use vestibule_graph_tests::{Fault, Services, device, id, pending};
use vestibule_store::PullList;

const LIST: &str = "managedDevices";

/// Services in which only the list of managed devices has records.
async fn services(devices: u32) -> Services {
    let services = Services::start().await;
    for list in [
        "windowsAutopilotDeviceIdentities",
        "troubleshootingEvents",
        "autopilotEvents",
        "deviceEnrollmentConfigurations",
    ] {
        services.fake.set(list, vec![]);
    }
    services.fake.set(LIST, devices_of(&services, devices));
    services
}

fn devices_of(services: &Services, count: u32) -> Vec<serde_json::Value> {
    let enrolled = |number: u32| services.now() - Millis::from_minutes(i64::from(10 + number));
    (1..=count).map(|number| device(number, enrolled(number), "compliant")).collect()
}

fn problem(ran: &Ran) -> Option<&str> {
    ran.lists.iter().find(|list| list.list == "managed-devices").unwrap().problem.as_deref()
}

async fn state(services: &Services) -> PullList {
    services.list("managed-devices").await
}

/// How many seconds until the list is read again.
async fn waits(services: &Services) -> i64 {
    (state(services).await.backoff_until.unwrap() - services.now()).get() / 1_000
}

#[tokio::test]
async fn a_list_of_one_two_and_two_hundred_pages_is_the_same_list() {
    let mut first = None;
    for page_size in [200, 100, 1] {
        let services = services(200).await;
        services.fake.page_size(page_size);
        let ran = services.run().await;
        assert_eq!((problem(&ran), ran.lists[0].rows, ran.lists[0].new), (None, 200, 200));
        let table = services.enrollments().await;
        assert!(table.len() >= 200);
        assert_eq!(first.get_or_insert(table.clone()), &table, "{page_size}");
    }
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    for link in [
        "https://evil.example/v1.0/deviceManagement/managedDevices",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "nothing",
    ] {
        let services = services(3).await;
        services.fake.fault(LIST, Fault::ForeignLink(link));
        assert_eq!(problem(&services.run().await), Some("a link to the next page leads to another host"));
        assert!(waits(&services).await >= 3_600);
    }
    // A link that leads to its own page for ever.
    let services = services(3).await;
    services.fake.fault(LIST, Fault::Circle);
    assert_eq!(problem(&services.run().await), Some("the list does not end"));
}

#[tokio::test]
async fn a_pause_that_graph_requests_is_kept() {
    let services = services(3).await;
    services.fake.fault(LIST, Fault::Always(429, Some("700"), ""));
    assert_eq!(problem(&services.run().await), Some("Graph asks for a pause (429)"));
    assert_eq!((waits(&services).await, state(&services).await.last_status), (700, Some(429)));
    services.fake.asked();
    services.pass(5);
    services.run().await;
    assert!(services.fake.asked().iter().all(|asked| !asked.path.ends_with(LIST)), "the list is not read in the pause");
    services.fake.mend();
    services.pass(7);
    assert_eq!(problem(&services.run().await), None);
    let state = state(&services).await;
    assert_eq!((state.failures, state.backoff_until, state.last_error), (0, None, None));
}

#[tokio::test]
async fn without_a_retry_after_it_is_retried_less_and_less_often() {
    for (status, body) in
        [(429, ""), (503, ""), (504, ""), (500, "{\"error\":{\"message\":\"Rate limit is exceeded\"}}"), (500, "oops")]
    {
        let services = services(1).await;
        services.fake.fault(LIST, Fault::Always(status, None, body));
        for middle in [60, 120, 240, 480, 960, 1_800, 1_800] {
            let ran = services.puller().run(&id("contoso"), Which::All).await.unwrap();
            assert!(problem(&ran).is_some_and(|words| words.contains(&status.to_string())), "{ran:?}");
            let waits = waits(&services).await;
            assert!((middle * 3 / 4..=middle * 5 / 4).contains(&waits), "{status}: {waits} of {middle}");
        }
    }
}

#[tokio::test]
async fn a_missing_permission_is_reported_and_the_other_lists_are_read() {
    let services = services(1).await;
    services.fake.set("windowsAutopilotDeviceIdentities", vec![pending(2)]);
    services.fake.fault(LIST, Fault::Always(403, None, "{\"error\":{\"code\":\"Forbidden\"}}"));
    let ran = services.run().await;
    assert!(problem(&ran).unwrap().starts_with("missing permission DeviceManagementManagedDevices.Read.All"));
    assert_eq!(waits(&services).await, 3_600);
    assert!(ran.lists[1..].iter().all(|list| list.problem.is_none()) && ran.lists[1].new == 1, "{ran:?}");
    // Intune answers a missing permission this way.
    services.fake.mend();
    services
        .fake
        .fault(LIST, Fault::Always(401, None, "{\"error\":{\"message\":\"{\\\"ErrorCode\\\":\\\"Forbidden\\\"}\"}}"));
    services.pass(61);
    let ran = services.run().await;
    assert!(problem(&ran).unwrap().starts_with("missing permission") && ran.lists.len() > 1, "{ran:?}");
}

#[tokio::test]
async fn if_the_filter_is_refused_the_whole_list_is_read_each_hour_and_filtered_here() {
    let services = services(2).await;
    let old = services.now()
        - services.store.tenant(&id("contoso")).await.unwrap().unwrap().settings.retention()
        - Millis::from_days(1);
    services.fake.change(LIST, |list| list.push(device(9, old, "compliant")));
    services.fake.fault(LIST, Fault::NoFilter);
    let ran = services.run().await;
    assert_eq!((problem(&ran), ran.lists[0].rows, ran.lists[0].new), (None, 3, 2));
    assert_eq!(services.fake.asked().iter().filter(|asked| asked.path.ends_with(LIST)).count(), 2);
    services.pass(30);
    services.run().await;
    services.pass(30);
    services.run().await;
    let queries: Vec<_> = services.fake.asked().into_iter().filter(|asked| asked.path.ends_with(LIST)).collect();
    assert!(queries.len() == 1 && queries[0].query.starts_with("$select="), "{queries:?}");
    // After some days, the filter is tried again.
    services.fake.mend();
    services.pass(8 * 24 * 60);
    services.run().await;
    assert!(services.fake.asked().iter().any(|asked| asked.query.starts_with("$filter=")));
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_is_renewed_once() {
    let services = services(30).await;
    services.fake.page_size(10);
    let fake = services.fake.clone();
    let pages = std::sync::atomic::AtomicUsize::new(0);
    services.fake.on_asked(move |asked| {
        if asked.path.ends_with(LIST) && pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            fake.end_tokens();
        }
    });
    assert_eq!(problem(&services.run().await), None);
    assert_eq!((services.fake.tokens_given(), services.list("managed-devices").await.rows), (2, 30));

    // A token that is about to expire is not used in its last minutes.
    services.pass(54);
    services.run().await;
    assert_eq!(services.fake.tokens_given(), 2);
    services.pass(5);
    services.run().await;
    assert_eq!(services.fake.tokens_given(), 3);

    // If the new token is refused as well, there is another problem.
    let services = self::services(1).await;
    services.fake.fault(LIST, Fault::Always(401, None, ""));
    let ran = services.run().await;
    assert_eq!(problem(&ran), Some("the app registration is not accepted: its token is refused"));
    assert_eq!(services.fake.tokens_given(), 2);
    assert!(ran.lists.iter().all(|list| list.problem.is_some()), "no list can be read: {ran:?}");
}

#[tokio::test]
async fn a_link_that_is_too_old_makes_the_list_begin_again() {
    let services = services(30).await;
    services.fake.page_size(10);
    services.fake.fault(LIST, Fault::OldLink);
    let ran = services.run().await;
    assert_eq!((problem(&ran), ran.lists[0].new), (None, 30));
    assert_eq!(services.list("managed-devices").await.rows, 30);
}

#[tokio::test]
async fn nothing_is_stored_of_an_answer_that_is_cut_too_large_or_not_of_graph() {
    for (fault, words) in [
        (Fault::Cut, "the connection to Graph was cut"),
        (Fault::Large(20 << 20), "the answer is larger than 8 MiB"),
        (Fault::Garbage, "the answer can't be read"),
    ] {
        let services = services(3).await;
        services.fake.fault(LIST, fault);
        assert_eq!(problem(&services.run().await), Some(words));
        services.fake.mend();
        services.pass(61);
        services.run().await;
        assert_eq!(services.list("managed-devices").await.rows, 3);
    }
}

#[tokio::test]
async fn a_run_that_is_out_of_time_requests_the_next_which_goes_on() {
    let services = services(300).await;
    services.fake.page_size(10);
    let passes = services.passing(4);
    services.fake.on_asked(move |_| passes());
    let request = json!({"detail-type": "GraphPullRequested", "detail": {"tenant": "contoso"}});
    let (mut runs, began) = (0, services.now());
    loop {
        let run_began = services.now();
        let ran = services.function().handle(request.clone()).await.unwrap();
        assert!((services.now() - run_began) <= Millis::from_seconds(54), "{ran}");
        runs += 1;
        if ran["unfinished"] == json!(false) {
            break;
        }
        assert_eq!(services.host.published().unwrap().len(), runs);
        assert!(runs < 20, "{ran}");
    }
    // The run reads 300 records in pages of 10, 4 seconds each, and the other lists.
    assert!((3..=5).contains(&runs), "{runs}");
    let state = state(&services).await;
    assert_eq!((state.rows, state.unfinished, state.whole_at), (300, None, Some(began)));
    let pages: Vec<_> = services.fake.asked().into_iter().filter(|asked| asked.path.ends_with(LIST)).collect();
    assert_eq!(pages.len(), 30, "no page twice");
}

/// If a run dies at any request, the next run gives the table the same content as an undisturbed run.
#[tokio::test]
async fn killed_between_any_two_steps_the_table_is_the_same_afterwards() {
    let undisturbed = services(25).await;
    undisturbed.fake.page_size(10);
    undisturbed.run().await;
    let expected = undisturbed.enrollments().await;
    for steps in 0..60 {
        let services = services(25).await;
        services.fake.page_size(10);
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
        let ran = services.run().await;
        assert!(!ran.under_way);
        services.pass(5);
        services.run().await;
        // Compliance and enrollment have times from Graph, so that nothing depends on the time of a run.
        assert_eq!(services.enrollments().await, expected, "{steps}");
    }
}

#[tokio::test]
async fn a_secret_is_in_its_own_item_and_nowhere_else() {
    const SECRET: &str = "hunter2-hunter2-hunter2";
    let services = Services::without_tenant().await;
    services.add("contoso", SECRET).await;
    services.fake.set(LIST, devices_of(&services, 2));
    for (status, body) in [
        (401, format!("{{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: {SECRET}\"}}")),
        (200, SECRET.to_owned()),
    ] {
        services.fake.refuse_token(status, &body);
        let ran = services.restarted().puller().run(&id("contoso"), Which::All).await.unwrap();
        assert!(!format!("{ran:?}").contains("hunter2"));
    }
    services.puller().run(&id("contoso"), Which::All).await.unwrap();
    let with: Vec<_> = services.everything().await.into_iter().filter(|item| item.contains("hunter2")).collect();
    assert_eq!(with.len(), 1);
    assert!(with[0].contains("g#contoso"), "it has its own partition, so that a role can be denied access to it");
    assert!(!format!("{:?}", services.function()).contains("hunter2"));
}
