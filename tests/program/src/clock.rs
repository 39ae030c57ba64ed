//! A machine's clock that a test sets while a program runs.
//!
//! The program stays as it is: a small library, loaded before the C library, adds an offset to the time of day. It needs
//! Linux and a C compiler, which the program's own dependencies need as well.

use crate::{Answer, Client, Folder, Serve, Tenant, enrollment, eventually, now};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use vestibule_domain::{Millis, Timestamp};

const FILES: &str = "/api/reports/files";
/// How far from the clock an answer may be that was made a moment ago on a busy machine.
const NEAR: Millis = Millis::from_minutes(2);

/// The clock of the programs that run with its environment.
#[derive(Debug)]
pub struct SetClock {
    library: PathBuf,
    offset: PathBuf,
}

impl SetClock {
    /// One that is right.
    pub fn new(folder: &Folder) -> Self {
        let (library, offset) = (folder.beside("clock.so"), folder.beside("clock-offset"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clock.c");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).arg("-ldl");
        let compiled = compile.output().unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let clock = Self { library, offset };
        clock.set(Millis::new(0));
        clock
    }

    /// Sets it off by whole seconds from the real time. Programs see that at once.
    pub fn set(&self, off: Millis) {
        // Renamed, so that nobody reads half of it.
        let aside = self.offset.with_extension("new");
        std::fs::write(&aside, (off.get() / 1_000).to_string()).unwrap();
        std::fs::rename(&aside, &self.offset).unwrap();
    }

    /// What it says now.
    pub fn now(&self) -> Timestamp {
        let seconds: i64 = std::fs::read_to_string(&self.offset).unwrap().parse().unwrap();
        now() + Millis::from_seconds(seconds)
    }

    /// The environment of programs that go by it.
    pub fn environment(&self) -> [(&str, &str); 2] {
        [("LD_PRELOAD", self.library.to_str().unwrap()), ("TEST_CLOCK_OFFSET", self.offset.to_str().unwrap())]
    }

    /// Checks everything that goes by the clock: an event signed now, an answer, its date, a file on request, and a command
    /// beside.
    pub async fn all_goes_on(&self, number: i64, folder: &Folder, serve: &Serve, contoso: &Tenant) {
        let api = Client::new(&serve.url, &contoso.admin);
        let event = enrollment(&format!("e{number}"), "enrollment.started", self.now(), &format!("SERIAL000{number}"));
        let signed = serve.sender(contoso).signed("enrollment-events", event.to_string().into_bytes(), self.now());
        assert_eq!(Answer::of(signed.send().await.unwrap()).await.ok(202)["accepted"], 1);
        let status = api.get("/api/devices/enrollment-status").await;
        let date = status.headers["date"].to_str().unwrap().to_owned();
        is_near("the date", Timestamp::from_millis(1_000 * epoch_seconds(&date)), self);
        is_near("an answer", instant(&status.ok(200)["asOf"]), self);

        let asked = Answer::of(api.request(Method::POST, FILES).json(&json!({})).send().await.unwrap()).await.ok(202);
        let requested = instant(&asked["requestedAt"]);
        is_near("the request", requested, self);
        let file = eventually("the requested file is listed", async || {
            let list = api.json(FILES).await;
            let made = list["files"].as_array().unwrap().iter().map(|file| instant(&file["asOf"]));
            made.filter(|made| *made >= requested && *made < requested + NEAR).max()
        })
        .await;
        is_near("the file", file, self);
        let mut export = folder.command(&["export", "contoso"]);
        let exported = export.envs(self.environment()).output().unwrap();
        let said = String::from_utf8_lossy(&exported.stderr);
        assert!(exported.status.success() && !said.contains("Skewed"), "{said}");
    }
}

fn instant(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().unwrap()).unwrap()
}

fn is_near(what: &str, at: Timestamp, clock: &SetClock) {
    let apart = (clock.now() - at).get().abs();
    assert!(apart < NEAR.get(), "{what}: {at} at {}", clock.now());
}

/// The seconds of `Sat, 21 Nov 2026 10:55:25 GMT`.
fn epoch_seconds(date: &str) -> i64 {
    let parts: Vec<&str> = date.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = 1 + month.iter().position(|name| *name == parts[2]).unwrap();
    let text = format!("{}-{month:02}-{}T{}Z", parts[3], parts[1], parts[4]);
    Timestamp::parse(&text).unwrap().seconds()
}
