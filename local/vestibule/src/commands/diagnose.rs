//! `diagnose`: what the API's diagnostics say, for reading.

use crate::app::App;
use crate::cli::Common;
use crate::output::{Lines, answer};
use vestibule_platform::BoxError;
use vestibule_report::diagnosis::{Device, Diagnosis, Finding, Past};
use vestibule_words::form::{instant_of, plural, seconds};
use vestibule_words::{List, words as words_of};

/// Most attempts shown. The API lists more.
const MOST_SHOWN: usize = 10;

pub async fn run(name: &str, user: Option<&str>, device: Option<&str>, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let tenant = app.tenant(name).await?;
    let subject = admin_api::subject(tenant.pseudonyms()?, user, device)?;
    let known = admin_api::known_to_diagnostics(&app.store, &tenant, app.now(), true).await?;
    let archive = app.exporter.archive();
    let diagnosis = archive.ask(&tenant, app.now(), move |reader| reader.diagnose(&subject, known)).await?;
    app.close().await?;
    let value = serde_json::to_value(&diagnosis)?;
    let about = user.or(device).unwrap_or_default();
    answer(common.json, &value, || words(about, &diagnosis));
    Ok(())
}

fn words(about: &str, diagnosis: &Diagnosis) -> Lines {
    let mut out = Lines::default();
    writeln!(out, "{about}: {}", diagnosis.summary);
    for device in &diagnosis.choices {
        let last = device.last_activity_at.as_deref().map_or_else(|| "no attempt".to_owned(), instant_of);
        writeln!(out, "  {}: {}, last heard of {last}", device.enrollment_key, named(device));
    }
    for judged in &diagnosis.devices {
        let state = match (judged.device.enrolled, judged.device.compliant) {
            (true, true) => "enrolled, compliant",
            (true, false) => "enrolled",
            (false, _) => "not enrolled",
        };
        writeln!(out, "  {}: {state}", named(&judged.device));
        if diagnosis.devices.len() > 1 {
            writeln!(out, "    {}", judged.summary);
        }
    }
    for one in &diagnosis.findings {
        let several = diagnosis.devices.len() > 1;
        let device = one.device_name.as_ref().or(one.enrollment_key.as_ref()).filter(|_| several);
        finding(&mut out, one, device);
    }
    if !diagnosis.attempts.is_empty() {
        let worked = &diagnosis.ever_worked;
        let last =
            worked.last_completed_at.as_deref().map(|at| format!(", last on {}", instant_of(at))).unwrap_or_default();
        out.blank();
        writeln!(out, "Attempts (completed so far: {}{last})", worked.completed_attempts);
    }
    for past in diagnosis.attempts.iter().take(MOST_SHOWN) {
        writeln!(out, "  {}", attempt(past));
    }
    if diagnosis.attempts.len() > MOST_SHOWN {
        writeln!(out, "  and {} earlier ones", diagnosis.attempts.len() - MOST_SHOWN);
    }
    if !diagnosis.collect.is_empty() {
        out.blank();
        writeln!(out, "Find out besides");
    }
    for one in &diagnosis.collect {
        let platform = one.platform.map(|name| format!(" ({})", words_of(List::Platform, name))).unwrap_or_default();
        writeln!(out, "  {}{platform}: {}", one.what, one.how);
    }
    out
}

/// A device with all its known names.
fn named(device: &Device) -> String {
    let names = [&device.device_name, &device.model, &device.serial_number, &device.user_principal_name];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    let platform = device.platform.as_deref();
    let platform = platform.map_or_else(|| "platform not reported".into(), |name| words_of(List::Platform, name));
    format!("{platform} {}", names.join(", "))
}

/// A finding, with the name of its device if there are several.
fn finding(out: &mut Lines, finding: &Finding, device: Option<&String>) {
    let severity = words_of(List::Severity, finding.severity.name());
    let on = device.map(|name| format!(" ({name})")).unwrap_or_default();
    out.blank();
    writeln!(out, "{}. {severity}{on}: {}", finding.rank, finding.title);
    for line in &finding.evidence {
        writeln!(out, "   {line}");
    }
    if let Some(session) = &finding.session_id {
        writeln!(out, "   The session: {session}");
    }
    if let Some(others) = &finding.others {
        let platforms: Vec<_> = others.platforms.iter().map(|name| words_of(List::Platform, name)).collect();
        writeln!(
            out,
            "   Others too: {} of {} ({}), from {} to {}.",
            plural(others.devices, "device", "devices"),
            plural(others.users, "person", "people"),
            platforms.join(", "),
            instant_of(&others.since),
            instant_of(&others.until)
        );
    }
    if !finding.cause.is_empty() {
        writeln!(out, "   Why: {}", finding.cause);
    }
    for (number, step) in (1..).zip(&finding.steps) {
        writeln!(out, "   {number}) {step}");
    }
    for other in finding.advice.iter().skip(1) {
        writeln!(out, "   It can also mean: {}", other.problem);
    }
}

/// An attempt: start, outcome, cause, place and duration.
fn attempt(past: &Past) -> String {
    let shown = &past.attempt;
    let named = |list, name: &Option<String>| name.as_deref().map(|name| words_of(list, name).into_owned());
    let outcome = words_of(List::Outcome, &shown.outcome).into_owned();
    let why = [named(List::Cause, &shown.cause), shown.failure_code.clone(), shown.failure_reason.clone()];
    let section = named(List::Section, &shown.section);
    let place = [section, named(List::Action, &shown.action), named(List::Screen, &shown.screen)];
    let mut place: Vec<String> = place.into_iter().flatten().collect();
    // A section, a step and a screen may have the same name.
    place.dedup();
    #[allow(clippy::cast_precision_loss, reason = "seconds of an attempt")]
    let took = past.duration_seconds.map(|took| seconds(Some(took as f64)));
    let why: Vec<String> = why.into_iter().flatten().collect();
    let parts = [outcome, why.join(", "), place.join(" / "), took.unwrap_or_default()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}  {}", instant_of(&shown.started_at), parts.join("; "))
}
