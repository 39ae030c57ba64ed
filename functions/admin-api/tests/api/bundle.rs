//! The joining of the page's files, which the build does.

#[path = "../../build/bundle.rs"]
mod joining;

use joining::{Files, join};
use std::error::Error;

/// As the build has it.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

const INDEX: &str = r#"<html>
  <link rel="stylesheet" href="assets/style/one.css" />
  <link rel="stylesheet" href="assets/style/two.css" />
  <script src="assets/shell/first.js"></script>
  <script type="module" src="assets/shell/app.js"></script>
</html>
"#;

fn files(modules: &[(&str, &str)]) -> Files {
    let page = [
        ("index.html", INDEX),
        ("assets/style/one.css", "a {}\n"),
        ("assets/style/two.css", "b {}\n"),
        ("assets/shell/first.js", "atOnce();\n"),
        ("assets/file/worker.js", "import { x } from './other.js';\n"),
    ];
    let all = page.iter().chain(modules);
    all.map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec())).collect()
}

fn text<'f>(files: &'f Files, path: &str) -> &'f str {
    std::str::from_utf8(&files[path]).unwrap()
}

#[test]
fn a_page_is_joined_in_the_order_of_a_browser() {
    let mut files = files(&[
        (
            "assets/shell/app.js",
            "import {\n  h,\n  patch as put,\n} from '../kit/dom.js';\nimport * as words from '../kit/words.js';\n\
             import view from './view.js';\nview.show(h, put, words, new URL('./worker.js', import.meta.url));\n",
        ),
        ("assets/kit/dom.js", "export function h() {}\nexport const patch = 1;\n/** @type {import('./x.js').X} */\n"),
        (
            "assets/kit/words.js",
            "import { h } from './dom.js';\nexport async function say() {}\nexport class Word {}\nh();\n",
        ),
        ("assets/shell/view.js", "import { Word } from '../kit/words.js';\nexport default {\n  show: Word,\n};\n"),
    ]);
    join("index.html", &mut files).unwrap();
    let left: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(left, ["assets/file/worker.js", "assets/shell/page.js", "assets/style/page.css", "index.html"]);
    assert_eq!(
        text(&files, "assets/style/page.css"),
        "/* assets/style/one.css */\na {}\n/* assets/style/two.css */\nb {}\n"
    );
    let named = text(&files, "index.html");
    assert!(named.contains(
        "  <link rel=\"stylesheet\" href=\"assets/style/page.css\" />\n  <script src=\"assets/shell/page.js\">"
    ));
    assert!(!named.contains("one.css") && !named.contains("first.js"), "{named}");
    let script = text(&files, "assets/shell/page.js");
    let expected = "'use strict';
const addressOfPage = document.currentScript.src;
// assets/shell/first.js
atOnce();
document.addEventListener('DOMContentLoaded', () => {
// assets/kit/dom.js
const assets_kit_dom_js = (() => {
function h() {}
const patch = 1;
/** @type {import('./x.js').X} */
return { h, patch };
})();
// assets/kit/words.js
const assets_kit_words_js = (() => {
const { h } = assets_kit_dom_js;
async function say() {}
class Word {}
h();
return { say, Word };
})();
// assets/shell/view.js
const assets_shell_view_js = (() => {
const { Word } = assets_kit_words_js;
const exportedAlone = {
  show: Word,
};
return { default: exportedAlone };
})();
// assets/shell/app.js
const assets_shell_app_js = (() => {
const {  h,  patch: put,} = assets_kit_dom_js;
const words = assets_kit_words_js;
const view = assets_shell_view_js.default;
view.show(h, put, words, new URL('./worker.js', new URL('../shell/app.js', addressOfPage).href));
return {  };
})();
});
";
    assert_eq!(script, expected);
}

#[test]
fn what_cannot_be_joined_is_refused() {
    for app in [
        "import { a } from './missing.js';\n",
        "import { a } from 'elsewhere';\n",
        "import './effect.js';\n",
        "import { a } from '../kit/round.js';\n",
        "import { a\n",
        "export let a = 1;\n",
        "export { a };\n",
        "export default a;\n",
        "const later = () => import('../kit/round.js');\n",
        "/* so */ import('../kit/round.js');\n",
    ] {
        let round = "import { b } from '../shell/app.js';\nexport const a = b;\n";
        let mut files = files(&[("assets/shell/app.js", app), ("assets/kit/round.js", round)]);
        assert!(join("index.html", &mut files).is_err(), "{app}");
    }
}
