//! What the tests of the Enrollment Status Page have in common.

use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use vestibule_domain::Millis;
use vestibule_program_tests::{Answer, Client, Folder, Sender, Serve, Tenant, event, now};

pub const PROFILES: &str = "/api/devices/esp-profiles";

pub struct Setup {
    pub folder: Folder,
    pub serve: Serve,
    pub contoso: Tenant,
    pub admin: Client,
    pub sender: Sender,
}

pub fn set_up() -> Setup {
    let folder = Folder::new();
    let serve = folder.serve();
    let contoso = folder.add_tenant("contoso");
    let admin = Client::new(&serve.url, &contoso.admin);
    let sender = serve.sender(&contoso);
    Setup { folder, serve, contoso, admin, sender }
}

impl Setup {
    /// A client with another token of the tenant.
    pub fn client(&self, options: &[&str]) -> Client {
        Client::new(&self.serve.url, &self.token(options))
    }

    pub fn token(&self, options: &[&str]) -> String {
        let added = self.folder.json(&[&["token", "add", "contoso"], options].concat());
        added["token"].as_str().unwrap().to_owned()
    }

    /// Adds a profile, and gives its id.
    pub async fn make(&self, body: &Value) -> String {
        let made = send(&self.admin, Method::POST, PROFILES, body).await.ok(201);
        made["id"].as_str().unwrap().to_owned()
    }

    pub async fn assign(&self, id: &str, targets: &[Value]) -> Value {
        send(&self.admin, Method::POST, &format!("{PROFILES}/{id}/assign"), &assignments(targets)).await.ok(200)
    }

    pub async fn list(&self) -> Vec<Value> {
        list(&self.admin).await
    }

    /// The device's page as JSON.
    pub async fn page(&self, device: &str) -> Value {
        self.admin.json(&format!("/api/devices/{device}/esp")).await
    }

    /// Posts events of the page, all of which must be new.
    pub async fn hear(&self, events: &[Value]) {
        let reply = self.sender.post_to("esp-status", &json!(events)).await.ok(202);
        assert_eq!(reply["accepted"], events.len(), "{reply}");
    }

    /// What was published of that kind, by device.
    pub fn published(&self, transition: &str) -> Vec<Value> {
        let bus = std::fs::read_dir(self.folder.data().join("bus")).unwrap();
        let logs = bus.map(|entry| entry.unwrap().path()).filter(|path| path.ends_with("events.ndjson"));
        let text: String = logs.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["detail-type"] == transition).map(|event| event["detail"].clone()).collect()
    }
}

pub async fn list(client: &Client) -> Vec<Value> {
    client.json(PROFILES).await["value"].as_array().unwrap().clone()
}

/// Sends a body, unless it is null.
pub async fn send(client: &Client, method: Method, path: &str, body: &Value) -> Answer {
    send_if(client, method, path, body, "").await
}

/// The same on condition that the profile has that tag.
pub async fn send_if(client: &Client, method: Method, path: &str, body: &Value, tag: &str) -> Answer {
    let mut request = client.request(method, path);
    if !body.is_null() {
        request = request.json(body);
    }
    if !tag.is_empty() {
        request = request.header("if-match", tag);
    }
    Answer::of(request.send().await.unwrap()).await
}

pub fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

/// A profile of that name, with more members.
pub fn named(name: &str, more: &Value) -> Value {
    let mut body = json!({"displayName": name});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub fn group(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": id})
}

pub fn everything(kind: &str) -> Value {
    json!({"@odata.type": format!("#microsoft.graph.{kind}AssignmentTarget")})
}

/// The target under a filter.
pub fn filtered(mut target: Value, kind: &str, rule: &str) -> Value {
    target["deviceAndAppManagementAssignmentFilterType"] = kind.into();
    target["deviceAndAppManagementAssignmentFilterRule"] = rule.into();
    target
}

/// The body of `assign`.
pub fn assignments(targets: &[Value]) -> Value {
    let targets: Vec<_> = targets.iter().map(|target| json!({"target": target})).collect();
    json!({"enrollmentConfigurationAssignments": targets})
}

/// Fields that a problem names.
pub fn fields(problem: &Value) -> BTreeSet<&str> {
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors: {problem}"));
    for error in errors {
        assert!(error["problem"].as_str().is_some_and(|problem| !problem.is_empty()), "{problem}");
    }
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

/// Names of profiles and their priorities, in the order of the list.
pub fn order(list: &[Value]) -> Vec<(&str, u64)> {
    list.iter().map(|one| (one["displayName"].as_str().unwrap(), one["priority"].as_u64().unwrap())).collect()
}

/// An event of the page of the device with that serial number.
pub fn page_event(kind: &str, serial: &str, minutes_ago: i64, more: &Value) -> Value {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let id = format!("{kind}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut data = json!({"device": {"serialNumber": serial}, "platform": "windows"});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event(&id, kind, now() - Millis::from_minutes(minutes_ago), &data)
}

/// News of an item of the device's part.
pub fn item(serial: &str, minutes_ago: i64, category: &str, item: &Value) -> Value {
    page_event("esp.item", serial, minutes_ago, &json!({"phase": "deviceSetup", "category": category, "item": item}))
}

pub fn app(serial: &str, minutes_ago: i64, id: &str, state: &str) -> Value {
    item(serial, minutes_ago, "apps", &json!({"id": id, "name": format!("App {id}"), "state": state}))
}

/// The subtask of a device's page.
pub fn subtask<'p>(page: &'p Value, phase: &str, category: &str) -> &'p Value {
    let phases = page["phases"].as_array().unwrap();
    let phase = phases.iter().find(|one| one["phase"] == phase).unwrap_or_else(|| panic!("no {phase}: {page}"));
    let subtasks = phase["subtasks"].as_array().unwrap();
    subtasks.iter().find(|one| one["category"] == category).unwrap_or_else(|| panic!("no {category}: {page}"))
}
