//! Guesses the format of a file that is neither lines of CloudEvents nor a known export: for example the export of
//! another report, or a saved answer of an API.
//!
//! The guess is made from the file's beginning, before anything is stored. Must stay true: a file with one JSON object
//! per line is never taken for something else, even if its lines are invalid. Those are refused one by one.

use serde_json::Value;
use vestibule_webhook::sources::intune_export::REPORTS;

/// What `import` reads.
pub fn wanted() -> String {
    let reports: Vec<&str> = REPORTS.iter().map(|report| report.name).collect();
    format!(
        "import reads CloudEvents, one JSON object a line, and exports of Intune's reports {} (CSV or JSON)",
        reports.join(", ")
    )
}

/// The byte order mark of UTF-8, which some editors write.
pub const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// The format that a file with this beginning seems to have, and what to do; `None` if it may be lines of JSON.
pub fn other_than_lines(beginning: &[u8]) -> Option<&'static str> {
    if beginning.starts_with(&[0xFF, 0xFE]) || beginning.starts_with(&[0xFE, 0xFF]) {
        return Some("this looks like text in UTF-16; save it as UTF-8");
    }
    let text = beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning).trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    match line.first()? {
        b'[' => Some("this looks like a JSON array; one object a line is wanted: jq -c '.[]' FILE"),
        b'{' => of_object(line, text),
        _ if line.iter().any(|byte| matches!(byte, b',' | b';' | b'\t')) => {
            Some("this looks like a CSV export of something else")
        }
        _ => None,
    }
}

/// The same for a file that begins like an object.
fn of_object(line: &[u8], text: &[u8]) -> Option<&'static str> {
    const GRAPH: &str =
        "this looks like an answer of Microsoft Graph; those are for Graph's webhooks (docs/SOURCES.md)";
    if line == b"{" {
        let holds = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
        let is_graph = holds(b"\"@odata.") || holds(b"\"value\"") && !holds(b"\"specversion\"");
        let spread = "this looks like one JSON object over several lines; one line each is wanted: jq -c . FILE";
        return Some(if is_graph { GRAPH } else { spread });
    }
    // An answer on one line may be longer than the part that was read.
    let is_graph = match serde_json::from_slice::<Value>(line) {
        Ok(object) => object.get("specversion").is_none() && object.get("value").is_some_and(Value::is_array),
        Err(error) => error.is_eof() && (line.starts_with(b"{\"@odata.") || line.starts_with(b"{\"value\":")),
    };
    is_graph.then_some(GRAPH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_recognised_by_its_beginning() {
        for (text, expected) in [
            ("Date,Device name\n2026-11-25,PC1\n", Some("CSV")),
            ("\u{feff}\"Name\";\"Status\"\r\n", Some("CSV")),
            ("\n[{\"specversion\":\"1.0\"}]", Some("array")),
            ("{\"value\":[]}", Some("Graph")),
            ("{\"@odata.context\":\"https://graph", Some("Graph")),
            ("{\n  \"@odata.context\": \"https://graph\"\n}", Some("Graph")),
            ("{\n  \"specversion\": \"1.0\",\n  \"value\": 1\n}", Some("several lines")),
            ("\u{feff}{\"specversion\":\"1.0\"}\n", None),
            ("{\"specversion\":\"1.0\",\"value\":1}", None),
            ("{\"specversion\": hush, \"value\": 1}\n{}", None),
            ("", None),
            ("nothing of it\n", None),
        ] {
            let found = other_than_lines(text.as_bytes());
            assert_eq!(found.is_some(), expected.is_some(), "{text:?}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{text:?}: {found:?}");
        }
        assert!(other_than_lines(b"\xff\xfeD\0a\0").is_some_and(|looks| looks.contains("UTF-16")));
    }
}
