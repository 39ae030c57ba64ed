//! A disk that becomes full under load, and has room again.
//!
//! It is a small one in memory, in a namespace of its own, which needs no privileges where the system lets accounts have
//! namespaces. Elsewhere the program may write no file any further, which is nearly the same: it says which it is.

use crate::UNLIMITED;
use crate::goals::Goals;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, getuid, prlimit};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use vestibule_benches::BoxError;
use vestibule_benches::load::{Load, TENANT, nth};
use vestibule_program_tests::{Client, Folder, PATIENCE, Serve, eventually};

/// Connections that send at the same time.
const CONNECTIONS: usize = 4;
/// Events before the disk is full and afterwards, and refusals while it is.
const ENOUGH: usize = 200;
/// From the events that are sent while the disk is full to those that are sent before and after.
const FAR: usize = 1_000_000;
/// The size of the disk.
const SIZE: &str = "size=96m,mode=0700";
/// The size of a file beyond which nothing is written where there is no small disk.
const NO_MORE: u64 = 4_096;

/// What becomes full.
enum Disk {
    /// A disk, at this path of the file system as the program sees it.
    Small(PathBuf),
    /// The program's own limit.
    Limit(Pid),
}

impl Disk {
    fn fill(&self) -> Result<(), BoxError> {
        match self {
            Self::Small(at) => {
                let (mut file, block) = (std::fs::File::create(at.join("filler"))?, [b'x'; 4_096]);
                loop {
                    match file.write_all(&block) {
                        Ok(()) => {}
                        Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Self::Limit(process) => limit(*process, Some(NO_MORE)),
        }
    }

    fn make_room(&self) -> Result<(), BoxError> {
        match self {
            Self::Small(at) => Ok(std::fs::remove_file(at.join("filler"))?),
            Self::Limit(process) => limit(*process, getrlimit(Resource::Fsize).maximum),
        }
    }
}

fn limit(process: Pid, current: Option<u64>) -> Result<(), BoxError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
    prlimit(Some(process), Resource::Fsize, Rlimit { current, maximum })?;
    Ok(())
}

/// A command with a namespace of its own for mounts.
fn apart() -> Command {
    let mut command = Command::new("unshare");
    command.arg(if getuid().is_root() { "-m" } else { "-Urm" });
    command
}

/// Whether this account can mount a disk in memory in a namespace.
fn can_mount(folder: &Folder) -> bool {
    let mount = apart().args(["mount", "-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder.beside("small")).output();
    mount.is_ok_and(|mount| mount.status.success())
}

/// The program, on a disk that can become full.
fn start(folder: &Folder) -> Result<(Serve, Disk), BoxError> {
    let small = folder.beside("small");
    std::fs::create_dir(&small)?;
    let is_small = can_mount(folder);
    let plain = folder.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut command = if is_small { apart() } else { Command::new("sh") };
    if is_small {
        // The program gets a copy of the folder on the small disk.
        let script =
            format!("mount -t tmpfs -o {SIZE} tmpfs \"$1\" && cp -a \"$2\" \"$1/data\" && shift 2 && exec \"$@\"");
        command.args(["sh", "-c", &script, "sh"]).arg(&small).arg(folder.data()).arg(plain.get_program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"]).arg(small.join("data"));
    } else {
        // A write beyond the limit fails instead of ending the process.
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    }
    command.envs(UNLIMITED).env_remove("RUST_LOG");
    let serve = folder.start(command);
    let disk = if is_small {
        let inside = small.strip_prefix("/")?;
        Disk::Small(PathBuf::from(format!("/proc/{}/root", serve.id())).join(inside))
    } else {
        Disk::Limit(Pid::from_raw(serve.id().cast_signed()).ok_or("no process")?)
    };
    Ok((serve, disk))
}

pub(crate) async fn run(goals: &mut Goals) -> Result<(), BoxError> {
    let folder = Folder::new();
    let tenant = folder.add_tenant(TENANT);
    let (serve, disk) = start(&folder)?;
    goals.note(match &disk {
        Disk::Small(_) => "a disk in memory is full",
        Disk::Limit(_) => "no disk can be mounted here: the program may write no file any further instead",
    });
    let load = Load::new(&serve.url, &tenant.secret)?;
    let (anybody, api) = (Client::new(&serve.url, ""), Client::new(&serve.url, &tenant.admin));
    let posted = async |enough: usize| {
        let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let until = async {
            eventually("events are acknowledged", async || (count.load(Ordering::Relaxed) >= enough).then_some(()))
                .await;
            stop.store(true, Ordering::Relaxed);
        };
        let (sent, ()) = futures::join!(load.send_until(CONNECTIONS, &stop, &count), until);
        sent
    };
    let mut acknowledged = posted(ENOUGH).await?.acknowledged;

    disk.fill()?;
    let mut refused = BTreeMap::<u16, usize>::new();
    let mut connection = load.connect().await?;
    // The table still has room that it took before, so it may be a while until one is refused.
    let (begun, first) = (Instant::now(), load.sent() + FAR);
    for number in first.. {
        let full = refused.get(&503).copied().unwrap_or(0);
        if full >= ENOUGH || begun.elapsed() > PATIENCE {
            break;
        }
        let (device, step) = nth(number);
        let status = connection.send(load.request(&load.body(device, step))?).await?.as_u16();
        if status == 202 {
            acknowledged.push(number);
        }
        *refused.entry(status).or_default() += 1;
    }
    let only = refused.keys().all(|status| [202, 503].contains(status));
    goals.must("while it is full, events are stored or answered with 503", only, &format!("{refused:?}"));
    let full = refused.get(&503).copied().unwrap_or(0);
    goals.must("some are answered with 503", full > 0, &format!("{full}"));
    for path in ["/healthz", "/api/tenant", "/api/reports/incomplete-enrollments"] {
        let client = if path == "/healthz" { &anybody } else { &api };
        let status = client.get(path).await.status;
        goals.must(
            &format!("GET {path} is answered, or refused with 503"),
            [200, 503].contains(&status),
            &format!("{status}"),
        );
    }

    disk.make_room()?;
    let begun = Instant::now();
    acknowledged.extend(posted(ENOUGH).await?.acknowledged);
    let report = eventually("reports are answered", async || {
        let answer = api.get("/api/reports/incomplete-enrollments").await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    eventually("it is ready", async || (anybody.get("/readyz").await.status == 200).then_some(())).await;
    let file = api.next_file(&serde_json::Value::Null).await;
    goals.must("with room it goes on by itself", true, &format!("all works {:.1?} later", begun.elapsed()));
    goals.note(&format!(
        "report: {} enrollments begun; file: {} attempts",
        report["initiated"], file["rows"]["attempts"]
    ));
    let mut lost = 0;
    for number in &acknowledged {
        let (_, answer) = load.send_again(*number).await?;
        lost += usize::from(answer["duplicates"] != 1);
    }
    goals.must("no acknowledged event is lost", lost == 0, &format!("{lost} of {}", acknowledged.len()));
    let ended = serve.terminate().code();
    goals.must("it stops when asked", ended == Some(0), &format!("{ended:?}"));
    Ok(())
}
