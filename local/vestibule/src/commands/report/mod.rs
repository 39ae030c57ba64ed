//! `report`: works on a report file or a summary alone, without a data folder and without a server.
//!
//! Must stay true: the file is not trusted. Whatever it holds, it is only read, none of its content names a file to
//! write, and every failure is one line for people.

mod about;
mod cell;
mod csv;
mod file;
mod query;
mod question;
mod rows;
mod sheet;
mod verify;

use self::file::Limits;
use crate::cli::ReportCommand;
use vestibule_platform::BoxError;

/// Runs what was typed.
pub fn run(command: ReportCommand) -> Result<(), BoxError> {
    match command {
        ReportCommand::Query { file, sql, question, parameters, json, csv, limits } => {
            let form = rows::Form::chosen(json, csv);
            let limits = Limits::chosen(limits.max_seconds, limits.max_rows);
            match (sql, question) {
                (Some(sql), _) => query::run(&file, &sql, form, limits),
                (None, Some(name)) => question::run(&file, &name, &parameters, form, limits),
                (None, None) => query::list(&file, form, limits),
            }
        }
        ReportCommand::Csv { file, views, out, bom, json, limits } => {
            let limits = Limits::chosen(limits.max_seconds, limits.max_rows);
            csv::run(&file, &views, out.as_deref(), bom, json, limits)
        }
        ReportCommand::Verify { file, sha256, manifest, json } => {
            verify::run(&file, sha256.as_deref(), manifest.as_deref(), json)
        }
    }
}
