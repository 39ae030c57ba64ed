//! What a request asks of IAM: actions on resources, with the partition keys that it names.

use crate::requests::Request;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// An action on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Such as `dynamodb:GetItem`.
    pub action: String,
    /// By the template's names, such as `Table/index/due`.
    pub resource: String,
    /// The values of `dynamodb:LeadingKeys`; of a call of KMS, the kind of secrets that its encryption context names.
    pub keys: BTreeSet<String>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        if self.keys.is_empty() { Ok(()) } else { write!(f, " at {:?}", self.keys) }
    }
}

impl Asked {
    fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned(), keys: BTreeSet::new() }
    }

    /// What a request asks for; a request that is not understood asks for something that no policy allows.
    pub(crate) fn of(request: &Request) -> Vec<Self> {
        let service = request.signed_by().map_or("", |(_, service)| service);
        let target = request.headers.get("x-amz-target").map_or("", String::as_str);
        let operation = target.rsplit('.').next().unwrap_or_default();
        match service {
            "s3" => vec![of_s3(request)],
            "events" => vec![Self::new(&format!("events:{operation}"), "EventBus")],
            "dynamodb" if target.starts_with("DynamoDBStreams_") => {
                vec![Self::new(&format!("dynamodb:{operation}"), "Table/stream/1")]
            }
            "dynamodb" => of_table(operation, &serde_json::from_slice(&request.body).unwrap_or_default()),
            "kms" => {
                let call: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let kind = call["EncryptionContext"]["secrets"].as_str().map(str::to_owned);
                let asked = Self::new(&format!("kms:{operation}"), "SecretsKey");
                vec![Self { keys: kind.into_iter().collect(), ..asked }]
            }
            "cloudformation" => {
                let form = String::from_utf8_lossy(&request.body).into_owned();
                let action = form.split('&').find_map(|pair| pair.strip_prefix("Action="));
                vec![Self::new(&format!("cloudformation:{}", action.unwrap_or("?")), "Stack")]
            }
            _ => vec![Self::new(&format!("{service}:{operation}"), &format!("{} {}", request.method, request.path))],
        }
    }
}

fn of_s3(request: &Request) -> Asked {
    let has = |name: &str| request.query.contains_key(name);
    let (_bucket, key) = request.path.split_once('/').unwrap_or((&request.path, ""));
    if key.is_empty() {
        let action = match request.method.as_str() {
            "HEAD" => "ListBucket".to_owned(),
            "GET" if request.query.is_empty() || has("list-type") || has("prefix") => "ListBucket".to_owned(),
            other => format!("? {other} of the bucket with {:?}", request.query.keys()),
        };
        return Asked::new(&format!("s3:{action}"), "Bucket");
    }
    let action = match request.method.as_str() {
        "GET" if has("uploadId") => "ListMultipartUploadParts",
        "GET" | "HEAD" => "GetObject",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        // A part, the begin of an upload in parts, and its end.
        "PUT" | "POST" => "PutObject",
        _ => "?",
    };
    Asked::new(&format!("s3:{action}"), &format!("Bucket/{key}"))
}

/// A transaction asks for the action of each of its members.
fn of_table(operation: &str, body: &Value) -> Vec<Asked> {
    let members = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    match operation {
        "TransactWriteItems" => {
            let of = |(kind, call): (&str, Value)| {
                let action =
                    if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") };
                on_table(&action, &call)
            };
            let kinds = ["ConditionCheck", "Put", "Update", "Delete"];
            let calls = members("TransactItems").into_iter();
            calls
                .flat_map(|member| kinds.map(|kind| (kind, member[kind].clone())))
                .filter(|(_, call)| !call.is_null())
                .map(of)
                .collect()
        }
        "TransactGetItems" => {
            members("TransactItems").iter().map(|member| on_table("GetItem", &member["Get"])).collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().cloned().unwrap_or_default();
            let of = |(_, wanted): (String, Value)| {
                let mut asked = Asked::new(&format!("dynamodb:{operation}"), "Table");
                let list = wanted["Keys"].as_array().or_else(|| wanted.as_array()).cloned().unwrap_or_default();
                let puts = |one: &Value| one["PutRequest"]["Item"]["pk"]["S"].as_str().map(str::to_owned);
                let deletes = |one: &Value| one["DeleteRequest"]["Key"]["pk"]["S"].as_str().map(str::to_owned);
                let gets = |one: &Value| one["pk"]["S"].as_str().map(str::to_owned);
                asked.keys =
                    list.iter().filter_map(|one| gets(one).or_else(|| puts(one)).or_else(|| deletes(one))).collect();
                asked
            };
            tables.into_iter().map(of).collect()
        }
        _ => vec![on_table(operation, body)],
    }
}

fn on_table(action: &str, call: &Value) -> Asked {
    let index = call["IndexName"].as_str().map_or(String::new(), |index| format!("/index/{index}"));
    let mut asked = Asked::new(&format!("dynamodb:{action}"), &format!("Table{index}"));
    let of_item = |name: &str| call[name]["pk"]["S"].as_str().map(str::to_owned);
    asked.keys.extend(of_item("Key").or_else(|| of_item("Item")).or_else(|| of_condition(call)));
    asked
}

/// The partition key of a query: what its condition says is equal, first of all.
fn of_condition(call: &Value) -> Option<String> {
    let condition = call["KeyConditionExpression"].as_str()?;
    let (_, rest) = condition.split_once('=')?;
    let value = rest.split_whitespace().next()?.trim_end_matches(')');
    call["ExpressionAttributeValues"][value]["S"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(operation: &str, body: &Value) -> Vec<String> {
        of_table(operation, body).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn calls_of_the_table_name_actions_and_partition_keys() {
        let key = |pk: &str| json!({"pk": {"S": pk}, "sk": {"S": "x"}});
        let transaction = json!({"TransactItems": [
            {"ConditionCheck": {"TableName": "t", "Key": key("a")}}, {"Put": {"TableName": "t", "Item": key("b")}},
        ]});
        assert_eq!(
            asked("TransactWriteItems", &transaction),
            [r#"dynamodb:ConditionCheckItem on Table at {"a"}"#, r#"dynamodb:PutItem on Table at {"b"}"#]
        );
        let several = json!({"RequestItems": {"t": {"Keys": [key("a"), key("b")]}}});
        assert_eq!(asked("BatchGetItem", &several), [r#"dynamodb:BatchGetItem on Table at {"a", "b"}"#]);
        let writes = json!({"RequestItems": {"t": [{"PutRequest": {"Item": key("a")}}]}});
        assert_eq!(asked("BatchWriteItem", &writes), [r#"dynamodb:BatchWriteItem on Table at {"a"}"#]);
        let query = json!({"IndexName": "due", "KeyConditionExpression": "#ds = :ds AND #da <= :now",
            "ExpressionAttributeValues": {":ds": {"S": "3"}, ":now": {"N": "1"}}});
        assert_eq!(asked("Query", &query), [r#"dynamodb:Query on Table/index/due at {"3"}"#]);
    }

    #[test]
    fn calls_of_the_bucket_are_told_apart_by_their_query() {
        let of = |method: &str, path: &str, query: &str| {
            let query = query.split('&').filter(|name| !name.is_empty()).map(|name| (name.to_owned(), String::new()));
            let request =
                Request { method: method.into(), path: path.into(), query: query.collect(), ..Request::default() };
            of_s3(&request).to_string()
        };
        assert_eq!(of("HEAD", "b/reports/x", ""), "s3:GetObject on Bucket/reports/x");
        assert_eq!(of("POST", "b/reports/x", "uploads"), "s3:PutObject on Bucket/reports/x");
        assert_eq!(of("DELETE", "b/reports/x", "uploadId"), "s3:AbortMultipartUpload on Bucket/reports/x");
        assert_eq!(of("GET", "b", "list-type&prefix"), "s3:ListBucket on Bucket");
    }
}
