//! The program's allocator: the one that gives memory back, with the options of `.cargo/config.toml`.

use vestibule_program_tests::Folder;

#[test]
#[cfg(target_os = "linux")]
fn it_begins_with_the_options_of_the_build() {
    // It prints its options when the program ends, whatever that did.
    let mut command = Folder::new().command(&["tenant", "list"]);
    let output = command.env("MALLOC_CONF", "stats_print:true").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    for option in ["opt.narenas: 2", "opt.dirty_decay_ms: 1000 ", "opt.muzzy_decay_ms: 0 "] {
        assert!(printed.contains(option), "{option}: {printed}");
    }
}
