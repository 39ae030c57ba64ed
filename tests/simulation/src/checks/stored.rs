//! What is in the table, read without any index: items, segments, images.

use crate::run::Violation;
use crate::sent::names;
use crate::world::{OBSERVER, World};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use vestibule_domain::identity::{Identifier, IdentifierKind};
use vestibule_domain::{History, TenantId, Timestamp};
use vestibule_store::{Image, ItemKey};

/// An enrollment in the table.
pub struct Held {
    /// Its key.
    pub key: ItemKey,
    /// Its device.
    pub device: usize,
    /// All its events.
    pub history: History,
    /// When it was last folded.
    pub folded_at: Timestamp,
    /// When it is due.
    pub due_at: Option<Timestamp>,
}

/// Every enrollment that is readable and has not expired, by tenant.
pub async fn stored(world: &World) -> Result<BTreeMap<TenantId, Vec<Held>>, Violation> {
    let observer = world.machine(OBSERVER);
    let items = world.aws.services().table.items();
    let unreadable: Vec<usize> = world.state.borrow().unreadable.iter().copied().collect();
    let mut all: BTreeMap<TenantId, Vec<Held>> = BTreeMap::new();
    for item in items {
        let number = |name: &str| item[name]["N"].as_str().and_then(|number| number.parse::<i64>().ok());
        if number("x").is_some_and(|expires| expires * 1_000 < world.time.now_ms()) {
            continue;
        }
        let item = attributes(&item);
        let image = match Image::decode(&item) {
            Ok(None) => continue,
            Ok(Some(image)) => image,
            // The run made it unreadable.
            Err(_) if !unreadable.is_empty() => continue,
            Err(error) => return Err(Violation::new("unreadable item", error)),
        };
        let history = observer.store.complete_image(&image).await;
        let history =
            history.map_err(|error| Violation::new("unreadable segments", format!("{}: {error}", image.key)))?;
        let of_unreadable = |device: &usize| is_of(&history, *device);
        if unreadable.iter().any(of_unreadable) {
            continue;
        }
        let device = (0..world.plan.devices.len()).find(|device| is_of(&history, *device)).unwrap_or(usize::MAX);
        all.entry(image.key.tenant().clone()).or_default().push(Held {
            key: image.key,
            device,
            history,
            folded_at: image.folded_at,
            due_at: number("da").map(Timestamp::from_millis),
        });
    }
    Ok(all)
}

fn is_of(history: &History, device: usize) -> bool {
    use IdentifierKind::{EnrollmentId, MdmDeviceId, SerialNumber, Udid};
    let kinds = [SerialNumber, Udid, MdmDeviceId, EnrollmentId];
    let names = kinds.into_iter().zip(names(device)).filter_map(|(kind, name)| Identifier::new(kind, &name));
    names.into_iter().any(|name| history.identifiers().contains(&name))
}

/// An item in the SDK's form, from DynamoDB's JSON.
fn attributes(item: &Value) -> HashMap<String, AttributeValue> {
    let members = item.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &Value) -> AttributeValue {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match value.as_object().and_then(|one| one.iter().next()) {
        Some((kind, value)) => match kind.as_str() {
            "S" => AttributeValue::S(text(value)),
            "N" => AttributeValue::N(text(value)),
            "B" => AttributeValue::B(Blob::new(STANDARD.decode(text(value)).unwrap_or_default())),
            "BOOL" => AttributeValue::Bool(value.as_bool().unwrap_or_default()),
            "L" => AttributeValue::L(value.as_array().into_iter().flatten().map(attribute).collect()),
            "M" => AttributeValue::M(attributes(value)),
            _ => AttributeValue::Null(true),
        },
        None => AttributeValue::Null(true),
    }
}
