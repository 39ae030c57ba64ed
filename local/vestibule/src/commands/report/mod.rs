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

use crate::cli::ReportCommand;
use vestibule_platform::BoxError;

/// Runs what was typed.
pub fn run(command: ReportCommand) -> Result<(), BoxError> {
    match command {
        ReportCommand::Query { file, sql, question, parameters, json, csv } => {
            let form = rows::Form::chosen(json, csv);
            match (sql, question) {
                (Some(sql), _) => query::run(&file, &sql, form),
                (None, Some(name)) => question::run(&file, &name, &parameters, form),
                (None, None) => query::list(&file, form),
            }
        }
        ReportCommand::Csv { file, views, out, bom, json } => csv::run(&file, &views, out.as_deref(), bom, json),
        ReportCommand::Verify { file, sha256, manifest, json } => {
            verify::run(&file, sha256.as_deref(), manifest.as_deref(), json)
        }
    }
}
