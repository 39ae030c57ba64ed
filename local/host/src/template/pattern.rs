//! Patterns by which rules of the bus and the stream's filter choose what a function gets: nested objects, and lists of
//! which one value must be equal to what is there, or a prefix of it.
//!
//! What else EventBridge understands is refused, not ignored: it would choose otherwise here than as deployed.

use super::{Result, refuse};
use serde_json::Value as Json;

/// The only comparison other than equality.
const PREFIX: &str = "prefix";

/// Refuses a pattern that is not understood here.
pub(super) fn check(place: &str, pattern: &Json) -> Result<()> {
    let Json::Object(members) = pattern else { return refuse(place, "a pattern is an object") };
    for value in members.values() {
        match value {
            Json::Object(_) => check(place, value)?,
            Json::Array(list) if list.iter().all(is_understood) => {}
            _ => return refuse(place, "only lists of plain values and of prefixes are understood in patterns here"),
        }
    }
    Ok(())
}

fn is_understood(one: &Json) -> bool {
    match one {
        Json::Object(members) => members.len() == 1 && members.get(PREFIX).is_some_and(Json::is_string),
        Json::Array(_) => false,
        _ => true,
    }
}

/// Whether an event matches a pattern.
pub(crate) fn fits(pattern: &Json, event: &Json) -> bool {
    match pattern {
        Json::Object(members) => {
            members.iter().all(|(name, pattern)| event.get(name).is_some_and(|value| fits(pattern, value)))
        }
        Json::Array(list) => match event {
            Json::Array(values) => values.iter().any(|value| is_one_of(list, value)),
            value => is_one_of(list, value),
        },
        _ => false,
    }
}

fn is_one_of(list: &[Json], value: &Json) -> bool {
    list.iter().any(|one| match one.get(PREFIX).and_then(Json::as_str) {
        Some(prefix) => value.as_str().is_some_and(|value| value.starts_with(prefix)),
        None => one == value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_match_as_on_the_bus() {
        let pattern = json!({"source": ["a", "b"], "detail": {"state": [1]}});
        assert!(fits(&pattern, &json!({"source": "a", "detail": {"state": 1, "more": 2}})));
        assert!(!fits(&pattern, &json!({"source": "c", "detail": {"state": 1}})));
        assert!(!fits(&pattern, &json!({"source": "a"})));
        let prefixes = json!({"key": {"S": [{"prefix": "e#"}, "whole"]}});
        for (key, is_chosen) in [("e#contoso", true), ("e#", true), ("whole", true), ("wholes", false), ("t#e#", false)]
        {
            assert_eq!(fits(&prefixes, &json!({"key": {"S": key}})), is_chosen, "{key}");
        }
        assert!(!fits(&prefixes, &json!({"key": {"N": "e#1"}})) && !fits(&prefixes, &json!({"key": {"S": 1}})));
    }

    #[test]
    fn comparisons_not_understood_are_refused() {
        for bad in [
            json!([]),
            json!({"a": "plain"}),
            json!({"a": [{"suffix": "x"}]}),
            json!({"a": [{"prefix": 1}]}),
            json!({"a": [{"prefix": "x", "suffix": "y"}]}),
            json!({"a": {"b": [["x"]]}}),
        ] {
            assert!(check("Rule", &bad).is_err(), "{bad}");
        }
        assert!(check("Rule", &json!({"a": ["x", 1, null], "b": {"c": [{"prefix": "x"}]}})).is_ok());
    }
}
