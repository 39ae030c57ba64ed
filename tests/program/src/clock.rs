//! A machine's clock that a test sets while a program runs.
//!
//! The program stays as it is: a small library, loaded before the C library, adds an offset to the time of day. It needs
//! Linux and a C compiler, which the program's own dependencies need as well.

use crate::{Folder, now};
use std::path::{Path, PathBuf};
use std::process::Command;
use vestibule_domain::{Millis, Timestamp};

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
}
