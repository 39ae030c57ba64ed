//! `export-person`: everything that is kept about somebody, for an access request.

use crate::app::App;
use crate::cli::Common;
use crate::commands::erase::subject;
use crate::output::{Lines, answer};
use serde_json::Value;
use vestibule_platform::BoxError;

pub async fn run(name: &str, user: Option<String>, device: Option<String>, common: &Common) -> Result<(), BoxError> {
    let subject = subject(user, device)?;
    let app = App::open(&common.place).await?;
    let tenant = app.tenant(name).await?;
    let kept = app.store.kept_about(&tenant, &subject, app.now()).await?;
    let value = admin_api::kept_about(&tenant, &kept, app.now());
    app.close().await?;
    answer(common.json, &value, || words(&value));
    Ok(())
}

fn words(kept: &Value) -> Lines {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = Lines::default();
    let devices = list(&kept["devices"]);
    writeln!(lines, "{} devices", devices.len());
    for device in devices {
        let names: Vec<String> = list(&device["identifiers"]).iter().map(|one| text(&one["value"])).collect();
        let others = if device["whole"] == true { "" } else { " (others used it too: only this person's part)" };
        lines.blank();
        writeln!(lines, "{}{others}", names.join(", "));
        for attempt in list(&device["attempts"]) {
            writeln!(lines, "  attempt {} from {}", text(&attempt["outcome"]), text(&attempt["startedAt"]));
        }
        for event in list(&device["events"]) {
            writeln!(lines, "  {} {} {}", text(&event["time"]), event["about"], event["reported"]);
        }
    }
    for day in list(&kept["webEnrollment"]) {
        writeln!(lines, "Web-based enrollment on {}, {}: {}", text(&day["day"]), text(&day["platform"]), day["steps"]);
    }
    lines
}
