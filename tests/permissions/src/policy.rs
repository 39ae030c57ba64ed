//! Policies: those of the functions' roles, from the deployed template, and others in JSON; and what they allow.
//!
//! Must stay true: an element that is not understood here ends the test. To pass over a condition would allow too much.

use crate::calls::Asked;
use serde_json::Value;
use serde_yaml_ng::Value as Yaml;
use std::collections::{BTreeMap, BTreeSet};

/// Something of a policy that a call may use: a statement by its name, with an action or with a partition key's pattern.
pub type Grant = (String, String);

/// The policy of one role.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Statement {
    name: String,
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    keys: Keys,
}

/// What a statement's conditions say of `dynamodb:LeadingKeys`, or of the kind of secrets that a call of KMS is about.
#[derive(Clone, Debug)]
enum Keys {
    /// Nothing.
    Any,
    /// There must be some, all like one of these.
    All(Vec<String>),
    /// One of them is like one of these.
    Some(Vec<String>),
}

impl Policy {
    /// The policies of the functions' roles, by function, as the template has them with every default.
    pub fn of_functions() -> BTreeMap<String, Self> {
        let resources = vestibule_host::template::embedded_resources().unwrap();
        let functions = resources.values().filter(|one| one["Type"] == "AWS::Serverless::Function");
        let of = |function: &Yaml| {
            let properties = &function["Properties"];
            let file = properties["CodeUri"].as_str().unwrap().rsplit('/').next().unwrap();
            let role = names(&properties["Role"]).concat();
            let policies = resources[&role]["Properties"]["Policies"].as_sequence().unwrap();
            let documents = policies.iter().map(|policy| &policy["PolicyDocument"]["Statement"]);
            let statements = documents.flat_map(|list| list.as_sequence().unwrap()).map(of_template).collect();
            (file.trim_end_matches(".zip").to_owned(), Self { statements })
        };
        functions.map(of).collect()
    }

    /// A policy document in JSON, whose ARNs are named in the template's way by `name`.
    pub fn of_document(document: &Value, name: impl Fn(&str) -> String) -> Self {
        let list = document["Statement"].as_array().unwrap();
        let of = |statement: &Value| {
            let texts = |value: &Value| match value {
                Value::Array(list) => list.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
                one => vec![one.as_str().unwrap().to_owned()],
            };
            assert!(statement.get("Condition").is_none(), "conditions are not understood here");
            Statement {
                name: statement["Sid"].as_str().unwrap().to_owned(),
                allows: statement["Effect"] == "Allow",
                actions: texts(&statement["Action"]),
                resources: texts(&statement["Resource"]).iter().map(|arn| name(arn)).collect(),
                keys: Keys::Any,
            }
        };
        Self { statements: list.iter().map(of).collect() }
    }

    /// What of the policy allows a call.
    ///
    /// # Errors
    /// Why it does not.
    pub fn judge(&self, asked: &Asked) -> Result<BTreeSet<Grant>, String> {
        let holds = |statement: &&Statement| statement.holds(asked);
        if let Some(denies) = self.statements.iter().filter(|one| !one.allows).find(holds) {
            return Err(format!("{} denies it", denies.name));
        }
        let allowing: Vec<&Statement> = self.statements.iter().filter(|one| one.allows).filter(holds).collect();
        if allowing.is_empty() {
            return Err("no statement allows it".to_owned());
        }
        Ok(allowing.into_iter().flat_map(|statement| statement.used_by(asked)).collect())
    }

    /// Everything that its statements allow.
    pub fn grants(&self) -> BTreeSet<Grant> {
        let allowing = self.statements.iter().filter(|statement| statement.allows);
        let of = |statement: &Statement| {
            let keys = if let Keys::All(patterns) = &statement.keys { patterns.as_slice() } else { &[] };
            let all: Vec<Grant> =
                statement.actions.iter().chain(keys).map(|what| (statement.name.clone(), what.clone())).collect();
            all
        };
        allowing.flat_map(of).collect()
    }
}

impl Statement {
    fn holds(&self, asked: &Asked) -> bool {
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| is_like(pattern, text));
        any(&self.actions, &asked.action)
            && any(&self.resources, &asked.resource)
            && match &self.keys {
                Keys::Any => true,
                Keys::All(patterns) => !asked.keys.is_empty() && asked.keys.iter().all(|key| any(patterns, key)),
                Keys::Some(patterns) => asked.keys.iter().any(|key| any(patterns, key)),
            }
    }

    fn used_by(&self, asked: &Asked) -> BTreeSet<Grant> {
        let patterns = if let Keys::All(patterns) = &self.keys { patterns.as_slice() } else { &[] };
        let keys = patterns.iter().filter(|pattern| asked.keys.iter().any(|key| is_like(pattern, key)));
        let actions = self.actions.iter().filter(|action| is_like(action, &asked.action));
        actions.chain(keys).map(|what| (self.name.clone(), what.clone())).collect()
    }
}

/// A statement of the template.
fn of_template(statement: &Yaml) -> Statement {
    let name = statement["Sid"].as_str().expect("every statement has a Sid").to_owned();
    let elements = statement.as_mapping().unwrap().keys().filter_map(Yaml::as_str);
    for element in elements {
        assert!(["Sid", "Effect", "Action", "Resource", "Condition"].contains(&element), "{name}: {element}");
    }
    Statement {
        allows: statement["Effect"] == "Allow",
        actions: names(&statement["Action"]),
        resources: names(&statement["Resource"]),
        keys: statement.get("Condition").map_or(Keys::Any, |condition| keys(&name, condition)),
        name,
    }
}

fn keys(name: &str, condition: &Yaml) -> Keys {
    let (mut all, mut some, mut needs_some) = (Vec::new(), Vec::new(), false);
    for (operator, operands) in condition.as_mapping().unwrap() {
        for (key, values) in operands.as_mapping().unwrap() {
            if key == "kms:EncryptionContext:secrets" {
                assert_eq!(operator, "StringEquals", "{name}: this operator is not understood here");
                // A call without the key does not satisfy it.
                return Keys::All(names(values));
            }
            assert_eq!(key, "dynamodb:LeadingKeys", "{name}: this key of a condition is not understood here");
            match operator.as_str().unwrap() {
                "ForAllValues:StringLike" | "ForAllValues:StringEquals" => all.extend(names(values)),
                "ForAnyValue:StringLike" | "ForAnyValue:StringEquals" => some.extend(names(values)),
                "Null" if values == "false" => needs_some = true,
                other => panic!("{name}: the operator {other} is not understood here"),
            }
        }
    }
    // A call without such keys satisfies every ForAllValues.
    assert_eq!(needs_some, !all.is_empty(), "{name}: ForAllValues and Null belong together");
    match (all.is_empty(), some.is_empty()) {
        (false, true) => Keys::All(all),
        (true, false) => Keys::Some(some),
        _ => panic!("{name}: these conditions together are not understood here"),
    }
}

/// The texts of a value, references being the template's names: `!GetAtt Table.Arn` is `Table`.
fn names(value: &Yaml) -> Vec<String> {
    let of_attribute = |text: &str| match text.split_once('.') {
        Some((table, "StreamArn")) => format!("{table}/stream/*"),
        Some((name, "Arn")) => name.to_owned(),
        _ => text.to_owned(),
    };
    match value {
        Yaml::Sequence(list) => list.iter().flat_map(names).collect(),
        Yaml::String(text) => vec![text.clone()],
        Yaml::Tagged(tagged) => {
            let text = tagged.value.as_str().unwrap_or_else(|| panic!("{tagged:?} is not understood here"));
            vec![match tagged.tag.to_string().trim_start_matches('!') {
                "Ref" => text.to_owned(),
                "GetAtt" => of_attribute(text),
                "Sub" => text.split("${").enumerate().fold(String::new(), |so_far, (place, part)| {
                    match part.split_once('}') {
                        Some((name, rest)) if place > 0 => so_far + &of_attribute(name) + rest,
                        _ => so_far + part,
                    }
                }),
                other => panic!("{other} is not understood here"),
            }]
        }
        other => panic!("{other:?} is not understood here"),
    }
}

/// Whether a text is like a pattern, in which `*` stands for any text and `?` for one character.
fn is_like(pattern: &str, text: &str) -> bool {
    fn is(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|from| is(rest, &text[from..])),
            Some((first, rest)) => {
                text.split_first().is_some_and(|(one, after)| (*first == b'?' || first == one) && is(rest, after))
            }
        }
    }
    is(pattern.as_bytes(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Judged;

    fn asked(action: &str, resource: &str, keys: &[&str]) -> Asked {
        Asked {
            action: action.into(),
            resource: resource.into(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    const STATEMENTS: &str = r#"
- { Sid: Secrets, Effect: Deny, Action: ["dynamodb:GetItem"], Resource: !GetAtt Table.Arn,
    Condition: { "ForAnyValue:StringLike": { "dynamodb:LeadingKeys": ["g#*"] } } }
- { Sid: Table, Effect: Allow, Action: ["dynamodb:GetItem"], Resource: !GetAtt Table.Arn }
- { Sid: Jobs, Effect: Allow, Action: ["dynamodb:PutItem"], Resource: !GetAtt Table.Arn, Condition: {
    "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["jobs", "t#*"] }, "Null": { "dynamodb:LeadingKeys": "false" } } }
- { Sid: Files, Effect: Allow, Action: ["s3:GetObject"], Resource: !Sub "${Bucket.Arn}/reports/*" }
"#;

    fn policy() -> Policy {
        let list: Yaml = serde_yaml_ng::from_str(STATEMENTS).unwrap();
        Policy { statements: list.as_sequence().unwrap().iter().map(of_template).collect() }
    }

    #[test]
    fn what_no_statement_allows_is_refused_and_what_one_denies_too() {
        for (call, is_allowed) in [
            (asked("dynamodb:GetItem", "Table", &["t#a"]), true),
            (asked("dynamodb:GetItem", "Table", &["g#a"]), false),
            (asked("dynamodb:GetItem", "Table/index/due", &["t#a"]), false),
            (asked("dynamodb:PutItem", "Table", &["t#a"]), true),
            (asked("dynamodb:PutItem", "Table", &["t#a", "e#a"]), false),
            (asked("dynamodb:PutItem", "Table", &[]), false),
            (asked("s3:GetObject", "Bucket/reports/a", &[]), true),
            (asked("s3:GetObject", "Bucket/others/a", &[]), false),
        ] {
            assert_eq!(policy().judge(&call).is_ok(), is_allowed, "{call}");
        }
    }

    #[test]
    fn a_key_opens_the_named_kind_of_secrets_alone() {
        let statement = "{ Sid: Opens, Effect: Allow, Action: [kms:Decrypt], Resource: !GetAtt SecretsKey.Arn,
            Condition: { StringEquals: { \"kms:EncryptionContext:secrets\": senders } } }";
        let policy = Policy { statements: vec![of_template(&serde_yaml_ng::from_str(statement).unwrap())] };
        for (call, is_allowed) in [
            (asked("kms:Decrypt", "SecretsKey", &["senders"]), true),
            (asked("kms:Decrypt", "SecretsKey", &["messages"]), false),
            (asked("kms:Decrypt", "SecretsKey", &[]), false),
            (asked("kms:GenerateDataKey", "SecretsKey", &["senders"]), false),
        ] {
            assert_eq!(policy.judge(&call).is_ok(), is_allowed, "{call}");
        }
    }

    #[test]
    fn what_was_used_is_told_apart_from_what_is_only_allowed() {
        let calls = [asked("dynamodb:PutItem", "Table", &["t#a"]), asked("s3:GetObject", "Bucket/reports/a", &[])];
        let judged = Judged::of(&policy(), &calls);
        assert_eq!(judged.refused, Vec::<String>::new());
        let left: Vec<Grant> = policy().grants().difference(&judged.used).cloned().collect();
        let grant = |name: &str, what: &str| (name.to_owned(), what.to_owned());
        assert_eq!(left, [grant("Jobs", "jobs"), grant("Table", "dynamodb:GetItem")]);
    }

    #[test]
    fn every_function_of_the_template_has_a_policy() {
        let policies = Policy::of_functions();
        let functions = include_str!("../../../infra/template.yaml").matches("Type: AWS::Serverless::Function").count();
        assert_eq!(policies.len(), functions, "{:?}", policies.keys());
        assert!(policies.values().all(|policy| policy.grants().len() > 2));
    }
}
