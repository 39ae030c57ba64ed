//! `send`: signs the events of a file and posts them to a webhook, as a sender of one's own does.
//!
//! Must stay true: the secret comes from a file or the environment, never from an argument, and is printed nowhere; what
//! leaves this machine is encrypted; each event has a result, or the answer says which have none.

use crate::cli::SendOptions;
use crate::output::{Lines, answer, note};
use bytes::Bytes;
use http::Uri;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use vestibule_domain::Timestamp;
use vestibule_graph::{Answer, Https, Lost, Transport as _};
use vestibule_platform::{BoxError, Clock, credentials};
use vestibule_webhook::{MAX_BODY_BYTES, MAX_EVENTS, signature};
use vestibule_words::form::{count, plural};

/// The variable with the secret.
const SECRET: &str = "VESTIBULE_SECRET";
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The results that need nothing more from the sender.
const TAKEN: [&str; 5] = ["accepted", "duplicate", "tooOld", "erased", "unknownType"];
/// Those of them of which nothing is stored, as the webhook's own `ignored` counts them.
const IGNORED: [&str; 3] = ["tooOld", "erased", "unknownType"];

/// Sends, and prints the results.
pub async fn run(options: &SendOptions) -> Result<(), BoxError> {
    if options.stack.is_some() {
        return Err("this posts to a webhook's address, not to a stack: give --url, as `source add` prints it".into());
    }
    let url = address(&options.url, options.backfill)?;
    let secret = secret(options.secret_file.as_deref(), std::env::var(SECRET).ok())?;
    let events = read(&options.file)?;
    let (client, mut results, mut stopped) = (Https::default(), Vec::new(), None);
    for batch in batches(&events)? {
        let from = results.len();
        match post(&client, &url, &secret, batch).await {
            Ok(batch) => results.extend(batch.into_iter().map(|result| numbered(result, from as u64))),
            Err(problem) => {
                stopped = Some(problem);
                break;
            }
        }
    }
    let of = |status: &str| results.iter().filter(|result| result["status"] == status).count();
    let refused = results.len() - TAKEN.iter().map(|status| of(status)).sum::<usize>();
    let ignored: usize = IGNORED.iter().map(|status| of(status)).sum();
    let without = events.len() - results.len();
    let value = json!({
        "events": events.len(),
        "accepted": of("accepted"),
        "duplicates": of("duplicate"),
        "ignored": ignored,
        "rejected": refused,
        "withoutResult": without,
        "results": results,
    });
    answer(options.json, &value, || {
        let mut lines: Lines = results.iter().map(line).collect();
        writeln!(
            lines,
            "{}: {} stored, {} known already, {} ignored, {} refused, {} without a result.",
            plural(events.len() as u64, "event", "events"),
            count(of("accepted") as u64),
            count(of("duplicate") as u64),
            count(ignored as u64),
            count(refused as u64),
            count(without as u64),
        );
        lines
    });
    match (stopped, refused) {
        (Some(problem), _) => Err(format!(
            "{problem}; there is no result of {}. Send the file again: what is stored is not stored twice",
            plural(without as u64, "event", "events")
        )
        .into()),
        (None, 0) => Ok(()),
        (None, 1) => Err("1 event was refused, see above".into()),
        (None, refused) => Err(format!("{} events were refused, see above", count(refused as u64)).into()),
    }
}

/// A result with the event's place in the file, of which `before` were in earlier requests.
fn numbered(mut result: Value, before: u64) -> Value {
    let index = result["index"].as_u64().unwrap_or_default();
    if let Some(result) = result.as_object_mut() {
        result.insert("index".to_owned(), json!(index + before));
    }
    result
}

/// The webhook's address. Only this machine is reached without encryption.
fn address(url: &str, backfill: bool) -> Result<String, BoxError> {
    let uri: Uri = url.parse().map_err(|_| "the address is malformed".to_owned())?;
    let is_here = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_here => {}
        _ => return Err("the address must begin with https://, unless it is of this machine".into()),
    }
    if !uri.path().starts_with("/hooks/") {
        return Err("the address must be that of a webhook, as in https://HOST/hooks/TENANT/enrollment-events".into());
    }
    let joint = if uri.query().is_some() { '&' } else { '?' };
    Ok(if backfill { format!("{url}{joint}backfill=true") } else { url.to_owned() })
}

/// The secret, from the file or from the environment.
fn secret(file: Option<&Path>, environment: Option<String>) -> Result<String, BoxError> {
    let text = match file {
        Some(file) => {
            warn_if_open(file);
            std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?
        }
        None => {
            environment.ok_or_else(|| format!("there is no secret: name a file by --secret-file, or set {SECRET}"))?
        }
    };
    let text = text.trim().to_owned();
    if signature::sign(&text, "id", Timestamp::from_millis(0), b"").is_none() {
        return Err("the secret is malformed: it begins with whsec_".into());
    }
    Ok(text)
}

/// The events of a file: objects, or lists of them, one after the other.
fn read(file: &Path) -> Result<Vec<Value>, BoxError> {
    let mut text = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_end(&mut text),
        false => std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut text)),
    };
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    let mut events = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        let value = value.map_err(|error| format!("{} is not JSON, and nothing was sent: {error}", file.display()))?;
        match value {
            Value::Array(list) => events.extend(list),
            one => events.push(one),
        }
    }
    if events.is_empty() {
        return Err(format!("{} has no events", file.display()).into());
    }
    Ok(events)
}

/// The bodies of requests: as many events in each as a webhook takes.
fn batches(events: &[Value]) -> Result<Vec<Batch>, BoxError> {
    let mut batches = Vec::new();
    let mut batch = Batch::default();
    for event in events {
        let text = serde_json::to_vec(event)?;
        // The brackets and the comma.
        let is_full = batch.events == MAX_EVENTS || batch.body.len() + text.len() + 2 > MAX_BODY_BYTES;
        if is_full && batch.events > 0 {
            batches.push(std::mem::take(&mut batch));
        }
        batch.body.push(if batch.events == 0 { b'[' } else { b',' });
        batch.body.extend(text);
        batch.events += 1;
    }
    batches.push(batch);
    batches.iter_mut().for_each(|batch| batch.body.push(b']'));
    Ok(batches)
}

/// Events of one request.
#[derive(Default)]
struct Batch {
    events: usize,
    body: Vec<u8>,
}

/// Posts a batch. The results of its events, or why there are none.
async fn post(client: &Https, url: &str, secret: &str, batch: Batch) -> Result<Vec<Value>, String> {
    let now = Timestamp::from_millis(Clock::system().now_millis());
    let random = credentials::random::<16>().map_err(|error| error.to_string())?;
    let id = random.iter().fold("msg_".to_owned(), |id, byte| format!("{id}{byte:02x}"));
    let signature = signature::sign(secret, &id, now, &batch.body).ok_or("the secret is malformed")?;
    let request = http::Request::post(url)
        .header(CONTENT_TYPE, "application/cloudevents-batch+json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", now.seconds())
        .header("webhook-signature", signature)
        .body(Bytes::from(batch.body))
        .map_err(|error| error.to_string())?;
    let Answer { status, retry_after, body } = client.send(request, PATIENCE).await.map_err(lost)?;
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(Value::Array(results)) = said.get("results")
        && results.len() == batch.events
    {
        return Ok(results.clone());
    }
    let text = |member: &str| said[member].as_str().unwrap_or_default();
    let again = retry_after.map(|after| format!(", and asks to wait {after} s")).unwrap_or_default();
    let hint = if status == 401 { " (is the secret the tenant's, and this machine's clock right?)" } else { "" };
    Err(format!("the webhook answers {status}{again}: {} {}{hint}", text("title"), text("detail")))
}

fn lost(why: Lost) -> String {
    let why = match why {
        Lost::Unreachable => "cannot be reached, or has no valid certificate",
        Lost::CutOff => "broke off its answer",
        Lost::TooLarge => "gave an answer that is too large",
        Lost::TimedOut => "took longer than a minute",
        Lost::NoRoots => "cannot prove who it is: this machine has no trusted certificates",
    };
    format!("the webhook {why}")
}

/// A result in words.
fn line(result: &Value) -> String {
    let errors = result["errors"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let errors: Vec<String> = errors
        .map(|error| {
            let text = |member: &str| error[member].as_str().unwrap_or_default();
            format!("{} {}", text("field"), text("problem")).trim().to_owned()
        })
        .collect();
    let status = result["status"].as_str().unwrap_or_default();
    let id = result["id"].as_str().map_or_else(|| format!("number {}", result["index"]), str::to_owned);
    format!("{status:<12} {id} {}", errors.join("; ")).trim_end().to_owned()
}

/// Says so if others on the machine can read a secret's file.
fn warn_if_open(file: &Path) {
    let mode = std::fs::metadata(file).map_or(0, |file| file.permissions().mode());
    if mode & 0o077 != 0 {
        let file = file.display();
        note(format!("{file} can be read by others on this machine; close it by chmod go= {file}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_a_webhook_and_encrypted() {
        let hook = "https://vestibule.example/hooks/contoso/enrollment-events";
        assert_eq!(address(hook, false).ok().as_deref(), Some(hook));
        assert_eq!(address(hook, true).ok(), Some(format!("{hook}?backfill=true")));
        assert!(address("http://127.0.0.1:8740/hooks/contoso/esp-status", false).is_ok());
        for other in
            ["http://vestibule.example/hooks/contoso/enrollment-events", "https://vestibule.example/", "contoso", ""]
        {
            assert!(address(other, false).is_err(), "{other}");
        }
    }

    #[test]
    fn a_batch_has_as_many_events_as_a_webhook_takes() {
        let sizes = |events: &[Value]| -> Option<Vec<usize>> {
            let batches = batches(events).ok()?;
            for batch in &batches {
                let list: Vec<Value> = serde_json::from_slice(&batch.body).ok()?;
                assert_eq!(list.len(), batch.events);
                assert!(batch.events == 1 || batch.body.len() <= MAX_BODY_BYTES);
            }
            Some(batches.iter().map(|batch| batch.events).collect())
        };
        assert_eq!(sizes(&vec![json!({}); 1_001]), Some(vec![500, 500, 1]));
        let large = json!({"data": "x".repeat(MAX_BODY_BYTES / 2)});
        assert_eq!(sizes(&[large.clone(), large]), Some(vec![1, 1]));
        let too_large = json!({"data": "x".repeat(MAX_BODY_BYTES)});
        assert_eq!(sizes(&[json!({}), too_large, json!({})]), Some(vec![1, 1, 1]), "the webhook says so itself");
    }
}
