//! docs/DEPLOY.md as a stranger follows it: each command of the page runs as it stands there, in order, against an emulator
//! of AWS. It takes minutes, so the whole runs only when it is asked for, with the other tests of a deployed stack.
//!
//! What can't be as on the page is in `OTHERS`. A block that can't run at all has the line `<!-- not run: why -->` before
//! it in the page's source.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use vestibule_e2e::{Cloud, program, workspace};

/// Parts of the page's commands, what runs instead, and why.
const OTHERS: [(&str, &str, &str); 10] = [
    ("infra/deploy build\n", "\n", "the zips are there: a build takes a quarter of an hour"),
    ("cargo build --release --locked -p vestibule\n", "\n", "the program is there"),
    ("git pull\n", "\n", "this is the newest version"),
    ("git checkout TAG\n", "\n", "there is no tag of an older version that has infra/deploy"),
    (
        "infra/deploy up --stack vestibule \\\n",
        "infra/deploy up --stack vestibule Architecture=$ARCHITECTURE \\\n",
        "the programs are this machine's",
    ),
    (
        "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-4000-8000-000000000000",
        "$(aws acm list-certificates --query 'CertificateSummaryList[0].CertificateArn' --output text)",
        "the certificate that the line before requests",
    ),
    (
        "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000",
        "$(aws kms create-key --query KeyMetadata.Arn --output text)",
        "the guide's key is one that the reader has",
    ),
    ("DIRECTORY-ID", "11111111-1111-4111-8111-111111111111", "a directory"),
    ("CLIENT-ID", "22222222-2222-4222-8222-222222222222", "an app registration"),
    ("name OLD", "name $TABLE", "the stack's table"),
];

/// A block of commands.
struct Block {
    line: usize,
    commands: String,
    not_run: Option<String>,
}

/// The page's blocks of commands, in order.
fn blocks() -> Vec<Block> {
    let page = std::fs::read_to_string(workspace().join("docs/DEPLOY.md")).unwrap();
    let lines: Vec<&str> = page.lines().collect();
    let begins = lines.iter().enumerate().filter(|(_, line)| **line == "```sh").map(|(at, _)| at);
    let block = |at: usize| {
        let commands: Vec<&str> = lines[at + 1..].iter().take_while(|line| **line != "```").copied().collect();
        let mark = at.checked_sub(1).and_then(|before| lines[before].strip_prefix("<!-- not run: "));
        let not_run = mark.map(|mark| mark.trim_end_matches("-->").trim().to_owned());
        Block { line: at + 2, commands: commands.join("\n") + "\n", not_run }
    };
    begins.map(block).collect()
}

/// The commands of a block as they run here; `used` are the others that were needed.
fn as_run(commands: &str, used: &mut BTreeSet<&'static str>) -> String {
    OTHERS.iter().fold(commands.to_owned(), |text, (part, other, _)| {
        if text.contains(part) {
            used.insert(part);
        }
        text.replace(part, other)
    })
}

#[test]
fn the_guides_commands_can_be_read_and_what_is_not_run_has_a_reason() {
    let (all, mut used) = (blocks(), BTreeSet::new());
    assert!(all.iter().filter(|block| block.not_run.is_none()).count() > 8);
    for block in all {
        let commands = as_run(&block.commands, &mut used);
        let read = Command::new("bash").args(["-n", "-c", &commands]).output().unwrap();
        assert!(read.status.success(), "line {}: {}", block.line, String::from_utf8_lossy(&read.stderr));
        assert!(block.not_run.is_none_or(|reason| reason.len() > 10), "line {}: why not?", block.line);
    }
    let all: BTreeSet<&str> = OTHERS.iter().map(|(part, _, _)| *part).collect();
    assert_eq!(used, all, "the page has no such part");
}

/// A stranger's shell.
struct Shell {
    cloud: Cloud,
    variables: Vec<(&'static str, String)>,
}

impl Shell {
    /// Runs commands that must succeed, and returns what they print.
    fn run(&self, what: &str, commands: &str) -> String {
        let mut bash = self.cloud.command(Path::new("bash"), &["-euo", "pipefail", "-c", commands]);
        bash.envs(self.variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        let ran = bash.output().unwrap();
        let (said, failed) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{what}:\n{commands}\n{said}\n{failed}");
        said.into_owned()
    }
}

/// The first word that begins so.
fn word<'t>(text: &'t str, begin: &str) -> Option<&'t str> {
    text.split_whitespace().find(|word| word.starts_with(begin))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn deployed_the_guide_is_followed_word_by_word() {
    let cloud = Cloud::start().await;
    let folder = cloud.folder().to_owned();
    std::fs::create_dir_all(folder.join("target/release")).unwrap();
    std::os::unix::fs::symlink(program("vestibule"), folder.join("target/release/vestibule")).unwrap();
    std::fs::write(folder.join("secret.txt"), "secret\n").unwrap();
    // The emulator has no names: curl finds every host there.
    let port = cloud.url().rsplit(':').next().unwrap().to_owned();
    std::fs::write(folder.join(".curlrc"), format!("connect-to = \"::127.0.0.1:{port}\"\nno-progress-meter\n"))
        .unwrap();
    let mut shell = Shell { cloud, variables: vec![("ARCHITECTURE", Cloud::architecture().to_owned())] };
    let (mut printed, mut used) = (String::new(), BTreeSet::new());
    for block in blocks().into_iter().filter(|block| block.not_run.is_none()) {
        let commands = as_run(&block.commands, &mut used);
        let said = shell.run(&format!("docs/DEPLOY.md, line {}", block.line), &commands);
        // What a person copies from the screen.
        if let Some(secret) = word(&said, "whsec_").filter(|_| commands.contains("tenant add")) {
            shell.variables.push(("SECRET", secret.trim_end_matches('.').to_owned()));
            shell.variables.push((
                "ADDRESS",
                printed.split_once("address: ").and_then(|(_, after)| word(after, "http")).unwrap().to_owned(),
            ));
            shell.variables.push(("TABLE", shell.cloud.output("vestibule", "TableName")));
        }
        printed.push_str(&said);
    }
    for said in
        ["address: ", "\"accepted\":1", "/hooks/contoso/intune-operational-logs/", "deleted: the stack vestibule"]
    {
        assert!(printed.contains(said), "{said} is not printed:\n{printed}");
    }
    // What it says of deleting for good is true as well.
    let deletes = printed.lines().filter_map(|line| line.strip_prefix("  aws ")).map(|line| format!("aws {line}\n"));
    shell.run("what `down` prints last", &deletes.collect::<String>());
}
