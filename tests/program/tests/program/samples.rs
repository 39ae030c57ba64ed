//! The samples of a sender in README.md run as they stand there; only the address is another.
//!
//! The one for PowerShell is not run: no PowerShell can be had from Debian, PyPI or npm.

use crate::page::Page;
use std::process::{Command, Stdio};
use vestibule_program_tests::{Client, Folder};

/// The block of a language in the README that has this text.
fn sample(language: &str, text: &str) -> String {
    let readme = Page::open("README.md").text;
    let fence = format!("```{language}\n");
    let blocks = readme.split(&fence).skip(1);
    let mut found = blocks.filter_map(|block| block.split("\n```").next()).filter(|block| block.contains(text));
    found.next().unwrap_or_else(|| panic!("README.md has no sample in {language}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn they_post_an_event() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    for (language, program, text) in [("sh", "bash", "webhook-signature"), ("python", "python3", "webhook-signature")] {
        let sample = sample(language, text).replace("http://127.0.0.1:8740", &serve.url);
        assert!(sample.contains(&serve.url), "{sample}");
        let ran = Command::new(program)
            .args(["-c", &sample])
            .env("SECRET", &contoso.secret)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (said, problem) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success() && said.contains("\"accepted\":1"), "{language}: {said}{problem}");
    }
    let status = Client::new(&serve.url, &contoso.admin).json("/api/devices/enrollment-status").await;
    assert_eq!(status["devices"], 2, "each is about a device of its own: {status}");
}

#[test]
fn the_one_for_powershell_is_about_the_same_request() {
    let sample = sample("powershell", "webhook-signature");
    for part in ["/hooks/contoso/enrollment-events", "webhook-id", "webhook-timestamp", "HMACSHA256", "$env:SECRET"] {
        assert!(sample.contains(part), "{part}");
    }
}
