//! The template as it is when every parameter has its default: conditions are decided, `Fn::If` is replaced by the side
//! that counts, and resources whose condition is false are gone.
//!
//! One machine has no stack and therefore no parameters of one, so the defaults are what it follows. What cannot be
//! decided without a stack is refused.

use super::{Result, refuse};
use serde_json::Value as Json;
use serde_yaml_ng::Value;
use std::collections::BTreeMap;

/// The sections of a template; others, such as those that a transform brings, could change what the known ones mean.
const SECTIONS: [&str; 10] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// The only transform that is understood here.
const SERVERLESS: &str = "AWS::Serverless-2016-10-31";

/// Parameters and conditions of a template.
pub(super) struct Defaults<'t> {
    parameters: BTreeMap<&'t str, Json>,
    conditions: BTreeMap<&'t str, &'t Value>,
}

impl<'t> Defaults<'t> {
    /// Reads parameters and conditions.
    pub(super) fn of(root: &'t Value) -> Result<Self> {
        let sections = root.as_mapping().into_iter().flatten().map(|(name, _)| name.as_str().unwrap_or_default());
        if let Some(other) = sections.into_iter().find(|name| !SECTIONS.contains(name)) {
            return refuse(other, "this section is not understood here");
        }
        if root.get("Transform").is_some_and(|transform| transform.as_str() != Some(SERVERLESS)) {
            return refuse("Transform", format!("only {SERVERLESS} is understood here"));
        }
        let named = |section| {
            let members = root.get(section).and_then(Value::as_mapping).into_iter().flatten();
            members.filter_map(|(name, value)| Some((name.as_str()?, value)))
        };
        let default = |value: &Value| serde_json::to_value(value.get("Default")?).ok();
        let parameters = named("Parameters").filter_map(|(name, value)| Some((name, default(value)?))).collect();
        Ok(Self { parameters, conditions: named("Conditions").collect() })
    }

    /// The resources that exist, with every `Fn::If` decided.
    pub(super) fn resources(&self, root: &Value) -> Result<BTreeMap<String, Value>> {
        let Some(all) = root.get("Resources").and_then(Value::as_mapping) else {
            return refuse("Resources", "missing");
        };
        let mut resources = BTreeMap::new();
        for (name, resource) in all {
            let Some(name) = name.as_str() else { return refuse("Resources", "a name is not a text") };
            let exists = match resource.get("Condition") {
                Some(condition) => self.condition(name, condition.as_str().unwrap_or_default(), &mut Vec::new())?,
                None => true,
            };
            if let Some(resource) = self.decided(name, resource)?.filter(|_| exists) {
                resources.insert(name.to_owned(), resource);
            }
        }
        Ok(resources)
    }

    /// A parameter's default.
    pub(super) fn parameter(&self, place: &str, name: &str) -> Result<Json> {
        match self.parameters.get(name) {
            Some(default) => Ok(default.clone()),
            None => refuse(place, format!("no parameter {name} with a default")),
        }
    }

    /// A value with every `Fn::If` replaced; none if it is absent, as `AWS::NoValue` says.
    fn decided(&self, place: &str, value: &Value) -> Result<Option<Value>> {
        if let Some((function, argument)) = intrinsic(value) {
            match function.as_str() {
                "If" => {
                    let [condition, yes, no] = arguments(place, argument)? else {
                        return refuse(place, "Fn::If has three arguments");
                    };
                    let condition = condition.as_str().unwrap_or_default();
                    let side = if self.condition(place, condition, &mut Vec::new())? { yes } else { no };
                    return self.decided(place, side);
                }
                "Ref" if argument.as_str() == Some("AWS::NoValue") => return Ok(None),
                _ => {}
            }
        }
        Ok(Some(match value {
            Value::Sequence(list) => {
                let members = list.iter().filter_map(|one| self.decided(place, one).transpose());
                Value::Sequence(members.collect::<Result<_>>()?)
            }
            Value::Mapping(map) => {
                let members = map.iter().filter_map(|(name, value)| {
                    self.decided(place, value).map(|value| Some((name.clone(), value?))).transpose()
                });
                Value::Mapping(members.collect::<Result<_>>()?)
            }
            other => other.clone(),
        }))
    }

    /// Whether a condition holds. `open` are those that are being decided, none of which may need itself.
    fn condition<'n>(&self, place: &str, name: &'n str, open: &mut Vec<&'n str>) -> Result<bool>
    where
        't: 'n,
    {
        let Some(condition) = self.conditions.get(name) else {
            return refuse(place, format!("there is no condition {name}"));
        };
        if open.contains(&name) {
            return refuse(name, "this condition needs itself");
        }
        open.push(name);
        let holds = self.holds(name, condition, open);
        open.pop();
        holds
    }

    fn holds<'n>(&self, place: &str, value: &'n Value, open: &mut Vec<&'n str>) -> Result<bool>
    where
        't: 'n,
    {
        let Some((function, argument)) = intrinsic(value) else {
            return refuse(place, "a condition is a function");
        };
        if function == "Condition" {
            return self.condition(place, argument.as_str().unwrap_or_default(), open);
        }
        let arguments = arguments(place, argument)?;
        match (function.as_str(), arguments) {
            ("Equals", [one, other]) => Ok(self.text(place, one)? == self.text(place, other)?),
            ("Not", [one]) => Ok(!self.holds(place, one, open)?),
            ("And", all) => all.iter().try_fold(true, |so_far, one| Ok(self.holds(place, one, open)? && so_far)),
            ("Or", all) => all.iter().try_fold(false, |so_far, one| Ok(self.holds(place, one, open)? || so_far)),
            _ => refuse(place, format!("{function} is not understood in conditions here")),
        }
    }

    /// A side of `Fn::Equals`, as a text: CloudFormation compares parameters and literals as such.
    fn text(&self, place: &str, value: &Value) -> Result<String> {
        let value = match intrinsic(value) {
            Some((function, name)) if function == "Ref" => self.parameter(place, name.as_str().unwrap_or_default())?,
            Some((function, _)) => return refuse(place, format!("{function} is not understood in conditions here")),
            None => serde_json::to_value(value).or_else(|_| refuse(place, "no JSON"))?,
        };
        match value {
            Json::String(text) => Ok(text),
            Json::Number(_) | Json::Bool(_) => Ok(value.to_string()),
            _ => refuse(place, "only texts and numbers are compared"),
        }
    }
}

/// The function that a value is a call of, without `Fn::`, and its argument: `!If […]` and `Fn::If: […]` alike.
fn intrinsic(value: &Value) -> Option<(String, &Value)> {
    match value {
        Value::Tagged(tagged) => Some((tagged.tag.to_string().trim_start_matches('!').to_owned(), &tagged.value)),
        Value::Mapping(map) if map.len() == 1 => {
            let (name, argument) = map.iter().next()?;
            let name = name.as_str()?;
            let short = name.strip_prefix("Fn::").or_else(|| ["Ref", "Condition"].contains(&name).then_some(name))?;
            // A policy statement too has a member Condition, which is no name.
            (short != "Condition" || argument.is_string()).then(|| (short.to_owned(), argument))
        }
        _ => None,
    }
}

fn arguments<'v>(place: &str, value: &'v Value) -> Result<&'v [Value]> {
    match value.as_sequence() {
        Some(list) => Ok(list),
        None => refuse(place, "a function's arguments are a list"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Topic: { Type: String, Default: "" }
  Size: { Type: Number, Default: 0 }
  Needed: { Type: String }
Conditions:
  HasTopic: !Not [!Equals [!Ref Topic, ""]]
  HasSize: { "Fn::Not": [{ "Fn::Equals": [{ Ref: Size }, "0"] }] }
  Neither: !And [!Not [{ Condition: HasTopic }], !Not [!Condition HasSize]]
  Either: !Or [!Condition HasTopic, !Condition HasSize]
Resources:
  Kept:
    Type: A
    Condition: Neither
    Properties:
      Size: !If [HasSize, !Ref Size, !Ref AWS::NoValue]
      Actions: [!If [HasTopic, [!Ref Topic], { Ref: "AWS::NoValue" }], plain]
      Long: { "Fn::If": [Neither, !If [Either, 1, 2], 3] }
      Statement: { Condition: { Bool: { aws:SecureTransport: "false" } } }
  Gone: { Type: B, Condition: Either }
"#;

    fn resources(text: &str) -> Result<BTreeMap<String, Value>> {
        let root: Value = serde_yaml_ng::from_str(text).unwrap();
        Defaults::of(&root)?.resources(&root)
    }

    #[test]
    fn conditions_are_decided_by_the_defaults() {
        let resources = resources(TEMPLATE).unwrap();
        assert_eq!(resources.keys().collect::<Vec<_>>(), ["Kept"]);
        let properties = serde_json::to_value(&resources["Kept"]["Properties"]).unwrap();
        let statement = serde_json::json!({"Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        assert_eq!(properties, serde_json::json!({"Actions": ["plain"], "Long": 2, "Statement": statement}));
    }

    #[test]
    fn another_default_decides_otherwise() {
        let resources = resources(&TEMPLATE.replace("Number, Default: 0", "Number, Default: 5")).unwrap();
        assert_eq!(resources.keys().collect::<Vec<_>>(), ["Gone"]);
    }

    /// What only a stack knows, and what CloudFormation itself would refuse.
    #[test]
    fn what_cannot_be_decided_is_refused() {
        for (good, bad) in [
            ("!Ref Topic, \"\"", "!Ref AWS::Region, \"\""),
            ("!Ref Topic, \"\"", "!Ref Needed, \"\""),
            ("!Ref Topic, \"\"", "!FindInMap [a, b, c], \"\""),
            ("!Equals [!Ref Topic, \"\"]", "!Condition Either"),
            ("Condition: Neither\n", "Condition: Missing\n"),
            ("!If [HasSize, !Ref Size, ", "!If [HasSize, "),
            ("Resources:\n", "Mappings: {}\nResources:\n"),
            ("Resources:\n", "Transform: AWS::LanguageExtensions\nResources:\n"),
        ] {
            assert!(TEMPLATE.contains(good), "{good}");
            assert!(resources(&TEMPLATE.replace(good, bad)).is_err(), "{bad}");
        }
    }
}
