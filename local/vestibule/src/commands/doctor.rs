//! `doctor`: looks for what is wrong with the data folder or the stack, and with what it depends on, and says what to do.
//!
//! Must stay true: it changes no more than any other command beside `serve`; what it could not look at it reports, and
//! never counts as fine; each finding that needs somebody says what to do.

mod folder;
mod inside;
mod stack;

use crate::app::App;
use crate::cli::Common;
use crate::output::{Lines, answer};
use crate::target::Target;
use serde_json::{Value, json};
use vestibule_domain::Timestamp;
use vestibule_host::{Host, release};
use vestibule_platform::{Access, BoxError, Clock};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    /// It is as it should be.
    Fine,
    /// Somebody should look at it.
    Look,
    /// It must be mended.
    Failed,
}

/// A finding.
#[derive(Debug)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    grade: Grade,
    says: String,
    /// What to do.
    action: Option<String>,
}

impl Finding {
    fn fine(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, grade: Grade::Fine, says: says.into(), action: None }
    }

    fn look(check: &'static str, says: impl Into<String>, action: impl Into<String>) -> Self {
        Self { check, grade: Grade::Look, says: says.into(), action: Some(action.into()) }
    }

    fn failed(check: &'static str, says: impl Into<String>, action: impl Into<String>) -> Self {
        Self { check, grade: Grade::Failed, says: says.into(), action: Some(action.into()) }
    }

    fn mark(&self) -> &'static str {
        match self.grade {
            Grade::Fine => "ok",
            Grade::Look => "look",
            Grade::Failed => "failed",
        }
    }
}

/// Looks at everything, and prints it.
pub async fn run(common: &Common) -> Result<(), BoxError> {
    let now = Timestamp::from_millis(Clock::system().now_millis());
    let target = Target::of(&common.place).await?;
    let mut findings = Vec::new();
    let may_start = issuer(&mut findings).await;
    let may_open = match &target {
        Target::Folder(data) if !Host::is_there(data) => {
            let action = "name the data folder by --data or VESTIBULE_DATA; `vestibule serve` creates one";
            findings.push(Finding::failed("folder", format!("{} is not a data folder", data.display()), action));
            None
        }
        Target::Folder(data) => Some(folder::look(data, now, &mut findings)?),
        Target::Stack(stack) => Some(stack::look(stack, &mut findings).await),
    };
    match may_open {
        Some(true) if may_start => open(&target, now, &mut findings).await,
        Some(_) => {
            let action = "mend the above, and run this again";
            findings.push(Finding::failed("table", "not looked at, and neither are files and senders", action));
        }
        None => {}
    }

    let failed = findings.iter().filter(|finding| finding.grade == Grade::Failed).count();
    let shown = |finding: &Finding| json!({"check": finding.check, "grade": finding.mark(), "says": finding.says, "do": finding.action});
    let mut value = json!({
        "ok": failed == 0,
        "release": release::RELEASE,
        "format": release::FORMAT,
        "findings": findings.iter().map(shown).collect::<Vec<Value>>(),
    });
    let (member, shown) = target.shown();
    value[member] = shown;
    answer(common.json, &value, || {
        let mut lines = Lines::default();
        for finding in &findings {
            let mark = if finding.grade == Grade::Failed { "FAILED" } else { finding.mark() };
            writeln!(lines, "{mark:<7} {:<8} {}", finding.check, finding.says);
            if let Some(action) = &finding.action {
                writeln!(lines, "{:16} {action}", "");
            }
        }
        lines
    });
    match failed {
        0 => Ok(()),
        _ => Err(format!("{failed} of {} findings must be mended, see above", findings.len()).into()),
    }
}

/// Looks at what is stored, by the services of the folder or the stack.
async fn open(target: &Target, now: Timestamp, findings: &mut Vec<Finding>) {
    let app = match App::looking_at(target.clone()).await {
        Ok(app) => app,
        Err(error) => {
            let action = "restore the newest backup, if the message does not say what else to do";
            findings.push(Finding::failed("table", error.to_string(), action));
            return;
        }
    };
    inside::look(&app, now, findings).await;
    if let Err(error) = app.close().await {
        let action = "run this again; if it stays, restore the newest backup";
        findings.push(Finding::failed("table", error.to_string(), action));
    }
}

/// Looks whether people can sign in at the issuer that this environment names. `false` if nothing starts in this
/// environment.
async fn issuer(findings: &mut Vec<Finding>) -> bool {
    let access = Access::from_env();
    let may_start = access.is_ok();
    let set = "run this with the environment of `serve`: OIDC_ISSUER, OIDC_CLIENT_ID";
    findings.push(match access {
        Err(error) => Finding::failed("issuer", error.to_string(), "correct the variable in the environment of `serve`"),
        Ok(Access { oidc: None, .. }) => Finding::fine("issuer", format!("none is set here; to look at one, {set}")),
        Ok(Access { oidc: Some(oidc), .. }) => match admin_api::check_issuer(&oidc).await {
            Ok(()) => Finding::fine("issuer", format!("{} publishes its keys", oidc.issuer)),
            Err(error) => Finding::failed(
                "issuer",
                format!("{} cannot be read: {error}", oidc.issuer),
                "people with its tokens cannot sign in: see whether this machine reaches it, by name and by TLS. Tokens of \
                 `vestibule token add` work all the same",
            ),
        },
    });
    may_start
}
