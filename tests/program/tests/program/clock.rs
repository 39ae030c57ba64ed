//! The machine's clock is set while `serve` runs.
#![cfg(target_os = "linux")]

use reqwest::Method;
use serde_json::{Value, json};
use vestibule_domain::{Millis, Timestamp};
use vestibule_program_tests::{Answer, Client, Folder, Serve, SetClock, Tenant, enrollment, eventually};

const FILES: &str = "/api/reports/files";
/// How far from the clock an answer may be that was made a moment ago on a busy machine.
const NEAR: Millis = Millis::from_minutes(2);

fn instant(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().unwrap()).unwrap()
}

fn is_near(what: &str, at: Timestamp, clock: &SetClock) {
    let apart = (clock.now() - at).get().abs();
    assert!(apart < NEAR.get(), "{what}: {at} at {}", clock.now());
}

/// Everything that goes by the clock: an event signed now, an answer, its date, a file on request, and a command beside.
async fn all_goes_on(number: i64, folder: &Folder, serve: &Serve, contoso: &Tenant, clock: &SetClock) {
    let api = Client::new(&serve.url, &contoso.admin);
    let event = enrollment(&format!("e{number}"), "enrollment.started", clock.now(), &format!("SERIAL000{number}"));
    let signed = serve.sender(contoso).signed("enrollment-events", event.to_string().into_bytes(), clock.now());
    assert_eq!(Answer::of(signed.send().await.unwrap()).await.ok(202)["accepted"], 1);
    let status = api.get("/api/devices/enrollment-status").await;
    let date = status.headers["date"].to_str().unwrap().to_owned();
    is_near("the date", Timestamp::from_millis(1_000 * epoch_seconds(&date)), clock);
    is_near("an answer", instant(&status.ok(200)["asOf"]), clock);

    let asked = Answer::of(api.request(Method::POST, FILES).json(&json!({})).send().await.unwrap()).await.ok(202);
    let requested = instant(&asked["requestedAt"]);
    is_near("the request", requested, clock);
    let file = eventually("the requested file is listed", async || {
        let list = api.json(FILES).await;
        let made = list["files"].as_array().unwrap().iter().map(|file| instant(&file["asOf"]));
        made.filter(|made| *made >= requested && *made < requested + NEAR).max()
    })
    .await;
    is_near("the file", file, clock);
    let mut export = folder.command(&["export", "contoso"]);
    let exported = export.envs(clock.environment()).output().unwrap();
    let said = String::from_utf8_lossy(&exported.stderr);
    assert!(exported.status.success() && !said.contains("Skewed"), "{said}");
}

/// The seconds of `Sat, 21 Nov 2026 10:55:25 GMT`.
fn epoch_seconds(date: &str) -> i64 {
    let parts: Vec<&str> = date.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = 1 + month.iter().position(|name| *name == parts[2]).unwrap();
    let text = format!("{}-{month:02}-{}T{}Z", parts[3], parts[1], parts[4]);
    Timestamp::parse(&text).unwrap().seconds()
}

#[tokio::test]
async fn two_hours_back_and_on_again_stop_nothing() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let clock = SetClock::new(&folder);
    let serve = folder.serve_with(&clock.environment());
    for (number, hours) in (1..).zip([0, -2, 0, 2, 0]) {
        clock.set(Millis::from_minutes(60 * hours));
        all_goes_on(number, &folder, &serve, &contoso, &clock).await;
    }
    let log = serve.log();
    assert!(!log.contains("Skewed") && !log.contains("skew"), "{log}");
    assert_eq!(serve.terminate().code(), Some(0));
}
