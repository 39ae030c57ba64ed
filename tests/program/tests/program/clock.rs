//! The machine's clock is set while `serve` runs.
#![cfg(target_os = "linux")]

use vestibule_domain::Millis;
use vestibule_program_tests::{Client, Folder, SetClock, eventually};

#[tokio::test]
async fn two_hours_back_and_on_again_stop_nothing() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let clock = SetClock::new(&folder);
    let serve = folder.serve_with(&clock.environment());
    for (number, hours) in (1..).zip([0, -2, 0, 2, 0]) {
        clock.set(Millis::from_minutes(60 * hours));
        clock.all_goes_on(number, &folder, &serve, &contoso).await;
    }
    let log = serve.log();
    assert!(!log.contains("Skewed") && !log.contains("skew"), "{log}");
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test]
async fn schedules_run_at_once_after_a_suspension() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let clock = SetClock::new(&folder);
    // A minute and a half after the quarter of an hour: no timer brings the next tick soon, and no run of a minute is under
    // way when the clock jumps.
    const QUARTER: i64 = 900_000;
    let past = clock.now().millis().rem_euclid(QUARTER);
    let begin = QUARTER - past + 90_000;
    clock.set(Millis::new(begin));
    let serve = folder.serve_with(&clock.environment());
    let anybody = Client::new(&serve.url, "");
    assert_eq!(anybody.get("/readyz").await.status, 200);
    // Timers stood still meanwhile, and the time of day went on.
    clock.set(Millis::new(begin + 3_600_000));
    eventually("it is ready again", async || (anybody.get("/readyz").await.status == 200).then_some(())).await;
    assert_eq!(serve.terminate().code(), Some(0));
}
