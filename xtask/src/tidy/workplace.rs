//! The tree names no place that only one workplace has: no absolute home of a checkout, no host of a package registry.

use crate::finding::Finding;
use crate::tree::{File, Tree};

/// Written in halves: this file is searched too.
const PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];

/// A registry is reached by its client, which knows the host and may be told a mirror.
const HOSTS: &[&str] = &[
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("registry.npmjs", ".org"),
    concat!("registry.yarnpkg", ".com"),
    concat!("deb.debian", ".org"),
    concat!("files.pythonhosted", ".org"),
    concat!("pypi", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("repo1.maven", ".org"),
    concat!("repo.maven.apache", ".org"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files().flat_map(places_in).collect()
}

fn places_in(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        if let Some(path) = PATHS.iter().find(|path| has_absolute(line, path)) {
            found.push(Finding::at(
                &file.path,
                number,
                format!("`{path}…` exists in one place only: use a relative path"),
            ));
        }
        if let Some(host) = HOSTS.iter().find(|host| line.contains(*host)) {
            found.push(Finding::at(
                &file.path,
                number,
                format!("`{host}`: leave the registry's host to its client"),
            ));
        }
    }
    found
}

/// `path` at the start of a path, not in the middle of a longer one.
fn has_absolute(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '}' | ')' | '>' | '*')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_places_are_found_and_relative_ones_are_not() {
        for path in PATHS {
            let texts = [
                format!("cd {path}main\n"),
                format!("\"{path}x\"\n"),
                format!("dir={path}\n"),
            ];
            for text in texts {
                assert_eq!(check(&Tree::of(&[("a.md", &text)])).len(), 1, "{text}");
            }
            let inside = format!("cd crates{path}x; cd .{path}\n");
            assert_eq!(check(&Tree::of(&[("a.md", &inside)])), [], "{inside}");
        }
    }

    #[test]
    fn every_registry_host_is_found() {
        for host in HOSTS {
            assert_eq!(
                check(&Tree::of(&[("a.lock", &format!("https://{host}/x\n"))])).len(),
                1,
                "{host}"
            );
        }
    }
}
