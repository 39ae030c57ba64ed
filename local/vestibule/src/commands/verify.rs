//! `verify`: reads everything in the data folder or the stack and says what is lost. `rebuild`: makes a tenant's reporting whole again
//! from the table.
//!
//! Must stay true: `verify` changes nothing, and only checks that were made are printed.

use crate::app::App;
use crate::cli::Common;
use crate::commands::export;
use crate::output::{Lines, answer};
use crate::target::Target;
use serde_json::{Value, json};
use vestibule_archive::{Base, Inventory, Lost};
use vestibule_domain::TenantId;
use vestibule_host::dynamodb::check_file;
use vestibule_platform::BoxError;
use vestibule_words::form::plural;

/// Checks the folder or the stack.
pub async fn run(common: &Common) -> Result<(), BoxError> {
    let app = App::look(&common.place).await?;
    let table = match &app.target {
        Target::Folder(data) => {
            let data = data.clone();
            Some(tokio::task::spawn_blocking(move || check_file(&data)).await??)
        }
        // DynamoDB shows nobody its files. Each enrollment is read below.
        Target::Stack(_) => None,
    };
    let mut tenants = Vec::new();
    for tenant in app.store.tenants().await? {
        let found = app.exporter.archive().verify(&tenant, app.now()).await?;
        tenants.push((tenant, found));
    }
    let target = app.target.clone();
    app.close().await?;
    let is_whole = |found: &Inventory| found.lost.is_empty() && found.unreadable.is_empty();
    let bad = tenants.iter().filter(|(_, found)| !is_whole(found)).count()
        + usize::from(table.as_ref().is_some_and(|problems| !problems.is_empty()));
    let mut value = json!({
        "ok": bad == 0,
        "table": table.as_ref().map(|problems| json!({"problems": problems})),
        "tenants": tenants.iter().map(|(tenant, found)| about(tenant, found)).collect::<Vec<_>>(),
    });
    let (member, shown) = target.shown();
    value[member] = shown;
    answer(common.json, &value, || {
        let table = table.as_ref().map(|problems| match problems.is_empty() {
            true => "ok      table".to_owned(),
            false => format!("FAILED  table: {}", problems.join("; ")),
        });
        let mut lines: Vec<String> = table.into_iter().collect();
        for (tenant, found) in &tenants {
            let mark = if is_whole(found) { "ok    " } else { "FAILED" };
            let files = plural(found.files as u64, "file", "files");
            let enrollments = plural(found.enrollments as u64, "enrollment", "enrollments");
            lines.push(format!("{mark}  {tenant}: {files}, {enrollments}"));
            lines.extend(found.lost.iter().map(|lost| {
                let Lost { file, object, why } = lost;
                format!("          {} as of {}: {why}", object.name(), file.as_of)
            }));
            lines.extend(found.unreadable.iter().map(|one| format!("          {}: {}", one.key, one.problem)));
            if !found.lost.is_empty() {
                lines.push(format!("          `vestibule rebuild {tenant}` publishes its report anew"));
            }
        }
        lines.into_iter().collect::<Lines>()
    });
    match bad {
        0 => Ok(()),
        _ => Err(format!("{target}: something is lost or damaged, see above").into()),
    }
}

fn about(tenant: &TenantId, found: &Inventory) -> Value {
    json!({
        "tenant": tenant,
        "files": found.files,
        "lost": found.lost.iter().map(|Lost { file, object, why }| json!({
            "id": file.sha256, "asOf": file.as_of.to_string(), "object": object.name(), "problem": why.to_string(),
        })).collect::<Vec<_>>(),
        "enrollments": found.enrollments,
        "unreadable": found.unreadable.iter().map(|one| json!({
            "enrollmentKey": one.key.as_str(), "problem": one.problem.to_string(),
        })).collect::<Vec<_>>(),
    })
}

/// Publishes a tenant's file from the table alone.
pub async fn rebuild(name: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let tenant = app.tenant(name).await?;
    let exported = app.exporter.export_from(&tenant.id, app.now(), Base::Table).await?;
    let forgotten = app.exporter.archive().forget_lost(&tenant.id).await?;
    let copies = match exported.is_new {
        true => Some(export::copy(&app.exporter, &exported, &tenant.id, &app.folder()).await?),
        false => None,
    };
    app.close().await?;
    let file = &exported.file;
    let Some(copies) = copies else {
        return Err(
            format!("the newest file is as of {}, which is not before now: is the clock right?", file.as_of).into()
        );
    };
    let value = json!({
        "tenant": tenant.id,
        "path": copies.database,
        "sha256": file.sha256,
        "asOf": file.as_of.to_string(),
        "rows": file.rows,
        "filesForgotten": forgotten,
    });
    answer(common.json, &value, || {
        let attempts = plural(file.rows.get("attempts").copied().unwrap_or(0), "attempt", "attempts");
        let path = copies.database.display();
        [
            path.to_string(),
            format!("  as of {}, {attempts}", file.as_of),
            format!("  {} taken off the list", plural(forgotten as u64, "lost file", "lost files")),
        ]
    });
    Ok(())
}
