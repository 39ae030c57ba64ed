//! Reads query parameters, with errors that name them. Unknown ones are refused, since ignoring a misspelt filter would
//! give a wrong number.

use percent_encoding::percent_decode_str;
use serde_json::json;
use std::collections::BTreeMap;
use vestibule_platform::Problem;

/// Parameters with their values. No value is empty.
pub(crate) type Parameters = BTreeMap<String, String>;

/// All parameters of a query, known and unknown.
pub(crate) fn parameters(query: Option<&str>) -> Result<Parameters, Problem> {
    let mut parameters = BTreeMap::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace('+', " ");
        let value = percent_decode_str(&value).decode_utf8().map_err(|_| invalid(name, "is not UTF-8"))?;
        // If an empty value counted as missing, an unset variable of a script would silently remove a filter.
        if value.trim().is_empty() {
            return Err(invalid(name, "is empty"));
        }
        if parameters.insert(name.to_owned(), value.trim().to_owned()).is_some() {
            return Err(invalid(name, "is given twice"));
        }
    }
    Ok(parameters)
}

/// The problem of a parameter that is not in `known`.
pub(crate) fn unknown<N: AsRef<str>>(known: &[N]) -> Problem {
    let names: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Problem::bad_request().detail(format!("Query parameters known here: {names}."))
}

/// The problem of one parameter or member.
pub(crate) fn invalid(field: &str, problem: &str) -> Problem {
    Problem::bad_request()
        .detail(format!("{field}: {problem}"))
        .with(json!({"errors": [{"field": field, "problem": problem}]}))
}
