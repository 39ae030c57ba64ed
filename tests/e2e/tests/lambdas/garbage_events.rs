//! Events as API Gateway would pass them on for requests that are malformed, and events that it would never pass on: the
//! functions' processes answer each, and live.

use crate::hooks::passed_on;
use serde_json::{Value, json};
use vestibule_domain::TenantSettings;
use vestibule_e2e::{Stack, Tenancy};

const FUNCTIONS: [&str; 3] = ["enrollment-events", "esp-status", "admin-api"];
/// Events of the everyday test, and of the long form.
const EVERYDAY: u64 = 2_000;
const MANY: u64 = 100_000;
/// Text that address, header and body cannot have, or can have in some places only.
const PIECES: [&str; 24] = [
    "\"", "<", ">", " ", "\u{7f}", "\n", "\r\n", "\0", "\u{1}", "#", "?", "&&", "=", "%", "%zz", "%00", "%ff", "é",
    "\u{202e}", "😀", "\\", "{", "..", "//",
];

/// Random numbers (SplitMix64): the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % most as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Some pieces, with letters between them.
    fn text(&mut self) -> String {
        let pieces = 1 + self.below(4);
        (0..pieces).map(|_| if self.below(3) == 0 { "a" } else { self.one_of(&PIECES) }).collect()
    }

    fn value(&mut self) -> Value {
        match self.below(8) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-7),
            3 => json!(1e300),
            4 => json!([self.text()]),
            5 => json!({self.text(): self.text()}),
            6 => json!("x".repeat(self.below(70_000))),
            _ => json!(self.text()),
        }
    }
}

/// What an event must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// 400: it is no request.
    BadRequest,
    /// Whatever the function says, but no error of ours.
    Any,
}

/// An event that is like a real one but for some changes.
fn event(random: &mut Random, function: &str, tenancy: &Tenancy) -> (Value, Wanted) {
    let (hook, method) = match function {
        "esp-status" => ("/hooks/contoso/esp-status", random.one_of(&["POST", "OPTIONS", "GET"])),
        "enrollment-events" => {
            let paths = ["/hooks/contoso/enrollment-events", "/hooks/contoso/jamf/secret", "/hooks/contoso/fleet"];
            (random.one_of(&paths), random.one_of(&["POST", "OPTIONS", "DELETE"]))
        }
        _ => {
            let paths = [
                "/",
                "/api/tenant",
                "/api/devices/5CG1/esp",
                "/api/session",
                "/assets/v/kit/words.js",
                "/api/reports/files",
            ];
            (random.one_of(&paths), random.one_of(&["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"]))
        }
    };
    let headers = json!({"host": "hooks.example", "authorization": format!("Bearer {}", tenancy.token)});
    let mut event = passed_on(method, "/{proxy+}", hook, headers);
    let mut wanted = Wanted::Any;
    for _ in 0..1 + random.below(2) {
        match random.below(10) {
            0 => event["rawQueryString"] = random.text().into(),
            1 => {
                let piece = random.one_of(&["\"", "<", ">", " ", "\u{7f}", "\n", "\0"]);
                event["rawQueryString"] = format!("backfill=true&a={piece}b").into();
                wanted = Wanted::BadRequest;
            }
            2 => event["rawPath"] = format!("{hook}/{}", random.text()).into(),
            3 => {
                event["headers"][random.text()] = random.text().into();
            }
            4 => {
                (event["body"], event["isBase64Encoded"]) = ("not base64 !".into(), true.into());
                wanted = Wanted::BadRequest;
            }
            5 => event["body"] = random.text().into(),
            6 => {
                let members = [
                    "rawPath",
                    "headers",
                    "requestContext",
                    "body",
                    "isBase64Encoded",
                    "rawQueryString",
                    "cookies",
                    "version",
                ];
                let member = random.one_of(&members);
                event.as_object_mut().unwrap().remove(member);
                if member == "rawPath" || member == "requestContext" {
                    wanted = Wanted::BadRequest;
                }
            }
            7 => {
                let member =
                    random.one_of(&["rawPath", "headers", "requestContext", "body", "isBase64Encoded", "cookies"]);
                event[member] = json!(7);
                wanted = Wanted::BadRequest;
            }
            8 => {
                let member =
                    random.one_of(&["rawPath", "rawQueryString", "headers", "cookies", "body", "stageVariables"]);
                event[member] = random.value();
            }
            _ => event["requestContext"]["http"]["method"] = random.text().into(),
        }
        if wanted == Wanted::BadRequest {
            break;
        }
        if !event["headers"].is_object() || !event["requestContext"]["http"].is_object() {
            break;
        }
    }
    (event, wanted)
}

async fn send_garbage(stack: &Stack, function: &str, tenancy: &Tenancy, seed: u64, events: u64) {
    let mut random = Random(seed);
    for number in 0..events {
        let (event, wanted) = event(&mut random, function, tenancy);
        let answer = stack.invoke_raw(function, &event).await;
        let shown = || format!("{function}, event {number}: {} for {event}", answer.text());
        assert_eq!(answer.status, 200, "{}", shown());
        let status = answer.json()["statusCode"].as_u64().unwrap_or_default();
        assert!((200..500).contains(&status), "{}", shown());
        assert!(wanted == Wanted::Any || status == 400, "{}", shown());
    }
    // Events that are no objects at all.
    for event in [Value::Null, json!(7), json!("text"), json!([]), json!({}), json!({"Records": []})] {
        let answer = stack.invoke_raw(function, &event).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["statusCode"]), (200, &json!(400)), "{function}: {event}");
    }
    assert!(!stack.has_panicked(function), "{function}");
}

async fn garbage(events: u64) {
    let stack = Stack::start().await;
    let tenancy = stack.tenant("contoso", TenantSettings::default()).await;
    let each = events / FUNCTIONS.len() as u64 + 1;
    let [one, two, three] = FUNCTIONS;
    tokio::join!(
        send_garbage(&stack, one, &tenancy, 1, each),
        send_garbage(&stack, two, &tenancy, 2, each),
        send_garbage(&stack, three, &tenancy, 3, each),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_lives_and_answers() {
    garbage(EVERYDAY).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the long form takes minutes"]
async fn the_process_lives_and_answers_a_hundred_thousand() {
    garbage(MANY).await;
}
