//! A table, a bucket and a tenant, as on one machine.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification};
use aws_sdk_s3::primitives::ByteStream;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use vestibule_advice::Catalogue;
use vestibule_archive::Archive;
use vestibule_domain::{Millis, TenantId, TenantSettings, Timestamp};
use vestibule_host::dynamodb::{DynamoDb, create_table};
use vestibule_host::s3::ObjectStore;
use vestibule_host::{Clients, Services, Template};
use vestibule_report::Reader;
use vestibule_store::{FileRecord, Secret, SettingsHistory, Store, Tenant};
use vestibule_webhook::Received;
use vestibule_webhook::cloudevents::{Parsed, parse_event};

pub const TABLE: &str = "table";
pub const BUCKET: &str = "bucket";

type Item = HashMap<String, AttributeValue>;

pub struct World {
    pub store: Store,
    pub clients: Clients,
    pub folder: tempfile::TempDir,
    _engine: DynamoDb,
}

/// This many minutes after the first instant of a test.
pub fn minute(minutes: i64) -> Timestamp {
    Timestamp::parse("2026-03-10T08:00:00Z").unwrap() + Millis::from_minutes(minutes)
}

pub fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

impl World {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = DynamoDb::start(None).unwrap();
        let objects = ObjectStore::open(folder.path().join("objects")).unwrap();
        let clients = Services::new().unwrap().with_table(&engine).with_files(objects).clients();
        create_table(&clients.dynamodb, &Template::embedded().unwrap().table, TABLE).await.unwrap();
        let without = StreamSpecification::builder().stream_enabled(false).build().unwrap();
        clients.dynamodb.update_table().table_name(TABLE).stream_specification(without).send().await.unwrap();
        clients.s3.create_bucket().bucket(BUCKET).send().await.unwrap();
        let store = Store::new(clients.dynamodb.clone(), TABLE);
        Self { store, clients, folder, _engine: engine }
    }

    /// The files as seen by a process whose scratch folder is called `name`; it holds nothing in memory yet.
    pub fn archive(&self, name: &str) -> Archive {
        self.archive_over(Store::new(self.clients.dynamodb.clone(), TABLE), name)
    }

    /// The same, which reads the table as `store` does.
    pub fn archive_over(&self, store: Store, name: &str) -> Archive {
        let advice = Arc::new(Catalogue::built_in().clone());
        Archive::new(store, self.clients.s3.clone(), BUCKET.to_owned(), self.scratch(name), advice)
    }

    pub fn scratch(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub async fn tenant(&self, name: &str) -> Tenant {
        let mut tenant = Tenant {
            id: id(name),
            created_at: minute(0),
            settings: TenantSettings::default(),
            webhook_secrets: Vec::new(),
            sources: Vec::new(),
            tokens: Vec::new(),
            sign_in_codes: Vec::new(),
            pseudonym_key: Secret::new("key").into(),
            settings_history: SettingsHistory::default(),
            source_settings: std::collections::BTreeMap::new(),
            feed: None,
            sealing: vestibule_store::Sealing::default(),
            version: 0,
        };
        self.store.create_tenant(&mut tenant).await.unwrap();
        tenant
    }

    /// A device that begins and enters `steps` steps, all at once.
    pub async fn device(&self, tenant: &Tenant, number: usize, steps: usize, at: Timestamp) {
        let events = (0..=steps).map(|step| {
            let kind = if step == 0 { "enrollment.started" } else { "enrollment.step.entered" };
            let mut data = json!({
                "device": { "serialNumber": format!("S{number:08}"), "name": format!("Phone {number}") },
                "platform": "iOS",
            });
            if step > 0 {
                data["action"] = json!("iOSProfileLaunch");
            }
            let event = json!({
                "specversion": "1.0",
                "id": format!("{:032x}", (number as u128 + 1) * 0x9e37_79b9_7f4a_7c15_f39c + step as u128 * 0xbf58_476d_1ce4_e5b9_94d0),
                "source": "https://mdm.example.com",
                "type": kind,
                "time": (at - Millis::from_seconds(i64::try_from(steps - step).unwrap())).to_string(),
                "data": data,
            });
            match parse_event(&event, Received::native(at, false)) {
                Parsed::Event(event) => *event,
                _ => panic!("refused: {event}"),
            }
        });
        self.store.add_events(&tenant.id, &tenant.settings, events.collect(), at).await.unwrap();
    }

    /// An event of a phone that is not reported otherwise.
    pub async fn event(&self, tenant: &Tenant, number: usize, kind: &str, at: Timestamp) {
        let event = json!({
            "specversion": "1.0",
            "id": format!("{kind}-{number}"),
            "source": "https://mdm.example.com",
            "type": kind,
            "time": at.to_string(),
            "data": { "device": { "serialNumber": format!("S{number:08}") }, "platform": "iOS" },
        });
        let Parsed::Event(event) = parse_event(&event, Received::native(at, false)) else {
            panic!("refused: {event}");
        };
        self.store.add_events(&tenant.id, &tenant.settings, vec![*event], at).await.unwrap();
    }

    /// The items of enrollments: heads have `h` at the beginning of their sort key, segments `s`.
    pub async fn items(&self, kind: &str) -> Vec<Item> {
        let mut all = self.clients.dynamodb.scan().table_name(TABLE).into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = all.next().await {
            let item = item.unwrap();
            let text = |name: &str| item[name].as_s().unwrap().clone();
            if text("pk").starts_with("e#") && text("sk").starts_with(kind) {
                items.push(item);
            }
        }
        items.sort_by_key(|item| item["pk"].as_s().unwrap().clone());
        items
    }

    pub async fn put(&self, item: &Item) {
        self.clients.dynamodb.put_item().table_name(TABLE).set_item(Some(item.clone())).send().await.unwrap();
    }

    /// Replaces an item's history with something that is not one.
    pub async fn corrupt(&self, item: &Item) {
        let mut corrupt = item.clone();
        corrupt.insert("d".to_owned(), AttributeValue::B(Blob::new([0xff; 9])));
        self.put(&corrupt).await;
    }

    pub async fn delete(&self, item: &Item) {
        let key = ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone())).into();
        self.clients.dynamodb.delete_item().table_name(TABLE).set_key(Some(key)).send().await.unwrap();
    }

    pub async fn put_object(&self, key: &str, body: Vec<u8>) {
        let put = self.clients.s3.put_object().bucket(BUCKET).key(key).body(ByteStream::from(body));
        put.send().await.unwrap();
    }

    pub async fn object(&self, key: &str) -> Vec<u8> {
        let answer = self.clients.s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        answer.body.collect().await.unwrap().to_vec()
    }

    pub async fn delete_object(&self, key: &str) {
        self.clients.s3.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }

    /// A published file's own metadata, after downloading it.
    pub async fn meta(&self, file: &FileRecord) -> BTreeMap<String, String> {
        let path = self.folder.path().join("download.sqlite");
        self.archive("download").download(file, &path).await.unwrap();
        vestibule_report::check(&path).unwrap();
        Reader::open(&path).unwrap().meta().unwrap().0
    }
}

/// How many devices a report shows as being enrolled, and its instant.
pub fn moving(reader: &Reader<'_>) -> Result<(u64, Timestamp), vestibule_report::Error> {
    Ok((reader.status()?.in_progress, reader.as_of()))
}

pub fn files_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
