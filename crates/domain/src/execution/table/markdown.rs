//! Tables and state diagrams as Markdown text.

use std::fmt::Write as _;

/// A table; the first column names its rows.
pub(super) fn grid(head: &[&str], rows: &[Vec<String>]) -> String {
    let rule = "|---".repeat(head.len());
    let mut text = format!("| {} |\n{rule}|", head.join(" | "));
    for row in rows {
        text.push_str("\n| ");
        text.push_str(&row.join(" | "));
        text.push_str(" |");
    }
    text
}

/// A Mermaid state diagram. Arrows between the same two states become one, in the order found.
#[derive(Debug)]
pub(super) struct Diagram {
    starts: Vec<&'static str>,
    arrows: Vec<Arrow>,
}

#[derive(Debug)]
struct Arrow {
    from: &'static str,
    to: &'static str,
    labels: Vec<&'static str>,
}

impl Diagram {
    pub(super) fn starting_at(starts: &[&'static str]) -> Self {
        Self {
            starts: starts.to_vec(),
            arrows: Vec::new(),
        }
    }

    pub(super) fn arrow(&mut self, from: &'static str, to: &'static str, label: &'static str) {
        let same = |arrow: &&mut Arrow| arrow.from == from && arrow.to == to;
        match self.arrows.iter_mut().find(same) {
            Some(arrow) if arrow.labels.contains(&label) => {}
            Some(arrow) => arrow.labels.push(label),
            None => self.arrows.push(Arrow {
                from,
                to,
                labels: vec![label],
            }),
        }
    }

    /// The diagram; the states that nothing leaves are its ends.
    pub(super) fn render(&self) -> String {
        let mut text = String::from("```mermaid\nstateDiagram-v2\n");
        for start in &self.starts {
            line(&mut text, "[*]", start, "");
        }
        for Arrow { from, to, labels } in &self.arrows {
            line(&mut text, from, to, &labels.join(", "));
        }
        for end in self.ends() {
            line(&mut text, end, "[*]", "");
        }
        text.push_str("```");
        text
    }

    fn ends(&self) -> Vec<&'static str> {
        let mut ends: Vec<&'static str> = Vec::new();
        let reached = self.arrows.iter().map(|arrow| arrow.to);
        for state in self.starts.iter().copied().chain(reached) {
            let left = self.arrows.iter().any(|arrow| arrow.from == state);
            if !left && !ends.contains(&state) {
                ends.push(state);
            }
        }
        ends
    }
}

fn line(text: &mut String, from: &str, to: &str, label: &str) {
    let colon = if label.is_empty() { "" } else { ": " };
    writeln!(text, "    {from} --> {to}{colon}{label}").expect("invariant: a String takes all");
}
