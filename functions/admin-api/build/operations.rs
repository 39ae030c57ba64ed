//! Writes the operations of the API's description as Rust, with the types of `src/operation.rs`, and as a module of the
//! page.

use crate::Result;
use serde_yaml_ng::Value;
use std::fmt::Write as _;

/// Members of a path that are operations.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// A module of the page: method, path and question by the name of the operation.
pub fn module(document: &Value) -> Result<String> {
    let mut entries = serde_json::Map::new();
    for (path, item) in members(&document["paths"])?.iter().filter(|(path, _)| !is_webhook(path)) {
        for method in METHODS.into_iter().filter(|method| !item[*method].is_null()) {
            let operation = &item[method];
            let entry = serde_json::json!({
                "method": method.to_uppercase(),
                "path": text(path)?,
                "question": operation["x-question"].as_str(),
            });
            entries.insert(text(&operation["operationId"])?.to_owned(), entry);
        }
    }
    Ok(format!("// Made from openapi.yaml.\nexport default {};\n", serde_json::to_string_pretty(&entries)?))
}

/// Webhooks belong to another function.
fn is_webhook(path: &Value) -> bool {
    path.as_str().is_some_and(|path| path.starts_with("/hooks/"))
}

/// The operations that this function serves, as Rust.
pub fn operations(document: &Value) -> Result<String> {
    let (mut own, mut open, mut routes) = (String::new(), String::new(), String::new());
    for (path, item) in members(&document["paths"])?.iter().filter(|(path, _)| !is_webhook(path)) {
        let path = text(path)?;
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let of_path = list(&item["parameters"]);
        let (mut methods, mut allow) = (String::new(), Vec::new());
        for method in METHODS {
            let operation = &item[method];
            if operation.is_null() {
                continue;
            }
            allow.push(method.to_uppercase());
            let id = text(&operation["operationId"])?;
            let name = format!("{}{}", id[..1].to_uppercase(), &id[1..]);
            let who = who(operation)?;
            let summary = text(&operation["summary"])?;
            let by = match (&operation["x-question"], who) {
                (Value::Null, None) => {
                    writeln!(open, "    /// {summary}.\n    {name},")?;
                    format!("Openly(Open::{name})")
                }
                (Value::Null, Some(who)) => {
                    writeln!(own, "    /// {summary}.\n    {name},")?;
                    format!("Operation(Operation::{name}, Who::{who})")
                }
                (question, Some("Readers")) => format!("Question({:?})", text(question)?),
                (question, _) => {
                    return Err(format!("{question:?} is a question, so all credentials must be allowed").into());
                }
            };
            let mut query = String::new();
            for parameter in of_path.iter().chain(list(&operation["parameters"])) {
                let parameter = meant(document, parameter)?;
                if parameter["in"] == "query" {
                    let kind = kind(meant(document, &parameter["schema"])?)?;
                    write!(query, "Parameter {{ name: {:?}, kind: {kind} }}, ", text(&parameter["name"])?)?;
                }
            }
            let method = method.to_uppercase();
            writeln!(
                methods,
                "        Served {{ id: {id:?}, method: Method::{method}, by: By::{by}, query: &[{query}] }},"
            )?;
        }
        let allow = allow.join(", ");
        writeln!(routes, "    Route {{ segments: &{segments:?}, allow: {allow:?}, served: &[\n{methods}    ] }},")?;
    }
    Ok(format!(
        "/// An operation of `openapi.yaml` that needs a credential, by its `operationId`, without questions of the file.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub(crate) enum Operation {{\n{own}}}\n\n\
         /// An operation that needs no credential.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub(crate) enum Open {{\n{open}}}\n\n\
         /// All paths with their operations.\nstatic ROUTES: &[Route] = &[\n{routes}];\n"
    ))
}

/// Who may call an operation; `None` if `security` is empty, so that no credential is needed. `x-role` names the role
/// that it needs; `x-all-profiles` refuses tokens that are limited to scope tags.
fn who(operation: &Value) -> Result<Option<&'static str>> {
    let is_open = operation["security"].as_sequence().is_some_and(Vec::is_empty);
    match (is_open, operation["x-role"].as_str(), operation["x-all-profiles"].as_bool()) {
        (true, None, None) => Ok(None),
        (false, None, None) => Ok(Some("Readers")),
        (false, None, Some(true)) => Ok(Some("UnlimitedReaders")),
        (false, Some("admin"), None) => Ok(Some("Admins")),
        (false, Some("admin"), Some(true)) => Ok(Some("UnlimitedAdmins")),
        _ => Err("this combination of security, x-role and x-all-profiles is unknown".into()),
    }
}

/// What a value of the query must be.
fn kind(schema: &Value) -> Result<String> {
    if let Some(values) = schema["enum"].as_sequence() {
        let values = values.iter().map(text).collect::<Result<Vec<_>>>()?;
        return Ok(format!("Kind::OneOf(&{values:?})"));
    }
    Ok("Kind::Any".to_owned())
}

/// The value itself, or the one that it refers to.
fn meant<'d>(document: &'d Value, value: &'d Value) -> Result<&'d Value> {
    let Some(reference) = value["$ref"].as_str() else { return Ok(value) };
    let names = reference.strip_prefix("#/").ok_or("a reference to another document")?;
    Ok(names.split('/').fold(document, |value, name| &value[name]))
}

fn members(value: &Value) -> Result<&serde_yaml_ng::Mapping> {
    value.as_mapping().ok_or_else(|| "not a mapping".into())
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| format!("{value:?} is not a text").into())
}
