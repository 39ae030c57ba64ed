//! Names of apps: they are read if they were chosen, kept as they are in Intune, and bounded.

use serde_json::{Value, json};
use vestibule_domain::esp::AppNames;
use vestibule_graph_tests::{Fault, Services, id};

const LIST: &str = "mobileApps";
const NAME: &str = "mobile-apps";

fn app(number: u32, name: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.win32LobApp", "id": format!("0a1b2c3d-0000-4000-8000-{number:012}"),
        "displayName": name})
}

async fn services() -> Services {
    let services = Services::start().await;
    for list in [
        "managedDevices",
        "windowsAutopilotDeviceIdentities",
        "troubleshootingEvents",
        "autopilotEvents",
        "deviceEnrollmentConfigurations",
    ] {
        services.fake.set(list, vec![]);
    }
    services.fake.set(LIST, vec![app(1, "Contoso VPN"), app(2, "Microsoft 365")]);
    services
}

async fn names(services: &Services) -> AppNames {
    services.store.app_names(&id("contoso")).await.unwrap()
}

fn all(names: &AppNames) -> Vec<&str> {
    names.iter().map(|(_, name)| name).collect()
}

#[tokio::test]
async fn chosen_names_are_read_once_a_day_and_kept_as_they_are_in_intune() {
    let services = services().await;
    services.run().await;
    assert!(services.fake.asked().iter().all(|asked| !asked.path.ends_with(LIST)));
    assert!(names(&services).await.is_empty());

    services.choose(&[NAME]).await;
    services.fake.page_size(1);
    services.run().await;
    let asked: Vec<_> = services.fake.asked().into_iter().filter(|asked| asked.path.ends_with(LIST)).collect();
    assert_eq!((asked.len(), asked[0].query.as_str()), (2, "$select=id,displayName"));
    assert_eq!(all(&names(&services).await), ["Contoso VPN", "Microsoft 365"]);
    assert_eq!(services.list(NAME).await.rows, 2);

    services.fake.set(LIST, vec![app(2, "Microsoft 365 Apps")]);
    services.pass(23 * 60);
    services.run().await;
    assert_eq!(all(&names(&services).await).len(), 2);
    services.pass(60);
    services.run().await;
    assert_eq!(all(&names(&services).await), ["Microsoft 365 Apps"]);
    // Unchanged names are not written again.
    services.pass(24 * 60);
    let before = services.everything().await;
    services.run().await;
    let names_alone =
        |items: Vec<String>| items.into_iter().filter(|item| item.contains("\"apps\"")).collect::<Vec<_>>();
    assert_eq!(names_alone(services.everything().await), names_alone(before));

    // When the list is no longer chosen, the names stay as they were.
    services.choose(&[]).await;
    services.fake.set(LIST, vec![]);
    services.pass(48 * 60);
    services.run().await;
    assert_eq!(all(&names(&services).await), ["Microsoft 365 Apps"]);
}

#[tokio::test]
async fn too_many_names_are_cut_and_a_list_that_breaks_off_changes_nothing() {
    let services = services().await;
    services.choose(&[NAME]).await;
    services.run().await;
    services.fake.page_size(1_000);
    // All names differ, so that they deflate badly.
    let long = |number: u32| format!("{:x}{:x}", number.wrapping_mul(2_654_435_761), number.wrapping_mul(0x9e37_79b9));
    services.fake.set(LIST, (0..20_500).map(|number| app(number, &long(number))).collect());
    services.fake.fault(LIST, Fault::OldLink);
    services.pass(24 * 60);
    services.run().await;
    assert!(services.list(NAME).await.last_error.unwrap().contains("does not understand"));
    assert_eq!(names(&services).await.len(), 2);
    services.fake.mend();
    services.pass(48 * 60);
    services.run().await;
    let state = services.list(NAME).await;
    let kept = names(&services).await.len();
    assert!((2_000..20_000).contains(&kept), "{kept}");
    assert_eq!(state.last_error, Some(format!("only {kept} names of apps are kept; the others go by their ids")));
    assert_eq!((state.rows, state.failures), (20_500, 0));

    services.fake.fault(LIST, Fault::Always(403, None, ""));
    let checked = services.puller().check(&id("contoso")).await.unwrap();
    let found = &checked.last().unwrap().found;
    assert!(found.starts_with("missing permission DeviceManagementApps.Read.All"), "{found}");
}
