//! The manual and what shells complete: made of the command line, so each command is in them.

use std::process::{Command, Stdio};
use vestibule_program_tests::{Folder, run_alone};

/// The commands as `help` lists them, without `help` itself.
fn commands() -> Vec<String> {
    let help = run_alone(&["help"]).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.map_while(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned));
    names.filter(|name| !name.is_empty() && name != "help").collect()
}

#[test]
fn every_shell_gets_a_script_with_every_command() {
    let commands = commands();
    assert!(commands.len() > 15, "{commands:?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run_alone(&["completions", shell]).stdout;
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
    }
    assert!(!run_alone(&["completions", "tcsh"]).success);
}

#[test]
fn bash_completes_a_command() {
    let script = run_alone(&["completions", "bash"]).stdout;
    let asks =
        "COMP_WORDS=(vestibule doct); COMP_CWORD=1; _vestibule vestibule doct vestibule; echo \"${COMPREPLY[@]}\"";
    // It is longer than an argument may be.
    let folder = Folder::new();
    let file = folder.beside("completions.sh");
    std::fs::write(&file, format!("{script}\n{asks}\n")).unwrap();
    let output = Command::new("bash").arg(&file).stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "doctor\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    // The manual's form of a hyphen.
    let page = run_alone(&["man"]).stdout.replace("\\-", "-");
    assert!(page.contains(".TH vestibule 1"), "{page}");
    let folder = Folder::new();
    let out = folder.beside("man");
    assert!(run_alone(&["man", "--out", out.to_str().unwrap()]).success);
    for command in commands() {
        assert!(page.contains(&format!("vestibule-{command}(1)")), "{command}: {page}");
        let text = std::fs::read_to_string(out.join(format!("vestibule-{command}.1"))).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{command}");
    }
    let serve = std::fs::read_to_string(out.join("vestibule-serve.1")).unwrap();
    assert!(serve.contains("VESTIBULE_DATA"), "{serve}");
}
