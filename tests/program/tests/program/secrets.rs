//! No type of ours shows a secret: none that holds one can be serialised, printed or debugged with the secret in it.
//!
//! The sources are read as a compiler reads them, so a type that somebody adds tomorrow is examined too. A secret that
//! the store's `Secret` wraps may stand in a type with `Debug`, since `Secret` writes `***`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syn::{Fields, Item, Type, Visibility};

/// Where our own crates are; tests and benchmarks have secrets of their own making.
const SOURCES: [&str; 3] = ["shared", "functions", "local"];
/// Words by which a member names a secret.
const NAMES: [&str; 5] = ["secret", "password", "token", "credential", "bearer"];

/// A type, and what is derived and implemented for it.
#[derive(Debug, Default)]
struct Declared {
    file: String,
    is_public: bool,
    derives: Vec<String>,
    /// Members with the names of the types that they are made of.
    members: Vec<(String, Vec<String>)>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap();
            if name != "target" && name != "tests" {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// The names in a type: `Option<Vec<Secret>>` has `Option`, `Vec` and `Secret`.
fn names(of: &Type, found: &mut Vec<String>) {
    match of {
        Type::Path(path) => {
            for segment in &path.path.segments {
                found.push(segment.ident.to_string());
                if let syn::PathArguments::AngleBracketed(inner) = &segment.arguments {
                    for argument in &inner.args {
                        if let syn::GenericArgument::Type(inner) = argument {
                            names(inner, found);
                        }
                    }
                }
            }
        }
        // What lives as long as the program is a text of the program.
        Type::Reference(one) if one.lifetime.as_ref().is_some_and(|life| life.ident == "static") => {}
        Type::Reference(one) => names(&one.elem, found),
        Type::Slice(one) => names(&one.elem, found),
        Type::Array(one) => names(&one.elem, found),
        Type::Tuple(all) => all.elems.iter().for_each(|one| names(one, found)),
        _ => {}
    }
}

fn members(fields: &Fields, of: &str, found: &mut Vec<(String, Vec<String>)>) {
    for field in fields {
        let mut types = Vec::new();
        names(&field.ty, &mut types);
        found.push((field.ident.as_ref().map_or_else(|| of.to_owned(), ToString::to_string), types));
    }
}

fn derives(attributes: &[syn::Attribute]) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        attribute
            .parse_nested_meta(|meta| {
                found.extend(meta.path.segments.last().map(|segment| segment.ident.to_string()));
                Ok(())
            })
            .unwrap();
    }
    found
}

fn read(items: &[Item], file: &str, types: &mut BTreeMap<String, Vec<Declared>>, impls: &mut Vec<(String, String)>) {
    for item in items {
        let (name, mut declared) = match item {
            Item::Struct(one) => {
                let mut all = Vec::new();
                members(&one.fields, &one.ident.to_string(), &mut all);
                let is_public = matches!(one.vis, Visibility::Public(_));
                (&one.ident, Declared { is_public, derives: derives(&one.attrs), members: all, ..Declared::default() })
            }
            Item::Enum(one) => {
                let mut all = Vec::new();
                one.variants.iter().for_each(|case| members(&case.fields, &case.ident.to_string(), &mut all));
                let is_public = matches!(one.vis, Visibility::Public(_));
                (&one.ident, Declared { is_public, derives: derives(&one.attrs), members: all, ..Declared::default() })
            }
            Item::Impl(one) => {
                let mut of = Vec::new();
                names(&one.self_ty, &mut of);
                if let (Some((_, path, _)), Some(of)) = (&one.trait_, of.into_iter().next()) {
                    impls.extend(path.segments.last().map(|segment| (segment.ident.to_string(), of)));
                }
                continue;
            }
            Item::Mod(inner) => {
                if let Some((_, items)) = &inner.content {
                    read(items, file, types, impls);
                }
                continue;
            }
            _ => continue,
        };
        file.clone_into(&mut declared.file);
        types.entry(name.to_string()).or_default().push(declared);
    }
}

/// Whether a member is a secret in clear: named like one, and a text or bytes.
fn is_clear((name, types): &(String, Vec<String>)) -> bool {
    let named = name.to_lowercase();
    let is_text = types.iter().any(|part| ["String", "str", "Bytes", "u8", "HeaderValue"].contains(&part.as_str()));
    let is_named = NAMES.iter().any(|word| named.split('_').any(|part| part == *word || part == format!("{word}s")));
    is_named && is_text
}

#[test]
fn no_type_with_a_secret_serialises_or_prints_it() {
    let (mut types, mut impls, mut files) = (BTreeMap::new(), Vec::new(), Vec::new());
    SOURCES.iter().for_each(|folder| rust_files(&root().join(folder), &mut files));
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        read(&syn::parse_file(&text).unwrap().items, &shown, &mut types, &mut impls);
    }
    assert!(files.len() > 200 && types.contains_key("Tenant") && types.contains_key("Secret"), "{}", files.len());

    // A type with a member that holds one needs no look: its `Serialize` would need the member's.
    let holds = |one: &Declared| {
        one.members.iter().any(|member| is_clear(member) || member.1.iter().any(|part| part == "Secret"))
    };
    for expected in ["Tenant", "SourceSecret", "Credentials"] {
        assert!(types[expected].iter().any(holds), "{expected} is not examined");
    }

    let mut found = Vec::new();
    let shows = |name: &str, kind: &str| impls.iter().any(|(of, own)| of == kind && own == name);
    for (name, one) in types.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one))) {
        // What is private is written where its module says so: a tenant's item is.
        if !one.is_public || !(name == "Secret" || holds(one)) {
            continue;
        }
        if one.derives.iter().any(|own| own == "Serialize") || shows(name, "Serialize") {
            found.push(format!("{}: {name} can be serialised", one.file));
        }
        if shows(name, "Display") {
            found.push(format!("{}: {name} can be printed", one.file));
        }
        let is_clear = name == "Secret" || one.members.iter().any(is_clear);
        if is_clear && one.derives.iter().any(|own| own == "Debug") {
            found.push(format!("{}: Debug of {name} shows its secret", one.file));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
