//! `export`: publishes a tenant's file as of now, and copies it to a folder where people find it.

use crate::app::App;
use crate::cli::Common;
use crate::output::{Lines, answer};
use report_export::Exporter;
use serde_json::json;
use std::path::{Path, PathBuf};
use vestibule_archive::{Exported, Part};
use vestibule_domain::TenantId;
use vestibule_platform::BoxError;
use vestibule_words::form::{count, plural};

pub async fn run(name: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.place).await?;
    let tenant = app.tenant(name).await?;
    let exported = app.exporter.export(&tenant.id, app.now()).await?;
    let Copies { database: path, summary, report_html } =
        copy(&app.exporter, &exported, &tenant.id, &app.folder()).await?;
    app.close().await?;
    let file = &exported.file;
    let value = json!({
        "tenant": tenant.id,
        "path": path,
        "summary": summary,
        "reportHtml": report_html,
        "sha256": file.sha256,
        "sizeBytes": file.size_bytes,
        "rows": file.rows,
        "corrections": file.corrections,
        "asOf": file.as_of.to_string(),
        "refreshMs": exported.refresh_ms,
        "writeMs": exported.write_ms,
        "checkMs": exported.check_ms,
        "partsMs": exported.parts_ms,
    });
    answer(common.json, &value, || {
        let paths = [Some(&path), summary.as_ref(), report_html.as_ref()].into_iter().flatten();
        let mut lines: Lines = paths.map(|path| path.display().to_string()).collect();
        writeln!(
            lines,
            "  as of {}, {}, {} bytes, {}",
            file.as_of,
            plural(file.rows.get("attempts").copied().unwrap_or(0), "attempt", "attempts"),
            count(file.size_bytes),
            plural(file.corrections, "correction", "corrections"),
        );
        writeln!(lines, "  SHA-256 {}", file.sha256);
        lines
    });
    Ok(())
}

/// The paths of a published file and of what was published beside it.
pub struct Copies {
    pub database: PathBuf,
    pub summary: Option<PathBuf>,
    pub report_html: Option<PathBuf>,
}

/// Copies a published file and its parts to `reports/TENANT/` in the folder `data`, under descriptive names.
pub async fn copy(
    exporter: &Exporter,
    exported: &Exported,
    tenant: &TenantId,
    data: &Path,
) -> Result<Copies, BoxError> {
    let folder = data.join("reports").join(tenant.as_str());
    tokio::fs::create_dir_all(&folder).await?;
    let as_of = exported.file.as_of.to_string().replace([':', '.'], "-");
    let named = |ending: &str| std::path::absolute(folder.join(format!("vestibule-{tenant}-{as_of}{ending}")));
    let (archive, file, database) = (exporter.archive(), &exported.file, named(".sqlite")?);
    archive.download(file, &database).await?;
    let mut parts = [(Part::Summary, named("-summary.sqlite")?), (Part::Report, named(".html")?)].map(Some);
    for place in &mut parts {
        if let Some((part, path)) = place
            && !archive.download_part(tenant, file, *part, path).await?
        {
            *place = None;
        }
    }
    let [summary, report_html] = parts.map(|part| part.map(|(_, path)| path));
    Ok(Copies { database, summary, report_html })
}
