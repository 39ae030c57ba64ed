//! The page's files must agree with the versions of the report file, and the vendored files with their list.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use vestibule_domain::esp::profiles::Profiles;
use vestibule_domain::{TenantId, TenantSettings, Timestamp};
use vestibule_report::{Context, SCHEMA_VERSION, SUMMARY_VERSION, Working};

fn assets(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web/assets").join(name)
}

#[test]
fn the_page_opens_the_versions_of_files_that_are_written() {
    let worker = std::fs::read_to_string(assets("file/worker.js")).unwrap();
    assert!(worker.contains(&format!("const SCHEMA_VERSION = {SCHEMA_VERSION};")));
    assert_eq!(SUMMARY_VERSION, 1_000 + SCHEMA_VERSION);
    assert!(worker.contains("const SUMMARY_VERSION = 1000 + SCHEMA_VERSION;"));
}

#[test]
fn vendored_files_are_those_of_the_list() {
    let list = std::fs::read_to_string(assets("vendor/README.txt")).unwrap();
    for name in ["sqlite3.mjs", "sqlite3.wasm"] {
        let bytes = std::fs::read(assets("vendor").join(name)).unwrap();
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(list.contains(&sum), "{name}: {sum}");
    }
    assert!(assets("vendor/sqlite-wasm.LICENSE.txt").exists());
}

#[test]
fn the_pages_files_contain_no_copy_of_the_lexicon() {
    let name = "kit/lexicon.js";
    // The server makes it, so a file of that name would never be served.
    assert!(!assets(name).exists());
    assert!(std::fs::read_to_string(assets("kit/words.js")).unwrap().contains("'./lexicon.js'"));
}

#[test]
fn no_file_is_deeper_than_is_served() {
    // `/assets/{version}/{folder}/{name}` has two levels after the version, so a file below would never be found.
    for folder in std::fs::read_dir(assets("")).unwrap() {
        let folder = folder.unwrap().path();
        assert!(folder.is_dir(), "{}", folder.display());
        for file in std::fs::read_dir(&folder).unwrap() {
            assert!(file.unwrap().path().is_file());
        }
    }
}

/// An operation that a question of the file answers.
struct Asked {
    path: String,
    question: String,
    operation: String,
    /// Its parameters, of the path and of the query.
    parameters: BTreeSet<String>,
}

/// The operations that questions of the file answer, as the description has them.
fn asked() -> Vec<Asked> {
    let document: Value = serde_json::from_slice(include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json"))).unwrap();
    let name_of = |parameter: &Value| {
        let named = match parameter["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => parameter,
        };
        // Every route has the same headers.
        (named["in"] != "header").then(|| named["name"].as_str().unwrap().to_owned())
    };
    let mut asked = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(question) = operations["get"]["x-question"].as_str() else { continue };
        let of_operation = operations["get"]["parameters"].as_array().into_iter().flatten();
        let of_path = operations["parameters"].as_array().into_iter().flatten();
        asked.push(Asked {
            path: path.clone(),
            question: question.to_owned(),
            operation: operations["get"]["operationId"].as_str().unwrap().to_owned(),
            parameters: of_operation.chain(of_path).filter_map(name_of).collect(),
        });
    }
    assert!(asked.len() >= 8, "{}", asked.len());
    asked
}

/// A route that asks a question of the file documents the parameters of the question.
#[test]
fn documented_parameters_are_those_of_the_question() {
    let folder = tempfile::tempdir().unwrap();
    let (tenant, settings, profiles) =
        (TenantId::parse("contoso").unwrap(), TenantSettings::default(), Profiles::default());
    let advice = vestibule_archive::advice(None).unwrap();
    let context =
        Context { tenant: &tenant, settings: &settings, profiles: &profiles, advice: &advice, pseudonym_key: b"key" };
    let mut working = Working::create(&folder.path().join("w"), &context).unwrap();
    working.refresh(Timestamp::from_millis(1_772_442_720_000)).unwrap().finish().unwrap();
    let questions: BTreeMap<String, BTreeSet<String>> = working
        .reader()
        .unwrap()
        .questions()
        .unwrap()
        .into_iter()
        .map(|(question, parameters)| (question.name, parameters.into_keys().collect()))
        .collect();
    for Asked { path, question, parameters, .. } in asked() {
        assert_eq!(parameters, questions[&question], "{path}");
    }
}

/// The page uses each of these routes, and each of its parameters: a filter that only the API has is found by nobody.
#[test]
fn the_page_asks_every_question_with_every_parameter() {
    // The status page shows the beginnings of these two lists, and of limbo no single sender.
    const LEFT_OUT: [(&str, &str); 4] =
        [("getActive", "cursor"), ("getLimbo", "cursor"), ("getLimbo", "source"), ("getLimbo", "afterDays")];
    let modules = ["kit", "views", "shell"].into_iter().flat_map(|room| std::fs::read_dir(assets(room)).unwrap());
    let modules: Vec<String> = modules.map(|module| std::fs::read_to_string(module.unwrap().path()).unwrap()).collect();
    // The names of the filters of one value stand once, and views take them from there.
    let one_value = std::fs::read_to_string(assets("views/one-value.js")).unwrap();
    for Asked { operation, parameters, .. } in asked() {
        let asking: Vec<_> = modules.iter().filter(|text| text.contains(&format!("'{operation}'"))).collect();
        assert!(!asking.is_empty(), "the page does not ask {operation}");
        let one_value = asking.iter().any(|text| text.contains("VALUE_WORDS")).then_some(&one_value);
        let words: BTreeSet<&str> = (asking.into_iter().chain(one_value))
            .flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()))
            .collect();
        for name in &parameters {
            let is_left_out = LEFT_OUT.contains(&(operation.as_str(), name.as_str()));
            assert_ne!(words.contains(name.as_str()), is_left_out, "{name} of {operation}");
        }
    }
}

/// A setting without a field can be changed by command alone, and nobody finds it.
#[test]
fn the_page_has_a_field_for_every_setting() {
    let form = std::fs::read_to_string(assets("views/settings.js")).unwrap();
    let settings = serde_json::to_value(TenantSettings::default()).unwrap();
    let lacking: Vec<_> = settings.as_object().unwrap().keys().filter(|name| !form.contains(name.as_str())).collect();
    assert!(lacking.is_empty(), "no field for {lacking:?}");
}
