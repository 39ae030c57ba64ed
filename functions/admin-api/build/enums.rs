//! Adds the meaning of each name of an enum to the API's description, in the words that the page uses.
//!
//! Must stay true: the words come from the lexicon. An enum gets them from the one list that has all of its names; if
//! two lists have them all, from the one that has no other names.

use serde_yaml_ng::{Mapping, Value};
use std::collections::BTreeMap;

/// Lists of the lexicon: names and their words.
pub type Lexicon = BTreeMap<String, BTreeMap<String, String>>;

/// Adds `x-enumDescriptions`, which viewers of API descriptions know, to each enum whose names are in a list.
pub fn describe(value: &mut Value, lexicon: &Lexicon) {
    match value {
        Value::Mapping(members) => {
            if let Some(words) = members.get("enum").and_then(|names| words(names, lexicon)) {
                members.insert("x-enumDescriptions".into(), words.into());
            }
            // Examples are answers, not schemas.
            members.iter_mut().filter(|(name, _)| *name != "examples").for_each(|(_, one)| describe(one, lexicon));
        }
        Value::Sequence(all) => all.iter_mut().for_each(|one| describe(one, lexicon)),
        _ => {}
    }
}

fn words(names: &Value, lexicon: &Lexicon) -> Option<Mapping> {
    let names: Vec<&str> =
        names.as_sequence()?.iter().filter(|name| !name.is_null()).map(Value::as_str).collect::<Option<_>>()?;
    let mut lists: Vec<_> = lexicon.values().filter(|list| names.iter().all(|name| list.contains_key(*name))).collect();
    lists.sort_by_key(|list| list.len());
    // If the names of a list also have short words, these are in a list whose key comes later.
    let alone = matches!(lists.as_slice(), [_]) || lists.first().is_some_and(|list| list.len() == names.len());
    let list = lists.first().filter(|_| alone && !names.is_empty())?;
    Some(names.into_iter().map(|name| (name.into(), list[name].as_str().into())).collect())
}
