//! CloudEvents in every content mode: an event is the same in each mode, and headers are read only if a secret proves
//! the request.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_webhook::cloudevents::{Parsed, parse_event};
use vestibule_webhook::proof::Proof;
use vestibule_webhook::sources::{SENDERS, Sender};
use vestibule_webhook::{BodyError, FieldError, Received, binary, parse};

fn received() -> Received {
    Received::native(Timestamp::parse("2026-11-26T12:00:00Z").unwrap(), false)
}

fn event() -> Value {
    json!({
        "specversion": "1.0", "id": "e1", "source": "urn:mdm", "type": "enrollment.started",
        "time": "2026-11-26T11:58:00Z", "subject": "C02", "data": {"device": {"serialNumber": "C02EXAMPLE1"}},
    })
}

/// A text encoded as the HTTP binding writes it into a header.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%';
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The headers and the body of an event in binary mode.
fn in_binary(event: &Value) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in event.as_object().unwrap().iter().filter(|(name, _)| *name != "data") {
        let name: HeaderName = format!("ce-{name}").parse().unwrap();
        headers.insert(name, encoded(value.as_str().unwrap()).parse().unwrap());
    }
    (headers, serde_json::to_vec(&event["data"]).unwrap())
}

fn read_binary(headers: &HeaderMap, body: &[u8]) -> Parsed {
    let batch = binary::parse(body, headers, received()).unwrap();
    assert!(!batch.is_list);
    <[Parsed; 1]>::try_from(batch.events).unwrap().into_iter().next().unwrap()
}

fn errors(parsed: Parsed) -> Vec<(String, String)> {
    let Parsed::Invalid { errors, .. } = parsed else { panic!("{parsed:?}") };
    errors.into_iter().map(|FieldError { field, problem }| (field, problem)).collect()
}

fn changed(change: impl FnOnce(&mut HeaderMap)) -> Parsed {
    let (mut headers, body) = in_binary(&event());
    change(&mut headers);
    read_binary(&headers, &body)
}

#[test]
fn only_a_sender_that_shows_a_secret_may_put_an_event_into_headers() {
    let (headers, body) = in_binary(&event());
    let is_native = |sender: &&&Sender| {
        let event = serde_json::to_vec(&event()).unwrap();
        let read = (sender.read)(&event, &HeaderMap::new(), received());
        read.is_ok_and(|batch| matches!(batch.events[..], [Parsed::Event(_)]))
    };
    let (mut taken, mut refused) = (0, 0);
    for sender in SENDERS.iter().filter(is_native) {
        let signs = |proof: &Proof| matches!(proof, Proof::StandardWebhooks | Proof::HmacBase64(_) | Proof::HmacHex(_));
        match (sender.read)(&body, &headers, received()) {
            Ok(batch) => {
                assert!(matches!(batch.events[..], [Parsed::Event(_)]), "{}", sender.name);
                assert!(!sender.proofs.iter().any(signs), "{}: its signature covers no header", sender.name);
                taken += 1;
            }
            Err(error) => {
                assert_eq!(error, BodyError::UnsignedHeaders, "{}", sender.name);
                assert!(error.to_string().contains("application/cloudevents+json"));
                refused += 1;
            }
        }
    }
    assert_eq!((taken, refused), (1, 4));
}

#[test]
fn an_invalid_header_is_named() {
    assert_eq!(changed(|_| ()), parse_event(&event(), received()));
    for name in ["id", "source", "type"] {
        let header = format!("ce-{name}");
        let missing = changed(|headers| drop(headers.remove(header.as_str())));
        assert_eq!(errors(missing), [(header.clone(), "is required".to_owned())]);
        let twice = changed(|headers| _ = headers.append(header.parse::<HeaderName>().unwrap(), "x".parse().unwrap()));
        assert_eq!(errors(twice), [(header, "must be there exactly once".to_owned())]);
    }
    let version = changed(|headers| drop(headers.insert("ce-specversion", "0.3".parse().unwrap())));
    assert_eq!(errors(version), [("ce-specversion".to_owned(), "must be \"1.0\"".to_owned())]);
    // An unreadable value is never replaced, for example by the time of receipt.
    for (value, problem) in [("tomorrow", "must be an RFC 3339 time"), ("%C0%A0", "must be UTF-8, percent-encoded")] {
        let time = changed(|headers| drop(headers.insert("ce-time", value.parse().unwrap())));
        assert_eq!(errors(time), [("ce-time".to_owned(), problem.to_owned())]);
    }
}

#[test]
fn data_is_read_as_json_whatever_the_content_type() {
    let (mut headers, body) = in_binary(&event());
    headers.remove("content-type");
    assert!(matches!(read_binary(&headers, &body), Parsed::Event(_)));
    let data = |problem: &str| vec![("data".to_owned(), problem.to_owned())];
    assert_eq!(errors(read_binary(&headers, b"<device/>")), data("must be JSON"));
    assert_eq!(errors(read_binary(&headers, b"")), data("is required"));
    assert_eq!(errors(read_binary(&headers, b"17"))[..1], data("must be an object"));
    // A broker also delivers events that are not ours.
    headers.insert("ce-type", "com.example.danced".parse().unwrap());
    for body in ["<dance/>", "", "{}"] {
        let parsed = read_binary(&headers, body.as_bytes());
        assert_eq!(parsed, Parsed::passed_over(Some("e1".to_owned()), Some("com.example.danced")), "{body}");
    }
    let large = vec![b' '; vestibule_webhook::MAX_BODY_BYTES + 1];
    assert_eq!(binary::parse(&large, &headers, received()), Err(BodyError::TooLarge));
}

#[test]
fn data_may_be_in_base64() {
    let plain = event();
    let mut encoded = plain.clone();
    encoded.as_object_mut().unwrap().remove("data");
    encoded["data_base64"] = json!("eyJkZXZpY2UiOiB7InNlcmlhbE51bWJlciI6ICJDMDJFWEFNUExFMSJ9fQ==");
    assert_eq!(parse_event(&encoded, received()), parse_event(&plain, received()));
    for wrong in [json!("%"), json!("bm8="), json!(1)] {
        encoded["data_base64"] = wrong;
        let problem = "must be JSON, also as data_base64".to_owned();
        assert_eq!(errors(parse_event(&encoded, received())), [("data".to_owned(), problem)]);
    }
    // If an event has both, the plain data counts.
    let mut both = plain.clone();
    both["data_base64"] = json!("e30=");
    assert_eq!(parse_event(&both, received()), parse_event(&plain, received()));
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let body = serde_json::to_vec(&event()).unwrap();
    let marked = ["\u{feff}".as_bytes(), &body].concat();
    assert_eq!(parse(&marked, received()), parse(&body, received()));
}

proptest! {
    #[test]
    fn an_event_is_the_same_in_headers_and_whole(
        id in any::<String>(), source in any::<String>(), subject in ".{0,40}", serial in "[A-Z0-9]{6,12}",
    ) {
        let mut whole = event();
        whole["id"] = json!(id);
        whole["source"] = json!(source);
        whole["subject"] = json!(subject);
        whole["data"]["device"]["serialNumber"] = json!(serial);
        let (headers, body) = in_binary(&whole);
        match (read_binary(&headers, &body), parse_event(&whole, received())) {
            (Parsed::Invalid { errors: ours, .. }, Parsed::Invalid { errors: theirs, .. }) => {
                let named = |errors: Vec<FieldError>| {
                    errors.into_iter().map(|error| error.field.trim_start_matches("ce-").to_owned()).collect::<Vec<_>>()
                };
                prop_assert_eq!(named(ours), named(theirs));
            }
            (ours, theirs) => prop_assert_eq!(ours, theirs),
        }
    }

    #[test]
    fn no_header_makes_a_reader_panic(value in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let _any = changed(|headers| drop(headers.insert("ce-id", value)));
        }
    }
}
