//! Microsoft Graph's lists, read by the function's own binary: a tick, its request, and what is published about the
//! devices.

use serde_json::{Value, json};
use vestibule_domain::{Millis, TenantSettings, Timestamp};
use vestibule_e2e::Stack;
use vestibule_graph_tests::{Fake, device, pending};
use vestibule_store::{PullApp, Secret};

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_requests_a_run_which_stores_graphs_lists() {
    let fake = Fake::with_app("contoso.example", "client", "secret").await;
    let enrolled = now() - Millis::from_minutes(30);
    fake.set("managedDevices", (1..=3).map(|number| device(number, enrolled, "compliant")).collect());
    fake.set("windowsAutopilotDeviceIdentities", vec![pending(9)]);
    for list in ["troubleshootingEvents", "autopilotEvents", "deviceEnrollmentConfigurations"] {
        fake.set(list, vec![]);
    }
    let mut stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let app = PullApp {
        directory: "contoso.example".to_owned(),
        client: "client".to_owned(),
        cloud: "global".to_owned(),
        added_at: now(),
        expires_at: None,
        chosen: std::collections::BTreeSet::new(),
    };
    stack.store.set_pull(&tenancy.tenant.id, app, &Secret::new("secret"), now()).await.unwrap();
    let url = fake.url();
    stack.add("another", "graph-pull", &[("GRAPH_URL", &url), ("GRAPH_LOGIN_URL", &url)]);

    let tick = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
    assert_eq!(stack.invoke("another", &tick).await, json!({"requested": 1, "waiting": 0}));
    assert_eq!(stack.published("GraphPullRequested"), [json!({"tenant": "contoso"})]);
    stack.host.settle(&stack.functions(&[("graph-pull", "another")])).await.unwrap();
    let lists = stack.store.pull_lists(&tenancy.tenant.id).await.unwrap();
    let rows: Vec<(&str, u64, bool)> =
        lists.iter().map(|(name, list)| (name.as_str(), list.rows, list.last_error.is_some())).collect();
    assert_eq!(
        rows,
        [
            ("autopilot-devices", 1, false),
            ("autopilot-events", 0, false),
            ("esp-profiles", 0, false),
            ("managed-devices", 3, false),
            ("troubleshooting-events", 0, false),
        ]
    );
    // When the request is delivered a second time, nothing is due.
    let request = json!({"detail-type": "GraphPullRequested", "detail": {"tenant": "contoso"}});
    assert_eq!(stack.invoke("another", &request).await["lists"], json!([]));
    stack.settle().await;
    let completed: Vec<Value> = stack.published("EnrollmentCompleted");
    assert_eq!(completed.len(), 3, "{completed:?}");
}
