//! `export`: publishes a tenant's file as of now, and puts a copy where a person finds it.

use crate::app::App;
use crate::cli::Common;
use crate::output::{answer, count};
use report_export::Exporter;
use serde_json::json;
use std::path::{Path, PathBuf};
use vestibule_archive::Exported;
use vestibule_domain::TenantId;
use vestibule_platform::BoxError;

pub async fn run(name: &str, common: &Common) -> Result<(), BoxError> {
    let app = App::open(&common.data).await?;
    let tenant = app.tenant(name).await?;
    let exported = app.exporter.export(&tenant.id, app.now()).await?;
    let path = copy(&app.exporter, &exported, &tenant.id, &common.data).await?;
    app.close().await?;
    let file = &exported.file;
    let value = json!({
        "tenant": tenant.id,
        "path": path,
        "sha256": file.sha256,
        "sizeBytes": file.size_bytes,
        "rows": file.rows,
        "corrections": file.corrections,
        "asOf": file.as_of.to_string(),
        "refreshMs": exported.refresh_ms,
        "writeMs": exported.write_ms,
        "checkMs": exported.check_ms,
    });
    answer(common.json, &value, || {
        format!(
            "{}\n  as of {}, {} attempts, {} bytes, {} corrections\n  SHA-256 {}",
            path.display(),
            file.as_of,
            count(file.rows.get("attempts").copied().unwrap_or(0)),
            count(file.size_bytes),
            file.corrections,
            file.sha256,
        )
    });
    Ok(())
}

/// Copies a published file to `reports/TENANT/` in the data folder, under a name that says what it is.
pub async fn copy(
    exporter: &Exporter,
    exported: &Exported,
    tenant: &TenantId,
    data: &Path,
) -> Result<PathBuf, BoxError> {
    let folder = data.join("reports").join(tenant.as_str());
    tokio::fs::create_dir_all(&folder).await?;
    let as_of = exported.file.as_of.to_string().replace([':', '.'], "-");
    let path = std::path::absolute(folder.join(format!("vestibule-{tenant}-{as_of}.sqlite")))?;
    exporter.archive().download(&exported.file, &path).await?;
    Ok(path)
}
