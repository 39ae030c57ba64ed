//! `format`: the format in which items are stored, and the move to the next one.
//!
//! Must stay true: a data folder says that it is of the later format before anything in it is, so that an earlier release
//! refuses the folder as a whole.

use crate::app::App;
use crate::cli::{Common, FormatCommand};
use crate::output::{Lines, answer};
use crate::target::Target;
use serde_json::{Value, json};
use vestibule_domain::StoredFormat;
use vestibule_domain::format::DIFFERENCES;
use vestibule_host::release;
use vestibule_platform::BoxError;
use vestibule_store::Formats;

pub async fn run(command: FormatCommand) -> Result<(), BoxError> {
    match command {
        FormatCommand::Show { common } => show(&common).await,
        FormatCommand::Set { number, common } => set(number, &common).await,
    }
}

async fn show(common: &Common) -> Result<(), BoxError> {
    let app = App::look(&common.place).await?;
    let formats = app.store.formats().await?;
    app.close().await?;
    said(&formats, common);
    Ok(())
}

async fn set(number: u32, common: &Common) -> Result<(), BoxError> {
    let wanted = StoredFormat::of(number).ok_or_else(|| {
        let (oldest, newest) = (StoredFormat::OLDEST.number(), StoredFormat::NEWEST.number());
        format!("this release knows the formats {oldest} to {newest}")
    })?;
    let app = App::open(&common.place).await?;
    let before = app.store.formats().await?.in_force;
    if wanted < before {
        app.close().await?;
        return Err(format!(
            "format {} is in force, and items are written in it: earlier releases can't read those. To go back, restore a \
             backup that was taken before",
            before.number()
        )
        .into());
    }
    if let Target::Folder(data) = &app.target {
        release::raise(data, wanted)?;
    }
    let formats = app.store.move_to_format(wanted).await?;
    app.close().await?;
    said(&formats, common);
    Ok(())
}

fn said(formats: &Formats, common: &Common) {
    let Formats { in_force, tenants } = formats;
    let behind: Vec<&str> =
        tenants.iter().filter(|(_, format)| *format < in_force).map(|(tenant, _)| tenant.as_str()).collect();
    let differences: Vec<Value> = DIFFERENCES
        .iter()
        .map(|difference| {
            json!({"since": difference.since.number(), "what": difference.what, "before": difference.before,
                "now": difference.now, "olderProgram": difference.older_program})
        })
        .collect();
    let value = json!({
        "format": in_force.number(),
        "known": StoredFormat::ALL.map(StoredFormat::number),
        "tenants": tenants.len(),
        "behind": behind,
        "differences": differences,
    });
    answer(common.json, &value, || {
        let mut lines = Lines::default();
        let newest = StoredFormat::NEWEST;
        lines.line(format!("Items are written in format {}.", in_force.number()));
        if *in_force < newest {
            lines.line(format!(
                "This release knows format {0}. Once no earlier program runs: vestibule format set {0}",
                newest.number()
            ));
        }
        for tenant in &behind {
            lines.line(format!(
                "The move of {tenant} was interrupted: vestibule format set {} ends it.",
                in_force.number()
            ));
        }
        for difference in DIFFERENCES.iter().filter(|difference| difference.since > *in_force) {
            lines.line(format!(
                "Format {} changes {}: before, {}; since, {}.",
                difference.since.number(),
                difference.what,
                difference.before,
                difference.now
            ));
        }
        lines
    });
}
