//! What the delivery log costs. A source posts a number of events a minute, one in each request, through the webhook
//! itself.

use crate::{BoxError, Table};
use http::Request;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_intake::Hook;
use vestibule_platform::Clock;
use vestibule_store::{Cause, Secret, SettingsHistory, Tenant, Units};
use vestibule_webhook::proof::Proof;

const BEGIN: i64 = 4_000_000_000_000;
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const HOOK: &str = "/hooks/contoso/enrollment-events";

/// The cost of the log of a source's traffic.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Events posted.
    pub events: usize,
    /// Minutes over which they were posted.
    pub minutes: usize,
    /// Units of only the log.
    pub units: Units,
}

/// Posts `events_a_minute` events a minute for `minutes` minutes. Of ten, six are new, one is a duplicate, two are of
/// ignored types and one is refused.
///
/// # Errors
/// If the table fails.
pub async fn log(events_a_minute: usize, minutes: usize) -> Result<Cost, BoxError> {
    let table = Table::start().await?;
    let mut tenant = Tenant {
        id: TenantId::parse("contoso")?,
        created_at: Timestamp::from_millis(BEGIN),
        settings: TenantSettings::default(),
        webhook_secrets: vec![Secret::new(SECRET)],
        sources: Vec::new(),
        source_settings: BTreeMap::new(),
        tokens: Vec::new(),
        sign_in_codes: Vec::new(),
        pseudonym_key: Secret::new("00".repeat(32)).into(),
        settings_history: SettingsHistory::default(),
        version: 0,
        feed: None,
        sealing: vestibule_store::Sealing::default(),
    };
    table.store.create_tenant(&mut tenant).await?;
    let now = Arc::new(AtomicI64::new(BEGIN));
    let clock = Arc::clone(&now);
    let hook = Hook::new(table.store.clone(), Clock::driven(move || clock.load(Ordering::SeqCst)));
    let pause = 60_000 / i64::try_from(events_a_minute.max(1))?;
    let events = events_a_minute * minutes;
    for number in 0..events {
        let at = Timestamp::from_millis(now.fetch_add(pause, Ordering::SeqCst) + pause);
        let body = event(number, at);
        let headers = Proof::StandardWebhooks.headers(SECRET, &body, at).ok_or("the secret is malformed")?;
        let request =
            headers.into_iter().fold(Request::post(HOOK), |request, (name, value)| request.header(name, value));
        let status = hook.handle(request.body(body.into())?).await.status();
        if !status.is_success() && number % 10 != 9 {
            return Err(format!("event {number} was answered {status}").into());
        }
    }
    let units = table.store.meter().by_cause().get(&Cause::Deliveries).copied().unwrap_or_default();
    Ok(Cost { events, minutes, units })
}

fn event(number: usize, at: Timestamp) -> Vec<u8> {
    let kind = match number % 10 {
        7 => "com.example.agent.heartbeat",
        8 => "com.example.agent.inventory",
        _ => "enrollment.step.entered",
    };
    let device = match number % 10 {
        9 => json!({"name": "without an identifier"}),
        _ => json!({"serialNumber": format!("SERIAL{:05}", number % 500)}),
    };
    let id = if number % 10 == 6 { number - 1 } else { number };
    let event = json!({
        "specversion": "1.0", "id": id.to_string(), "source": "urn:benches", "type": kind, "time": at.to_string(),
        "data": {"device": device, "platform": "ios", "action": "iOSProfileLaunch", "screen": "installProfile"},
    });
    event.to_string().into_bytes()
}
