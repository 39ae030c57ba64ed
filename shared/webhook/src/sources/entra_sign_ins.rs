//! Entra's sign-in logs, as far as they show somebody on a phone coming to enroll it: web-based enrollment (beta).
//!
//! <https://learn.microsoft.com/en-us/entra/identity/monitoring-health/concept-diagnostic-settings-logs-options> (the
//! categories SignInLogs and NonInteractiveUserSignInLogs of Entra's diagnostic settings),
//! <https://learn.microsoft.com/en-us/graph/api/resources/signin> (what `properties` of a record is, and what Graph's list
//! `{"value": […]}` has), <https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes> (the codes). Which
//! code stands for which step Microsoft's own sign-in library for iOS says (MSAL, `MSIDOnboardingBlobBuilder.m`).
//!
//! Must stay true: of everybody who signs in nearly nothing is looked at and nothing kept. A record that is no step of ours
//! leaves this module as no more than its time. Neither name, address, IP nor location is read.

use serde_json::{Map, Value};
use vestibule_domain::Timestamp;
use vestibule_domain::event::Platform;
use vestibule_domain::web_enrollment::{SignIn, WebStep, WebSteps};

/// The categories of sign-ins by people, and whether a person made them himself.
const CATEGORIES: [(&str, bool); 2] = [("SignInLogs", true), ("NonInteractiveUserSignInLogs", false)];
/// Intune's web Company Portal, and the Company Portal.
const PORTALS: [&str; 2] = ["74bcdadc-2fdc-4bb3-8459-76d06952a0e9", "9ba1a5c7-f17a-4de9-a1f1-6178c8d51223"];
/// Microsoft Intune Enrollment.
const ENROLLMENT: &str = "d4ebce55-015a-49b5-a083-c84d1797ae8c";
/// The service that registers devices in the directory.
const DEVICE_REGISTRATION: &str = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9";
/// Longest id of a user.
const MAX_ID: usize = 256;
/// Codes that say that the device must be enrolled, or managed.
const BLOCKED: [i64; 2] = [53000, 530_003];

/// The codes of sign-ins that may be a step wherever they lead: what to ask a log for.
pub const STEP_CODES: [i64; 16] = [
    50072, 50079, 50125, 50127, 501_271, 50129, 501_291, 53000, 53001, 53002, 53003, 53004, 53010, 530_001, 530_002,
    530_003,
];
/// The apps of sign-ins that may be a step with any other code.
pub const STEP_APPS: [&str; 4] = [PORTALS[0], PORTALS[1], ENROLLMENT, DEVICE_REGISTRATION];

/// What a code says within an enrollment. All others are no step.
const fn within(code: i64) -> Option<WebStep> {
    Some(match code {
        50072 | 50079 | 50125 => WebStep::MfaSetup,
        50127 | 501_271 => WebStep::BrokerInstall,
        50129 | 501_291 => WebStep::DeviceRegistration,
        530_001 | 530_002 => WebStep::ComplianceWait,
        53001..=53004 | 53010 => WebStep::PolicyBlocked,
        _ => return None,
    })
}

/// A sign-in: when it was, and what it says of an enrollment if anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// When.
    pub at: Timestamp,
    /// What it says.
    pub sign_in: Option<SignIn>,
}

/// Whether a record of diagnostic settings is a person's sign-in, by its category; then whether the person made it himself.
pub fn category(name: &str) -> Option<bool> {
    let name = name.trim();
    CATEGORIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, interactive)| *interactive)
}

/// Reads a record of diagnostic settings; `properties` is the sign-in. `None` where it has no time.
pub(crate) fn of_record(
    record: &Map<String, Value>,
    properties: Option<&Map<String, Value>>,
    interactive: bool,
) -> Option<Read> {
    let empty = Map::new();
    let sign_in = properties.unwrap_or(&empty);
    let at = time(sign_in, "createdDateTime").or_else(|| time(record, "time"))?;
    // What the log says of itself counts: an interactive record may only say that it is none.
    let interactive = interactive && sign_in.get("isInteractive").and_then(Value::as_bool) != Some(false);
    let code = code(sign_in).or_else(|| number(record.get("resultType")));
    Some(Read { at, sign_in: read(sign_in, at, code, interactive) })
}

/// Reads the sign-ins of a list as Graph answers it (`{"value": [signIn, …]}`), or of a list of them. What is no sign-in with a
/// time is left out. A list that was asked for interactive ones may have others all the same, and each says so.
pub fn of_graph(body: &Value, interactive: bool) -> Vec<Read> {
    let list = match body {
        Value::Array(list) => Some(list),
        Value::Object(map) => map.get("value").and_then(Value::as_array),
        _ => None,
    };
    let of = |sign_in| of_sign_in(sign_in, interactive);
    list.into_iter().flatten().filter_map(Value::as_object).filter_map(of).collect()
}

fn of_sign_in(sign_in: &Map<String, Value>, interactive: bool) -> Option<Read> {
    let at = time(sign_in, "createdDateTime")?;
    let interactive = interactive && sign_in.get("isInteractive").and_then(Value::as_bool) != Some(false);
    Some(Read { at, sign_in: read(sign_in, at, code(sign_in), interactive) })
}

fn read(sign_in: &Map<String, Value>, at: Timestamp, code: Option<i64>, interactive: bool) -> Option<SignIn> {
    let steps = steps(sign_in, code?, interactive);
    if steps.is_empty() {
        return None;
    }
    let device = sign_in.get("deviceDetail").and_then(Value::as_object)?;
    let platform = platform(device.get("operatingSystem").and_then(Value::as_str)?)?;
    let user_id = sign_in.get("userId").and_then(Value::as_str)?.trim().to_ascii_lowercase();
    // The nil UUID is nobody.
    let is_somebody = user_id.chars().any(|char| char.is_ascii_alphanumeric() && char != '0');
    (is_somebody && user_id.len() <= MAX_ID).then_some(SignIn { user_id, platform, at, steps })
}

/// The steps that a sign-in is; it may be several.
fn steps(sign_in: &Map<String, Value>, code: i64, interactive: bool) -> WebSteps {
    let goes_to = |id: &str| {
        ["appId", "resourceId"]
            .iter()
            .any(|name| sign_in.get(*name).and_then(Value::as_str).is_some_and(|it| is(it, id)))
    };
    let resource = sign_in.get("resourceId").and_then(Value::as_str).unwrap_or_default();
    // False is also what is not known.
    let managed = sign_in.get("deviceDetail").and_then(|device| device.get("isManaged")).and_then(Value::as_bool);
    let within = within(code);
    let found = [
        (BLOCKED.contains(&code) && managed != Some(true)).then_some(WebStep::AccessBlocked),
        ((code == 0 || within.is_some()) && PORTALS.iter().any(|id| goes_to(id))).then_some(WebStep::PortalSignIn),
        (code == 0 && goes_to(ENROLLMENT)).then_some(WebStep::EnrollmentSignIn),
        (code == 0 && is(resource, DEVICE_REGISTRATION)).then_some(WebStep::DeviceRegistration),
        within,
    ];
    found.into_iter().flatten().fold(WebSteps::NONE, |all, step| all.and(WebSteps::of(step, interactive)))
}

fn is(text: &str, id: &str) -> bool {
    text.trim().eq_ignore_ascii_case(id)
}

/// iOS (iPadOS among it) or Android, by a name with a version: `Ios 26.1`, `iPadOS`, `Android 16`.
fn platform(name: &str) -> Option<Platform> {
    let name = name.trim().to_ascii_lowercase();
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    match family.as_str() {
        "ios" | "ipados" | "ipad" | "iphone" => Some(Platform::Ios),
        "android" => Some(Platform::Android),
        _ => None,
    }
}

fn code(sign_in: &Map<String, Value>) -> Option<i64> {
    number(sign_in.get("status").and_then(|status| status.get("errorCode")))
}

/// A number, or a text of its digits.
fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn time(map: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    super::graph::read_time(map.get(name)?.as_str()?)
}
