//! What a reviewer asks of the template: keys, boundaries and tags wherever they can be, logs without addresses and secrets,
//! and no finding of checkov without a reason.

use std::collections::BTreeSet;
use std::process::Command;
use vestibule_e2e::{Cloud, FUNCTIONS, checkov, workspace};

fn template() -> String {
    std::fs::read_to_string(workspace().join("infra/template.yaml")).unwrap()
}

/// The resources, as they are written: name, type and text.
fn resources(template: &str) -> Vec<(&str, &str, &str)> {
    let (_, all) = template.split_once("\nResources:\n").unwrap();
    let (all, _) = all.split_once("\nOutputs:\n").unwrap();
    let mut begins: Vec<usize> = all
        .match_indices("\n  ")
        .map(|(at, _)| at + 1)
        .filter(|at| all[at + 2..].starts_with(|first: char| first.is_ascii_uppercase()))
        .collect();
    begins.push(all.len());
    let texts = begins.windows(2).map(|range| &all[range[0]..range[1]]);
    let found: Vec<_> = texts
        .map(|text| {
            let name = text.trim_start().split(':').next().unwrap();
            let kind = text.split_once("    Type: ").unwrap().1.lines().next().unwrap();
            (name, kind, text)
        })
        .collect();
    assert!(found.len() > 100, "{}", found.len());
    found
}

/// The account's own key, a boundary and a path are for all resources of a kind, or a reviewer cannot rely on them.
#[test]
fn whatever_keeps_data_takes_the_key_and_every_role_the_boundary() {
    let template = template();
    let key = "!If [HasKey, !Ref KeyArn, !Ref AWS::NoValue]";
    let mut seen = BTreeSet::new();
    for (name, kind, text) in resources(&template) {
        let needed = match kind {
            "AWS::DynamoDB::Table" => vec![format!("KMSMasterKeyId: {key}")],
            "AWS::Logs::LogGroup" => vec![format!("KmsKeyId: {key}")],
            "AWS::SQS::Queue" => vec![format!("KmsMasterKeyId: {key}")],
            "AWS::SNS::Topic" => vec![format!("KmsMasterKeyId: {key}")],
            "AWS::S3::Bucket" => {
                vec!["- HasKey\n            - ServerSideEncryptionByDefault: { SSEAlgorithm: aws:kms".into()]
            }
            "AWS::IAM::Role" => vec![
                "Path: !Ref RolePath".into(),
                "PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]".into(),
                "- HasKey\n                - Sid: Key\n".into(),
            ],
            _ => continue,
        };
        seen.insert(kind);
        for needed in needed {
            assert!(text.contains(&needed), "{name}: {needed}");
        }
    }
    assert!(seen.len() >= 5, "{seen:?}");
    assert!(template.contains(&format!("    KmsKeyArn: {key}\n")), "the functions' variables");
}

/// Whoever sends to a queue under the key needs it for that.
#[test]
fn whoever_sends_dead_letters_may_use_the_key_for_queues() {
    let template = template();
    let mut seen = 0;
    for (name, _, text) in resources(&template).into_iter().filter(|(_, kind, _)| *kind == "AWS::IAM::Role") {
        for (action, service) in
            [("sqs:SendMessage", "\"sqs.*\""), ("s3:GetObject", "\"s3.*\""), ("dynamodb:", "\"dynamodb.*\"")]
        {
            let via = text.split_once("kms:ViaService: [").unwrap().1.split(']').next().unwrap();
            assert_eq!(text.contains(action), via.contains(service), "{name}: {via}");
            seen += usize::from(text.contains(action));
        }
        let writes = text.contains("sqs:SendMessage") || text.contains("s3:PutObject");
        let of_key = text.split_once("- Sid: Key\n").unwrap().1.split("- Sid: ").next().unwrap();
        assert_eq!(writes, of_key.contains("kms:GenerateDataKey"), "{name}");
    }
    assert!(seen > 10, "{seen}");
}

/// The log of requests names no client, no address, no person and no secret.
#[test]
fn the_log_of_requests_is_json_without_addresses_and_secrets() {
    let template = template();
    let format = template.split_once("        Format: >-\n").unwrap().1.lines().next().unwrap().trim();
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(format).unwrap();
    let harmless = [
        "$context.requestId",
        "$context.integration.requestId",
        "$context.requestTime",
        "$context.routeKey",
        "$context.status",
        "$context.responseLength",
        "$context.responseLatency",
        "$context.integrationErrorMessage",
    ];
    assert!(fields.len() > 5);
    for (name, value) in fields {
        // A path has a tenant's name, and for some senders a secret; a query has names of people.
        assert!(harmless.contains(&value.as_str().unwrap()), "{name}: {value}");
    }
}

/// With a list of what is skipped, and why, nothing fails; and nothing is skipped that would pass. It looks at the template by
/// the defaults of parameters, so it is also shown the one by which webhooks have addresses of their own.
#[test]
#[ignore = "installs 300 MB"]
fn reviewed_by_checkov() {
    let list = std::fs::read_to_string(workspace().join("infra/checkov.yaml")).unwrap();
    let skipped: BTreeSet<String> = list
        .lines()
        .filter_map(|line| line.strip_prefix("  - "))
        .map(|line| {
            let (check, reason) = line.split_once(" # ").unwrap_or_else(|| panic!("{line}: no reason"));
            assert!(reason.len() > 20 && reason.ends_with('.'), "{line}");
            check.to_owned()
        })
        .collect();
    assert!(!skipped.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let direct = folder.path().join("template.yaml");
    std::fs::write(&direct, template().replace("    Default: Api\n", "    Default: FunctionUrls\n")).unwrap();
    let run = |template: &str, arguments: &[&str]| {
        let mut command = Command::new(checkov());
        command.args(["--file", template]).args(arguments).current_dir(workspace());
        command.output().unwrap()
    };
    let direct = direct.to_str().unwrap();
    for template in ["infra/template.yaml", direct] {
        let with_list = run(template, &["--config-file", "infra/checkov.yaml"]);
        assert!(with_list.status.success(), "{template}: {}", String::from_utf8_lossy(&with_list.stdout));
    }
    let without = run(direct, &["--framework", "cloudformation", "--skip-download", "--output", "json"]);
    let found: serde_json::Value = serde_json::from_slice(&without.stdout).unwrap();
    assert!(found["summary"]["passed"].as_u64().unwrap() > 50, "{}", found["summary"]);
    let failed = found["results"]["failed_checks"].as_array().unwrap();
    let failed: BTreeSet<String> = failed.iter().map(|one| one["check_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(failed, skipped, "what fails without the list is what is on it");
}

/// A stack with the account's own key, a boundary, a path and tags. The emulator keeps the key of logs, the path and the
/// tags; it passes over the boundary and over what the table and the bucket say about encryption and life cycles.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn deployed_with_all_that_a_reviewer_asks() {
    let cloud = Cloud::start().await;
    let key = cloud.aws(&["kms", "create-key"])["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let anything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let boundary = ["iam", "create-policy", "--policy-name", "boundary", "--policy-document", anything];
    let boundary = cloud.aws(&boundary)["Policy"]["Arn"].as_str().unwrap().to_owned();
    cloud.aws(&["s3api", "create-bucket", "--bucket", "access-logs"]);
    cloud.up(
        "own",
        &[
            "--tag",
            "cost-center=4711",
            "--tag",
            "owner=it ops",
            &format!("KeyArn={key}"),
            &format!("PermissionsBoundaryArn={boundary}"),
            "RolePath=/vestibule/",
            "AccessLogBucket=access-logs",
            "ReportFilesDays=435",
        ],
    );
    let logs = cloud.aws(&["logs", "describe-log-groups"]);
    let logs = logs["logGroups"].as_array().unwrap();
    assert!(logs.len() > 8 && logs.iter().all(|group| group["kmsKeyId"] == key.as_str()), "{logs:?}");
    let roles = cloud.aws(&["iam", "list-roles", "--path-prefix", "/vestibule/"]);
    assert_eq!(roles["Roles"].as_array().unwrap().len(), FUNCTIONS.len(), "{roles}");
    let tags = || -> BTreeSet<String> {
        let stack = cloud.aws(&["cloudformation", "describe-stacks", "--stack-name", "own"]);
        let tags = stack["Stacks"][0]["Tags"].as_array().unwrap().iter();
        tags.map(|tag| format!("{}={}", tag["Key"].as_str().unwrap(), tag["Value"].as_str().unwrap())).collect()
    };
    let wanted = BTreeSet::from(["cost-center=4711".to_owned(), "owner=it ops".to_owned()]);
    assert_eq!(tags(), wanted);
    cloud.up("own", &["LogLevel=warn"]);
    assert_eq!(tags(), wanted, "an update that names none keeps them");

    // An adopted bucket that keeps versions for ever would keep people who were erased.
    cloud.aws(&["s3api", "create-bucket", "--bucket", "versions"]);
    let enabled = ["--bucket", "versions", "--versioning-configuration", "Status=Enabled"];
    cloud.aws(&[&["s3api", "put-bucket-versioning"][..], &enabled].concat());
    let architecture = format!("Architecture={}", Cloud::architecture());
    let refused = cloud.refused(&["up", "--stack", "other", &architecture, "ExistingBucket=versions"]);
    assert!(refused.contains("keeps versions of deleted files for ever"), "{refused}");
    let refused =
        cloud.refused(&["up", "--stack", "other", &architecture, "KeyArn=arn:aws:kms:us-east-1:000000000000:key/none"]);
    assert!(refused.contains("the key can't be read"), "{refused}");
}
