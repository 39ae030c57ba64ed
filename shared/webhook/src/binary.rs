//! CloudEvents in HTTP's binary content mode: the attributes are headers (`ce-id`, `ce-type`, …), the body is `data`.
//!
//! Must stay true: only a sender that proves itself by a secret may use this mode. A signature covers the body alone,
//! so it would prove neither the type nor the time of such an event, and whoever has seen one event could forge another
//! from it.

use crate::cloudevents::{Batch, BodyError, MAX_BODY_BYTES, Parsed, Received, parse_event, without_mark};
use crate::fields::FieldError;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

/// The prefix of an attribute's header.
const PREFIX: &str = "ce-";
/// The attributes that are read. All others are the sender's own extensions.
const ATTRIBUTES: [&str; 6] = ["specversion", "id", "source", "type", "time", "subject"];

/// Whether a request is in binary mode: its headers carry the attributes, and its body is not a whole event or batch.
pub fn is_binary(headers: &HeaderMap) -> bool {
    let whole = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        let start = kind.trim_start().get(..WHOLE.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(WHOLE))
    });
    headers.contains_key("ce-specversion") && !whole
}

/// The prefix of the content type of a whole event or batch.
const WHOLE: &str = "application/cloudevents";

/// Reads a request in binary mode: one event.
///
/// # Errors
/// When the body is too large.
pub fn parse(body: &[u8], headers: &HeaderMap, received: Received) -> Result<Batch, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let mut event = Map::new();
    let mut unread = Vec::new();
    for name in ATTRIBUTES {
        match attribute(headers, name) {
            Ok(Some(text)) => drop(event.insert(name.to_owned(), Value::String(text))),
            Ok(None) => {}
            Err(problem) => unread.push(FieldError { field: name.to_owned(), problem: problem.to_owned() }),
        }
    }
    let data = serde_json::from_slice(without_mark(body)).ok();
    let is_json = body.is_empty() || data.is_some();
    // An event of a type that is not ours is ignored whatever its data is, so a text stands in for data that is not
    // JSON.
    let data = data.or_else(|| (!is_json).then(|| Value::String(String::new())));
    event.extend(data.map(|data| ("data".to_owned(), data)));
    let parsed = match parse_event(&Value::Object(event), received) {
        Parsed::Invalid { id, mut errors } => {
            errors.retain(|error| unread.iter().all(|unread| unread.field != error.field));
            // Data that is not JSON has no members to complain about.
            errors.retain(|error| is_json || !error.field.starts_with("data."));
            errors.extend(unread);
            for error in &mut errors {
                if ATTRIBUTES.contains(&error.field.as_str()) {
                    error.field.insert_str(0, PREFIX);
                } else if error.field == "data" && !is_json {
                    "must be JSON".clone_into(&mut error.problem);
                }
            }
            Parsed::Invalid { id, errors }
        }
        // The attribute that could not be read may be an optional one, such as the time.
        Parsed::Event(event) if !unread.is_empty() => {
            for error in &mut unread {
                error.field.insert_str(0, PREFIX);
            }
            Parsed::Invalid { id: Some(event.key.id), errors: unread }
        }
        other => other,
    };
    Ok(Batch { events: vec![parsed], is_list: false })
}

/// The decoded value of an attribute's header.
fn attribute(headers: &HeaderMap, name: &str) -> Result<Option<String>, &'static str> {
    let mut values = headers.get_all(format!("{PREFIX}{name}")).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("must be there exactly once");
    }
    decode(value.as_bytes()).map(Some).ok_or("must be UTF-8, percent-encoded")
}

/// Decodes a header's value by the HTTP binding: removes the quotes that older senders write, then percent-decodes
/// once. A `%` without two hexadecimal digits stays as it is. `None` if the result is not UTF-8.
fn decode(value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    let value = match value {
        [b'"', quoted @ .., b'"'] => {
            let mut plain = Vec::with_capacity(quoted.len());
            let mut bytes = quoted.iter().copied();
            while let Some(byte) = bytes.next() {
                plain.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
            }
            plain
        }
        plain => plain.to_vec(),
    };
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        let escaped = digit(value.get(at + 1)).zip(digit(value.get(at + 2))).filter(|_| *byte == b'%');
        let escaped = escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        decoded.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_decoded_once_and_must_be_utf8() {
        for (value, text) in [
            ("plain", Some("plain")),
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", Some("Euro € 😀")),
            // Escapes that were not needed, in small letters; decoded only once.
            ("%41%6a", Some("Aj")),
            ("%2541", Some("%41")),
            ("a+b", Some("a+b")),
            // Quoted, as older senders do.
            (r#""say \"yes\" \\ %20""#, Some("say \"yes\" \\  ")),
            ("\"", Some("\"")),
            ("\"\"", Some("")),
            // Not an escape.
            ("100%", Some("100%")),
            ("%zz%4", Some("%zz%4")),
            // An overlong form, half a character.
            ("%C0%A0", None),
            ("%E2%82", None),
        ] {
            assert_eq!(decode(value.as_bytes()).as_deref(), text, "{value}");
        }
        assert_eq!(decode("€".as_bytes()).as_deref(), Some("€"), "older senders write it unescaped");
        assert_eq!(decode(b"\xff"), None);
    }

    #[test]
    fn header_and_content_type_decide_the_mode() {
        let says = |version: bool, kind: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if version {
                headers.insert("ce-specversion", "1.0".parse().unwrap());
            }
            if let Some(kind) = kind {
                headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            }
            is_binary(&headers)
        };
        assert!(
            says(true, None) && says(true, Some("application/json; charset=utf-8")) && says(true, Some("text/xml"))
        );
        for whole in [
            "application/cloudevents+json",
            "Application/CloudEvents+JSON; charset=UTF-8",
            "application/cloudevents-batch+json",
        ] {
            assert!(!says(true, Some(whole)), "{whole}");
        }
        assert!(!says(false, None) && !says(false, Some("application/json")));
    }
}
