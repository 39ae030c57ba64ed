//! Scripts lose the comments that have lines of their own, and nothing else.

#[path = "../../build/lean.rs"]
mod leaving_out;

use leaving_out::lean;

#[test]
fn comments_with_lines_of_their_own_are_left_out() {
    for (script, left) in [
        ("// one\nlet a = 1; // two\n  // three\n", "let a = 1; // two\n"),
        ("/** The\n * first. */\nconst a = 1;\n", "const a = 1;\n"),
        ("/* a */ b();\n/*\n a\n*/ c();\n", " b();\n c();\n"),
        ("/* @preserve\n * whose it is\n */\na();\n", "/* @preserve\n * whose it is\n */\na();\n"),
        ("a(); /* begins\n// here */\n// two\nb();\n", "a(); /* begins\n// here */\nb();\n"),
        ("let a = 'https://a/*b';\n// two\n", "let a = 'https://a/*b';\n"),
        ("let a = /[\\/\\*]`?/;\n// two\n", "let a = /[\\/\\*]`?/;\n// two\n"),
        ("\"it's\";\n// two\n'\\'';\n// three\n", "\"it's\";\n'\\'';\n"),
    ] {
        assert_eq!(lean(script), left);
    }
}

#[test]
fn what_a_template_holds_is_kept() {
    for script in [
        "let a = `\n// text\n/* text\n`;\n",
        "let a = `${ { b: '}' } }\n// text\n${ `// ${1}\n// text` }\n// text\n`;\n",
        "let a = `\\`\n// text\n`;\n",
        // It never ends, so nothing is certain.
        "// one\nlet a = `\n",
        "let a = 1;\n/* text\n",
    ] {
        assert_eq!(lean(script), script);
    }
    assert_eq!(lean("let a = `${\n// one\n1}\n// text\n`;\n// two\n"), "let a = `${\n1}\n// text\n`;\n");
}
