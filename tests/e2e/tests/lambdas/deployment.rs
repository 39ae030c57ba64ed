//! What is deployed: the template is valid, and each binary contains only what it needs.

use std::collections::BTreeSet;
use std::process::Command;
use vestibule_e2e::{FUNCTIONS, cargo, program, sam, shellcheck, tool, workspace};
use vestibule_permissions::Policy;

#[test]
fn the_template_passes_the_linter() {
    let output = Command::new(tool("cfn-lint")).arg(workspace().join("infra/template.yaml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// SAM's own reading of it.
#[test]
fn the_template_is_valid_for_sam() {
    let mut validate = Command::new(sam());
    validate.args(["validate", "--lint", "--template-file"]).arg(workspace().join("infra/template.yaml"));
    let output = validate.env("AWS_DEFAULT_REGION", "us-east-1").env("SAM_CLI_TELEMETRY", "0").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A creation that fails deletes what it created; later, data outlives the stack.
#[test]
fn data_outlives_a_stack_but_not_its_failed_creation() {
    let template = std::fs::read_to_string(workspace().join("infra/template.yaml")).unwrap();
    assert_eq!(template.matches("DeletionPolicy: RetainExceptOnCreate\n    UpdateReplacePolicy: Retain\n").count(), 3);
    assert!(!template.contains("DeletionPolicy: Retain\n"));
    // It would keep the rollback from deleting the table.
    let (_, protection) = template.split_once("\n  DeletionProtection:\n").unwrap();
    assert!(protection.starts_with("    Type: String\n    Default: \"false\"\n"));
    assert!(template.contains("DeletionProtectionEnabled: !Ref DeletionProtection\n"));
}

/// The guide sets no parameter that the template does not have.
#[test]
fn the_guide_names_parameters_that_exist() {
    let text = |path: &str| std::fs::read_to_string(workspace().join(path)).unwrap();
    let (guide, template) = (text("docs/DEPLOY.md"), text("infra/template.yaml"));
    let settings = guide.split(|c: char| c.is_whitespace() || c == '`').filter_map(|word| word.split_once('='));
    let names = settings.map(|(name, _)| name).filter(|name| {
        // Members of what the AWS CLI takes have commas around them.
        name.starts_with(|first: char| first.is_ascii_uppercase()) && name.chars().all(char::is_alphanumeric)
    });
    let mut seen = 0;
    for name in names.filter(|name| !["StreamEnabled", "Enabled", "PointInTimeRecoveryEnabled"].contains(name)) {
        // The script makes this one's ARNs of its name.
        let is_known = name == "ExistingTable" || template.contains(&format!("\n  {name}:\n    Type: "));
        assert!(is_known, "{name}");
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

/// What anybody may send makes a function panic; only one that unwinds survives it.
#[test]
fn functions_survive_a_panic() {
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let (_, profile) = manifest.split_once("\n[profile.function]\n").unwrap();
    let profile = profile.split("\n[").next().unwrap();
    assert!(profile.lines().any(|line| line == "panic = \"unwind\""), "{profile}");
    let script = std::fs::read_to_string(workspace().join("infra/deploy")).unwrap();
    assert!(script.contains(" --profile function "));
}

#[test]
fn only_the_functions_that_read_files_carry_sqlite() {
    for function in FUNCTIONS {
        let output = cargo().args(["tree", "--prefix", "none", "-e", "normal", "-p", function]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let carries = String::from_utf8_lossy(&output.stdout).contains("libsqlite3-sys");
        assert_eq!(carries, ["report-export", "admin-api", "notify"].contains(&function), "{function}");
    }
}

/// Services, by what a program contains that calls them.
const CLIENTS: [(&str, &str); 6] = [
    ("dynamodb", "DynamoDB_20120810."),
    ("dynamodbstreams", "DynamoDBStreams_20120810."),
    ("events", "AWSEvents."),
    ("kms", "TrentService."),
    // Of its rules for endpoints, which every client of it has.
    ("s3", "s3-outposts"),
    // The SDK's search for credentials, which Lambda puts into the environment.
    ("sts", "AssumeRoleWithWebIdentity"),
];

/// A client that is never called makes every cold start longer.
#[test]
fn no_function_carries_the_client_of_a_service_that_it_does_not_call() {
    for (function, policy) in Policy::of_functions() {
        let bytes = std::fs::read(program(&function)).unwrap();
        let has = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
        let carries: BTreeSet<&str> =
            CLIENTS.iter().filter(|(_, text)| has(text)).map(|(service, _)| *service).collect();
        let actions = policy.grants().into_iter().filter_map(|(_, what)| Some(what.split_once(':')?.0.to_owned()));
        // Lambda itself writes logs and sends dead letters.
        let calls: BTreeSet<String> = actions.filter(|service| !["logs", "sqs"].contains(&service.as_str())).collect();
        assert_eq!(carries, calls.iter().map(String::as_str).collect(), "{function}");
    }
}

#[test]
fn the_scripts_pass_the_linter() {
    let scripts = ["infra/deploy", "infra/real-account.sh", "tests/run", "tests/dynamodb-local", ".ci/run"];
    let output = Command::new(shellcheck()).args(scripts).current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
