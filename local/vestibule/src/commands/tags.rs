//! `tags import`: the tags of devices, from a table that an organisation keeps of them.
//!
//! Each row becomes an `enrollment.tagged` event, which the intake takes as if it had been posted.
//!
//! Must stay true: a table with anything wrong in it changes nothing. A row that says what is known already is no event, so
//! a table may be imported every night, and an import that was interrupted again.

mod table;

use crate::app::App;
use crate::cli::{Common, TagsCommand};
use crate::output::{Lines, answer};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use std::path::Path;
use table::Row;
use vestibule_domain::identity::IdentifierKind;
use vestibule_domain::{Identifier, StoredFormat, Timestamp, fold};
use vestibule_intake::{Status, store_batch};
use vestibule_platform::BoxError;
use vestibule_store::{StoreError, Tenant};
use vestibule_webhook::cloudevents::Batch;
use vestibule_words::form::{count, plural};

/// Rows stored together.
const ROWS: usize = 500;
/// Devices looked up at a time.
const CONCURRENCY: usize = 16;

pub async fn tags(command: TagsCommand) -> Result<(), BoxError> {
    match command {
        TagsCommand::Import { name, file, common } => import(&name, &file, &common).await,
    }
}

/// What is known of a device.
enum Known {
    /// Nothing but tags, if anything.
    Nothing,
    /// Other tags than those of its row, or none.
    Others,
    /// The tags of its row.
    These,
}

async fn import(name: &str, file: &Path, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let tenant = app.tenant(name).await?;
    let (needed, in_force) = (StoredFormat::Third, tenant.settings.format);
    if in_force < needed {
        return Err(StoreError::Older { what: "tags", needed, in_force }.into());
    }
    let now = app.now();
    let rows = table::read(file, &tenant, now)?;
    let all = rows.len();
    let (mut tagged, mut unchanged, mut unknown, mut full) = (0, 0, 0, 0);
    let mut rows = rows.into_iter();
    loop {
        let some: Vec<Row> = rows.by_ref().take(ROWS).collect();
        if some.is_empty() {
            break;
        }
        let look_up = |row: Row| {
            let (app, tenant) = (&app, &tenant);
            async move { Ok::<_, BoxError>((known(app, tenant, &row, now).await?, row)) }
        };
        let looked_up = futures::stream::iter(some).map(look_up).buffered(CONCURRENCY);
        let mut events = Vec::new();
        for (known, row) in looked_up.try_collect::<Vec<_>>().await? {
            match known {
                Known::These => unchanged += 1,
                Known::Others => events.push(row.event),
                Known::Nothing => {
                    unknown += 1;
                    events.push(row.event);
                }
            }
        }
        let batch = Batch { events, is_list: true };
        let results = store_batch(&app.store, &tenant.id, &tenant.settings, batch, now).await;
        tagged += results.accepted;
        if results.count(Status::Unavailable) > 0 {
            return Err("the table is unavailable; import the file again".into());
        }
        full += results.count(Status::DeviceFull);
    }
    app.close().await?;
    let value = json!({
        "tenant": tenant.id, "rows": all, "tagged": tagged, "unchanged": unchanged, "notKnown": unknown,
    });
    answer(common.json, &value, || {
        let mut lines = Lines::from(format!(
            "{}: {} tagged, {} had these tags already.",
            plural(all as u64, "row", "rows"),
            plural(tagged as u64, "device", "devices"),
            count(unchanged),
        ));
        if unknown > 0 {
            lines.line(format!(
                "Of {} of those tagged nothing else is known. They count as soon as anything is received of them.",
                count(unknown),
            ));
        }
        lines
    });
    match full {
        0 => Ok(()),
        full => {
            let full = plural(full as u64, "device", "devices");
            Err(format!("no tags were stored of {full}: as much as is kept of one was sent already").into())
        }
    }
}

async fn known(app: &App, tenant: &Tenant, row: &Row, now: Timestamp) -> Result<Known, BoxError> {
    let Some(name) = Identifier::new(IdentifierKind::SerialNumber, &row.serial_number) else {
        return Ok(Known::Nothing);
    };
    let Some(stored) = app.store.find(&tenant.id, &name, now).await? else { return Ok(Known::Nothing) };
    let tags = fold(&tenant.id, &stored.history, &tenant.settings, now).tags;
    if row.tags.iter().all(|(key, value)| tags.get(key) == Some(value)) {
        return Ok(Known::These);
    }
    let has_more =
        stored.history.events().any(|event| !event.is_tagged()) || stored.history.bases_about().next().is_some();
    Ok(if has_more { Known::Others } else { Known::Nothing })
}
