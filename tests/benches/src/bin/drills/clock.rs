//! The machine's clock is set while the program serves: two hours back, two hours ahead, a year ahead, and right again
//! each time. After each, an event signed by that clock is stored, answers and their dates are of that time, a requested
//! file is made, and `export` works beside.

use crate::goals::Goals;
use vestibule_benches::BoxError;
use vestibule_benches::load::TENANT;
use vestibule_domain::Millis;
use vestibule_program_tests::{Client, Folder, SetClock, eventually};

const SETTINGS: [(&str, Millis); 7] = [
    ("right", Millis::new(0)),
    ("two hours back", Millis::from_minutes(-120)),
    ("right again", Millis::new(0)),
    ("two hours ahead", Millis::from_minutes(120)),
    ("right again", Millis::new(0)),
    ("a year ahead", Millis::from_days(365)),
    ("right again", Millis::new(0)),
];

pub(crate) async fn run(goals: &mut Goals) -> Result<(), BoxError> {
    let folder = Folder::new();
    let tenant = folder.add_tenant(TENANT);
    let clock = SetClock::new(&folder);
    let serve = folder.serve_with(&clock.environment());
    let anybody = Client::new(&serve.url, "");
    for (number, (what, off)) in (1..).zip(SETTINGS) {
        clock.set(off);
        clock.all_goes_on(number, &folder, &serve, &tenant).await;
        eventually("it is ready", async || (anybody.get("/readyz").await.status == 200).then_some(())).await;
        goals.must(what, true, "events, answers, files and readiness are right");
    }
    let log = serve.log();
    let skewed = log.lines().filter(|line| line.to_lowercase().contains("skew")).count();
    goals.must("no call is refused for its time", skewed == 0, &format!("{skewed}"));
    let ended = serve.terminate().code();
    goals.must("it stops when asked", ended == Some(0), &format!("{ended:?}"));
    Ok(())
}
