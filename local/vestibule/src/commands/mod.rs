//! The commands, one file each.

mod annotation;
mod backup;
mod cost;
mod demo;
mod diagnose;
mod doctor;
mod erase;
mod export;
mod format;
mod graph;
mod import;
mod manual;
mod notices;
mod person;
mod report;
mod republish;
mod send;
mod serve;
mod sessions;
mod source;
mod sweep;
mod tags;
mod tenant;
mod verify;

use crate::cli::{Cli, Command, MachineCommand};
use vestibule_platform::BoxError;

/// Runs what was typed.
pub async fn run(cli: Cli) -> Result<(), BoxError> {
    match cli.command {
        Command::Serve { reach, shared, on } => serve::run(&reach, &shared, &on).await,
        Command::Demo { data, listen, exit, enrollments, seed, json } => {
            demo::run(demo::Options { data, listen, exit, enrollments, seed, json }).await
        }
        Command::Tenant(command) => tenant::tenant(command).await,
        Command::Token(command) => tenant::token(command).await,
        Command::Source(command) => source::run(command).await,
        Command::Secret(command) => tenant::secret(command).await,
        Command::Graph(command) => graph::run(command).await,
        Command::Annotation(command) => annotation::annotation(command).await,
        Command::Tags(command) => tags::tags(command).await,
        Command::Notices(command) => notices::run(command).await,
        Command::Export { name, common } => export::run(&name, &common).await,
        Command::Verify { common } => verify::run(&common).await,
        Command::Rebuild { name, common } => verify::rebuild(&name, &common).await,
        Command::Diagnose { name, user, device, common } => {
            diagnose::run(&name, user.as_deref(), device.as_deref(), &common).await
        }
        Command::Erase { name, user, device, older_files, common } => {
            erase::run(&name, user, device, older_files.into(), &common).await
        }
        Command::ExportPerson { name, user, device, common } => person::run(&name, user, device, &common).await,
        Command::Report(command) => report::run(command),
        Command::Republish { name, since, key, common } => {
            republish::run(&name, since.as_deref(), key.as_deref(), &common).await
        }
        Command::Format(command) => format::run(command).await,
        Command::Sweep { common } => sweep::run(&common).await,
        Command::Import { name, file, common } => import::run(&name, &file, &common).await,
        Command::Machine(command) => machine(command).await,
    }
}

/// Runs a command about the machine.
async fn machine(command: MachineCommand) -> Result<(), BoxError> {
    match command {
        MachineCommand::Doctor { common } => doctor::run(&common).await,
        MachineCommand::Backup { folder, on } => backup::run(&folder, &on),
        MachineCommand::Restore { folder, on } => backup::restore(&folder, &on),
        MachineCommand::Send(options) => send::run(&options).await,
        MachineCommand::Cost(options) => cost::run(&options),
        MachineCommand::Completions { shell } => manual::completions(shell),
        MachineCommand::Man { out } => manual::man(out.as_deref()),
    }
}
