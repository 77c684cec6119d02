//! Every Markdown document opens with its title: what is pasted before it by accident is found.

use crate::finding::Finding;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|file| file.is("md") && !file.text.starts_with("# "))
        .map(|file| Finding::at(&file.path, 1, "open the document with its title: `# …`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_without_a_title_on_its_first_line_is_found() {
        let tree = Tree::of(&[
            ("a.md", "# A\n"),
            ("b.md", "`serde` |# B\n"),
            ("c.md", "\n# C\n"),
            ("d.md", "## D\n"),
            ("e.md", ""),
            ("f.rs", "//! F.\n"),
        ]);
        let paths: Vec<String> = check(&tree).into_iter().map(|found| found.path).collect();
        assert_eq!(paths, ["b.md", "c.md", "d.md", "e.md"]);
    }
}
