//! The published files: their list, and links to download them. What is past the longest retention is not offered.

use crate::{Api, Call, problem, store_problem};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use vestibule_archive::{DOWNLOAD_LINK_MINUTES, Part};
use vestibule_domain::Day;
use vestibule_platform::problem::json as answer;
use vestibule_platform::{HttpResponse, Problem};
use vestibule_store::FileRecord;

/// Most files listed. With one a night, these are more than the longest retention.
const MOST_LISTED: usize = 500;

impl Api {
    /// The files, newest first.
    pub(crate) async fn list_files(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let files = self.archive.files(&call.tenant, MOST_LISTED, call.now).await.map_err(store_problem)?;
        let zone = call.tenant.settings.time_zone;
        let shown: Vec<_> = files
            .iter()
            .map(|file| {
                json!({
                    "id": file.sha256,
                    "date": file.as_of.day(zone).to_string(),
                    "asOf": file.as_of.to_string(),
                    "sizeBytes": file.size_bytes,
                    "sha256": file.sha256,
                    "schemaVersion": file.schema_version,
                    "rows": file.rows,
                    "corrections": file.corrections,
                    "corrected": file.corrected,
                    "summary": file.summary,
                    "reportHtml": file.report_html,
                })
            })
            .collect();
        let body = json!({"asOf": call.now.to_string(), "timeZone": zone.name(), "files": shown});
        Ok(answer(StatusCode::OK, &body))
    }

    /// A redirect to a short-lived link to the file called `name`: its id, a date (the later of two), or `latest`.
    pub(crate) async fn file(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let file = self.find(call, name).await?.ok_or_else(Problem::not_found)?;
        let link =
            self.archive.part_link(&call.tenant.id, &file, Part::Database, call.request.method(), call.now).await;
        let link = link.map_err(|error| problem(&error))?.ok_or_else(Problem::not_found)?;
        let location = HeaderValue::from_str(&link).map_err(|_| Problem::internal())?;
        let body = json!({"asOf": file.as_of.to_string(), "sha256": file.sha256, "sizeBytes": file.size_bytes});
        let mut response = answer(StatusCode::FOUND, &body);
        response.headers_mut().insert(header::LOCATION, location);
        Ok(response)
    }

    /// A short-lived link to a part of a file, for a page, which could not follow a redirect to another origin. A client
    /// resolves it against the address that it asked.
    pub(crate) async fn file_link(&self, call: &Call, name: &str) -> Result<HttpResponse, Problem> {
        let part = call.query.get("part").and_then(|part| Part::read(part)).unwrap_or(Part::Database);
        let file = self.find(call, name).await?.ok_or_else(Problem::not_found)?;
        let link = self.archive.part_link(&call.tenant.id, &file, part, &Method::GET, call.now).await;
        let link = link.map_err(|error| problem(&error))?.ok_or_else(Problem::not_found)?;
        let body = json!({
            "asOf": file.as_of.to_string(),
            "url": link,
            "fileName": part.file_name(&call.tenant.id, &file),
            "expiresInSeconds": 60 * DOWNLOAD_LINK_MINUTES,
        });
        Ok(answer(StatusCode::OK, &body))
    }

    /// `POST /api/reports/files`: requests a file as of now, unless a requested one is still being made. It is ready
    /// when a file of that instant or later is listed.
    pub(crate) async fn ask_for_file(&self, call: &Call) -> Result<HttpResponse, Problem> {
        let requested_at = self.request_export(call, false).await?;
        Ok(answer(StatusCode::ACCEPTED, &json!({"requestedAt": requested_at.to_string()})))
    }

    async fn find(&self, call: &Call, name: &str) -> Result<Option<FileRecord>, Problem> {
        if name == "latest" {
            return self.archive.store().latest_file(&call.tenant.id).await.map_err(store_problem);
        }
        let files = self.archive.files(&call.tenant, MOST_LISTED, call.now).await.map_err(store_problem)?;
        let zone = call.tenant.settings.time_zone;
        let day = Day::parse(name).ok();
        // The newest come first, so the first file of a date is the later one.
        Ok(files.into_iter().find(|file| match day {
            Some(day) => file.as_of.day(zone) == day,
            None => file.sha256 == name,
        }))
    }
}
