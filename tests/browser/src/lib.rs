//! Tests the page in a real browser: a server with a sample of its own, and Python with Playwright, which drives
//! Chromium.
//!
//! The checks are in `pages/*.py`; this crate gives them server and browser. What must stay true: Playwright's own
//! browsers are never downloaded, and all that the tests change is deleted with their data folder.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::missing_panics_doc)]

mod chromium;

use std::path::Path;
use std::process::Command;
use vestibule_domain::Millis;
use vestibule_program_tests::{Folder, Serve, now};
use vestibule_test_tools::venv;

/// The packages that pip installs; the last includes axe-core.
const TOOLS: [&str; 3] = ["playwright==1.65.2", "pytest==9.2.0", "axe-playwright-python==0.1.8"];
/// What reads the PDFs that the browser prints.
const PDF_READER: [&str; 1] = ["pypdf==7.1.1"];
/// The sample's tenant.
const TENANT: &str = "contoso";
/// A tenant whose only sender reports nothing but ends.
const ENDS_TENANT: &str = "northwind";
/// A tenant of which nothing was received.
const FRESH_TENANT: &str = "fabrikam";
/// The number of enrollments of the sample: enough for every view to have content, and for lists to have a second page.
const ENROLLMENTS: &str = "600";

/// A server with the sample.
#[derive(Debug)]
pub struct Sample {
    // Fields are dropped in this order: the server must end before its data is deleted.
    serve: Serve,
    folder: Folder,
    secret: String,
    ends_token: String,
    fresh_token: String,
}

impl Sample {
    /// Posts the sample and serves it.
    pub fn start() -> Self {
        let folder = Folder::new();
        let demo = folder.json(&["demo", "--exit", "--listen", "127.0.0.1:0", "--enrollments", ENROLLMENTS]);
        let secret = demo["webhookSecret"].as_str().expect("no secret").to_owned();
        let ends_token = folder.add_tenant(ENDS_TENANT).admin;
        let fresh_token = folder.add_tenant(FRESH_TENANT).admin;
        // Messages go to a server of the tests, on this machine.
        Self { serve: folder.serve_by(&["--local-channels"]), folder, secret, ends_token, fresh_token }
    }

    /// Python in the folder of the page's tests, with server, tokens and browser in its environment.
    pub fn python(&self) -> Command {
        let token = |role| self.made(&["token", "add", TENANT, "--role", role], "token");
        let url = &self.serve.url;
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let secret = self.made(&["source", "add", ENDS_TENANT, "jamf", "--url", url], "secret");
        let ends_hook = format!("{url}/hooks/{ENDS_TENANT}/jamf/{secret}");
        // In the file, too, and on the charts of all tests.
        let day = (now() - Millis::from_days(8)).day(vestibule_domain::time::Tz::UTC).to_string();
        self.folder.json(&["annotation", "add", TENANT, &day, "A letter to all staff"]);
        let mut python = Command::new(venv("browser", &TOOLS).join("python"));
        python
            .current_dir(here.join("pages"))
            .env("CHROMIUM", chromium::find())
            .env("PDF_PYTHON", venv("pdf", &PDF_READER).join("python"))
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("VESTIBULE_URL", url)
            .env("VESTIBULE_TENANT", TENANT)
            .env("VESTIBULE_TOKEN", token("admin"))
            .env("VESTIBULE_READER", token("reader"))
            .env("VESTIBULE_LINK", self.made(&["token", "link", TENANT, "--role", "admin", "--url", url], "url"))
            .env("VESTIBULE_SECRET", &self.secret)
            .env("VESTIBULE_ENDS_TOKEN", &self.ends_token)
            .env("VESTIBULE_ENDS_HOOK", ends_hook)
            .env("VESTIBULE_FRESH_TOKEN", &self.fresh_token)
            .env("VESTIBULE_FILE", self.made(&["export", TENANT], "path"));
        python
    }

    /// The member of that name in a command's output.
    fn made(&self, arguments: &[&str], name: &str) -> String {
        let answer = self.folder.json(arguments);
        answer[name].as_str().unwrap_or_else(|| panic!("{arguments:?} gives no {name}: {answer}")).to_owned()
    }
}
