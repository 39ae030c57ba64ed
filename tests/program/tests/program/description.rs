//! The API's description, `openapi.yaml`: its operations, and the calls that follow from it.
//!
//! Must stay true: what the description says of a call (who may make it, which values it refuses, its body and its
//! status) is read here and written in no test, so that a new operation is called without a row of its own.

use crate::operations::{Operation, Who, senders_without};
use boon::{Compiler, Draft, SchemaIndex, Schemas};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

/// The paths of all senders, whose names are filled in.
const SOURCE: &str = "/hooks/{tenant}/{source}";
const SOURCE_WITH_SECRET: &str = "/hooks/{tenant}/{source}/{secret}";
/// Values of which each parameter refuses those that its schema does not allow.
const TRIED: [&str; 6] = ["hush", "2026-02-30", "-0001-01-01", "%2B5", "5.5", "1e1"];

/// The description as written, with the names of the senders.
pub struct Document(pub Value);

impl Document {
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let yaml = std::fs::read_to_string(root.join("functions/admin-api/openapi.yaml")).unwrap();
        let mut document: Value = serde_yaml_ng::from_str(&yaml).unwrap();
        let paths: Vec<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        for (path, path_secret) in [(SOURCE, None), (SOURCE_WITH_SECRET, Some(""))] {
            let parameters = document["paths"][path]["parameters"].as_array_mut().unwrap();
            let source = parameters.iter_mut().find(|one| one["name"] == "source").unwrap();
            source["schema"]["enum"] = senders_without(&paths, path_secret).collect();
        }
        Self(document)
    }

    /// The value itself, or the one that it refers to.
    pub fn at<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => self.at(self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap()),
            None => value,
        }
    }

    /// Every operation with its method, its path and the parameters of all operations of the path.
    pub fn operations(&self) -> impl Iterator<Item = (Method, &str, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        paths.iter().flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
            operations.map(move |(method, one)| (method.to_uppercase().parse().unwrap(), path.as_str(), one))
        })
    }

    pub fn operation(&self, route: &str) -> &Value {
        let (method, path) = route.split_once(' ').unwrap();
        &self.0["paths"][path][method.to_lowercase()]
    }

    fn compiled(&self, schema: &Value) -> (Schemas, SchemaIndex) {
        let root = json!({"allOf": [schema], "components": {"schemas": self.0["components"]["schemas"]}});
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource("urn:schema", root).unwrap();
        let index = compiler.compile("urn:schema", &mut schemas).unwrap();
        (schemas, index)
    }

    pub fn assert_valid(&self, schema: &Value, value: &Value, what: &str) {
        let (schemas, index) = self.compiled(schema);
        if let Err(wrong) = schemas.validate(value, index) {
            panic!("{what}: {wrong:#}\n{value}");
        }
    }

    /// The valid call of each operation that is not a webhook.
    pub fn calls(&self) -> Vec<Operation> {
        let own = self.operations().filter(|(_, path, _)| !path.starts_with("/hooks/"));
        own.map(|(method, path, operation)| self.call(&method, path, operation)).collect()
    }

    fn call(&self, method: &Method, path: &str, operation: &Value) -> Operation {
        let who = match (operation["security"].as_array(), operation["x-role"].as_str()) {
            (Some(schemes), _) if schemes.is_empty() => Who::Anybody,
            (_, Some(_)) => Who::Admins,
            (_, None) => Who::Readers,
        };
        let statuses = operation["responses"].as_object().unwrap().keys().map(|status| status.parse().unwrap());
        let status: u16 = statuses.filter(|status| *status < 400 && *status != 304).min().unwrap();
        let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
        let query = parameters.into_iter().map(|one| self.at(one)).filter(|one| one["in"] == "query");
        let body = operation.get("requestBody").map(|body| {
            let example = &self.at(body)["content"]["application/json"]["examples"]["body"];
            self.at(example)["value"].clone()
        });
        let is_read = [Method::GET, Method::HEAD].contains(method);
        Operation {
            route: format!("{method} {path}"),
            call: with_samples(path, is_read),
            body,
            who,
            status,
            readers: status,
            theirs: if path.contains('{') { 404 } else { status },
            bad_queries: query.flat_map(|parameter| self.refused(parameter)).collect(),
            bad_bodies: Vec::new(),
        }
    }

    /// Queries with a value that the parameter does not allow, and its name.
    fn refused(&self, parameter: &Value) -> Vec<(String, String)> {
        let name = parameter["name"].as_str().unwrap();
        let schema = self.at(&parameter["schema"]);
        let (schemas, index) = self.compiled(schema);
        let beside = |limit: &str, step: i64| Some((schema[limit].as_i64()? + step).to_string());
        let limits = [beside("minimum", -1), beside("maximum", 1)].into_iter().flatten();
        let tried = TRIED.map(str::to_owned).into_iter().chain(limits);
        let read = |text: &str| match schema["type"].as_str() {
            Some("integer" | "boolean") => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            _ => Value::from(text),
        };
        let mut values: Vec<String> = tried.filter(|text| schemas.validate(&read(text), index).is_err()).collect();
        // No parameter is empty, or of bytes that are not UTF-8.
        values.extend(["", "%FF"].map(str::to_owned));
        let twice = schema["enum"].as_array().map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        if let Some([one, other, ..]) = twice.as_deref() {
            values.push(format!("{one}&{name}={other}"));
        }
        values.into_iter().map(|value| (format!("{name}={value}"), name.to_owned())).collect()
    }
}

/// A path whose names in braces are replaced by those of values of the sample: the entry of a list is called like the
/// list (`/api/devices/{devices}/esp`), and one that the call may change `spare` (`{spare-esp-profiles}`).
fn with_samples(path: &str, is_read: bool) -> String {
    let mut before = "";
    let segments = path.split('/').map(|segment| {
        let list = std::mem::replace(&mut before, segment);
        match (segment.starts_with('{'), is_read) {
            (false, _) => segment.to_owned(),
            (true, true) => format!("{{{list}}}"),
            (true, false) => format!("{{spare-{list}}}"),
        }
    });
    segments.collect::<Vec<_>>().join("/")
}
