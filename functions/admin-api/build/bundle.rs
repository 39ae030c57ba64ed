//! Joins what the page begins with: its stylesheets to one, and its scripts, with every module that they import, to another.
//!
//! On Lambda each request that finds all running copies of the function busy starts another copy. A page of fifty files
//! would start twenty at a first visit; of two files it starts two.
//!
//! Must stay true: each module is evaluated once, after what it imports, in the order in which a browser would. What this
//! can't join is refused by the build, so a module is written in the few forms that `Module::read` knows. Classic scripts
//! run at once, before anything is painted; modules when the document is there, as a browser runs them.

use super::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The files of the page, by their paths.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Where the joined stylesheets are.
const STYLE: &str = "assets/style/page.css";
/// Where the joined scripts are.
const SCRIPT: &str = "assets/shell/page.js";
/// The address of the joined scripts, by which they find what they load later.
const ADDRESS: &str = "addressOfPage";

/// Joins what `index` names, and takes what was joined out of `files`.
///
/// # Errors
/// If a module has a form that is not known here, or imports itself over others.
pub fn join(index: &str, files: &mut Files) -> Result<()> {
    let page = text(files, index)?;
    let (mut styles, mut scripts) = (Vec::new(), Joined::default());
    let (mut classic, mut kept) = (String::new(), String::new());
    for line in page.lines() {
        let part = line.trim();
        if let Some(path) = between(part, "<link rel=\"stylesheet\" href=\"", "\" />") {
            if styles.is_empty() {
                kept.push_str(&line.replace(path, STYLE));
                kept.push('\n');
            }
            styles.push(path.to_owned());
        } else if let Some(path) = between(part, "<script src=\"", "\"></script>") {
            write!(classic, "// {path}\n{}", text(files, path)?)?;
            scripts.done.push(path.to_owned());
        } else if let Some(path) = between(part, "<script type=\"module\" src=\"", "\"></script>") {
            scripts.add(path, files)?;
            kept.push_str(&line.replace(" type=\"module\"", "").replace(path, SCRIPT));
            kept.push('\n');
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let mut style = String::new();
    for path in &styles {
        write!(style, "/* {path} */\n{}", text(files, path)?)?;
    }
    let script = format!(
        "'use strict';\nconst {ADDRESS} = document.currentScript.src;\n{classic}\
         document.addEventListener('DOMContentLoaded', () => {{\n{}}});\n",
        scripts.script
    );
    for path in styles.iter().chain(&scripts.done) {
        files.remove(path);
    }
    for (path, content) in [(index, kept), (STYLE, style), (SCRIPT, script)] {
        files.insert(path.to_owned(), content.into_bytes());
    }
    Ok(())
}

fn text(files: &Files, path: &str) -> Result<String> {
    let content = files.get(path).ok_or_else(|| format!("there is no {path}"))?;
    Ok(String::from_utf8(content.clone())?)
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    text.strip_prefix(begin)?.strip_suffix(end)
}

/// Modules joined so far.
#[derive(Default)]
struct Joined {
    script: String,
    done: Vec<String>,
    /// Those whose imports are being joined.
    open: Vec<String>,
}

impl Joined {
    /// Joins a module after what it imports, unless it is there.
    fn add(&mut self, path: &str, files: &Files) -> Result<()> {
        if self.done.iter().any(|done| done == path) {
            return Ok(());
        }
        if self.open.iter().any(|open| open == path) {
            return Err(format!("{path} imports itself: {}", self.open.join(", ")).into());
        }
        self.open.push(path.to_owned());
        let module = Module::read(path, &text(files, path)?)?;
        for imported in &module.imports {
            self.add(imported, files)?;
        }
        self.open.pop();
        self.done.push(path.to_owned());
        let Module { body, exports, .. } = module;
        writeln!(
            self.script,
            "// {path}\nconst {} = (() => {{\n{body}return {{ {} }};\n}})();",
            name(path),
            exports.join(", ")
        )?;
        Ok(())
    }
}

/// A module as a part of the joined script.
#[derive(Default)]
struct Module {
    /// What it imports, by their paths.
    imports: Vec<String>,
    body: String,
    /// What it exports, as members of an object.
    exports: Vec<String>,
}

impl Module {
    fn read(path: &str, source: &str) -> Result<Self> {
        let mut module = Self::default();
        let mut lines = source.lines();
        while let Some(first) = lines.next() {
            let mut line = first.to_owned();
            if line.starts_with("import ") {
                while !line.ends_with(';') {
                    line.push_str(lines.next().ok_or_else(|| format!("{path}: an import without an end"))?);
                }
                module.import(path, &line)?;
            } else if let Some(exported) = line.strip_prefix("export ") {
                let declared = module.export(exported).ok_or_else(|| format!("{path}: {line}"))?;
                module.body.push_str(&declared);
            } else {
                if without_comments(&line).contains("import(") {
                    return Err(format!("{path}: nothing is imported later: {line}").into());
                }
                module.body.push_str(&line);
            }
            module.body.push('\n');
        }
        let own = path.strip_prefix("assets/").ok_or("a module is in assets")?;
        let address = format!("new URL('../{own}', {ADDRESS}).href");
        module.body = module.body.replace("import.meta.url", &address);
        Ok(module)
    }

    /// `import { a, b as c } from './x.js';`, `import * as a from './x.js';` or `import a from './x.js';`.
    fn import(&mut self, path: &str, statement: &str) -> Result<()> {
        let unknown = || format!("{path}: {statement}");
        let (names, from) = statement
            .strip_prefix("import ")
            .and_then(|rest| rest.strip_suffix("';"))
            .and_then(|rest| rest.split_once(" from '"))
            .ok_or_else(unknown)?;
        let imported = resolve(path, from).ok_or_else(unknown)?;
        let module = name(&imported);
        if let Some(whole) = names.strip_prefix("* as ") {
            write!(self.body, "const {whole} = {module};")?;
        } else if names.starts_with('{') {
            write!(self.body, "const {} = {module};", names.replace(" as ", ": "))?;
        } else {
            write!(self.body, "const {names} = {module}.default;")?;
        }
        self.imports.push(imported);
        Ok(())
    }

    /// What is declared by an `export`, without it; `None` for a form that is not known.
    fn export(&mut self, exported: &str) -> Option<String> {
        if let Some(value) = exported.strip_prefix("default {") {
            self.exports.push("default: exportedAlone".to_owned());
            return Some(format!("const exportedAlone = {{{value}"));
        }
        let forms = ["const ", "function ", "async function ", "class "];
        let declared = forms.into_iter().find_map(|form| exported.strip_prefix(form))?;
        let end = declared.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(declared.len());
        self.exports.push(declared.get(..end).filter(|name| !name.is_empty())?.to_owned());
        Some(exported.to_owned())
    }
}

/// The path that an import names. Folders have no folders.
fn resolve(path: &str, from: &str) -> Option<String> {
    let (folder, _) = path.rsplit_once('/')?;
    match from.strip_prefix("../") {
        Some(other) => Some(format!("{}/{other}", folder.rsplit_once('/')?.0)),
        None => Some(format!("{folder}/{}", from.strip_prefix("./")?)),
    }
}

/// A module's name in the joined script.
fn name(path: &str) -> String {
    path.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// A line without what is in it about types.
fn without_comments(line: &str) -> String {
    let code = line.trim_start();
    if ["*", "//"].iter().any(|comment| code.starts_with(comment)) {
        return String::new();
    }
    let mut rest = code;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    kept + rest
}
