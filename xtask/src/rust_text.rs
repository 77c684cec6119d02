//! Splits Rust text into code, comments and string literals, so that no check takes one for another.
//! It is a lexer for text that compiles, not a parser.

/// `code` and `comments` have the lines and columns of the text; what belongs elsewhere is blank.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RustText {
    pub(crate) code: String,
    pub(crate) comments: String,
    pub(crate) literals: Vec<Literal>,
    /// The line (from 1) of the `#[cfg(test)]` whose `mod tests` ends the file.
    pub(crate) tests_from: Option<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl RustText {
    pub(crate) fn of(text: &str) -> Self {
        let mut lexer = Lexer {
            chars: text.chars().collect(),
            at: 0,
            line: 1,
            out: Self::default(),
        };
        lexer.run();
        let mut parts = lexer.out;
        parts.tests_from = tests_from(&parts.code);
        parts
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: RustText,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Lexer {
    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('/')) => self.line_comment(),
                ('/', Some('*')) => self.block_comment(),
                ('"', _) => self.string(),
                ('r', Some('"' | '#')) if self.starts_raw_string() => self.raw_string(),
                ('\'', _) => self.character_or_lifetime(),
                _ => self.take(Part::Code),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self, part: Part) {
        let Some(c) = self.peek(0) else { return };
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        let blank = if c == '\n' { '\n' } else { ' ' };
        self.out
            .code
            .push(if part == Part::Code { c } else { blank });
        self.out
            .comments
            .push(if part == Part::Comment { c } else { blank });
        if part == Part::Literal
            && let Some(literal) = self.out.literals.last_mut()
        {
            literal.text.push(c);
        }
    }

    fn take_many(&mut self, count: usize, part: Part) {
        for _ in 0..count {
            self.take(part);
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.take(Part::Comment);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.take(Part::Comment);
                    continue;
                }
            }
            self.take_many(2, Part::Comment);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take(Part::Code);
        self.open_literal();
        while let Some(c) = self.peek(0) {
            match c {
                '"' => return self.take(Part::Code),
                '\\' => self.take_many(2, Part::Literal),
                _ => self.take(Part::Literal),
            }
        }
    }

    fn starts_raw_string(&self) -> bool {
        let mut before = self.chars[..self.at].iter().rev().copied();
        let own_word = match before.next() {
            Some('b' | 'c') => !before.next().is_some_and(is_word),
            Some(c) => !is_word(c),
            None => true,
        };
        let hashes = self.hashes_after(1);
        own_word && self.peek(1 + hashes) == Some('"')
    }

    fn raw_string(&mut self) {
        let hashes = self.hashes_after(1);
        self.take_many(hashes + 2, Part::Code);
        self.open_literal();
        while let Some(c) = self.peek(0) {
            if c == '"' && self.hashes_after(1) >= hashes {
                return self.take_many(hashes + 1, Part::Code);
            }
            self.take(Part::Literal);
        }
    }

    fn open_literal(&mut self) {
        self.out.literals.push(Literal {
            line: self.line,
            text: String::new(),
        });
    }

    fn hashes_after(&self, start: usize) -> usize {
        self.chars
            .iter()
            .skip(self.at + start)
            .take_while(|c| **c == '#')
            .count()
    }

    fn character_or_lifetime(&mut self) {
        match (self.peek(1), self.peek(2)) {
            (Some('\\'), _) => {
                self.take_many(3, Part::Code);
                while self.peek(0).is_some_and(|c| c != '\'') {
                    self.take(Part::Code);
                }
                self.take(Part::Code);
            }
            (Some(_), Some('\'')) => self.take_many(3, Part::Code),
            _ => self.take(Part::Code),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The last unindented `#[cfg(test)]`, if the module it opens is the end of the file.
fn tests_from(code: &str) -> Option<usize> {
    let lines: Vec<&str> = code.lines().map(str::trim_end).collect();
    let start = lines.iter().rposition(|line| *line == "#[cfg(test)]")?;
    let mut rest = lines[start + 1..]
        .iter()
        .skip_while(|line| line.starts_with("#["));
    let opens = rest
        .next()
        .is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'));
    let mut after_end = rest.skip_while(|line| **line != "}").skip(1);
    (opens && after_end.all(|line| line.is_empty())).then_some(start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_comments_and_literals_are_told_apart() {
        let parts = RustText::of("a(\"x // y\"); // \"no\"\n/* b /* c */ d */ e;\n");
        assert_eq!(parts.code, "a(\"      \");        \n                  e;\n");
        assert_eq!(
            parts.comments,
            "             // \"no\"\n/* b /* c */ d */   \n"
        );
        assert_eq!(
            parts.literals,
            [Literal {
                line: 1,
                text: "x // y".to_owned()
            }]
        );
    }

    #[test]
    fn quotes_inside_literals_and_characters_do_not_end_them() {
        let parts =
            RustText::of(r##"f('"', '\'', b'\x41', "a\"b", r#"c"d"#, br"e", 'x: loop {})"##);
        let texts: Vec<&str> = parts
            .literals
            .iter()
            .map(|literal| literal.text.as_str())
            .collect();
        assert_eq!(texts, ["a\\\"b", "c\"d", "e"]);
        assert!(parts.code.ends_with("'x: loop {})"));
    }

    #[test]
    fn a_word_that_ends_in_r_opens_no_raw_string() {
        let parts = RustText::of("bar(\"a\"); r#type; var\"b\";");
        assert_eq!(parts.literals.len(), 2);
    }

    #[test]
    fn only_a_trailing_module_counts_as_tests() {
        let tests = "#[cfg(test)]\n#[expect(x)]\nmod tests {\n    fn a() {}\n}\n";
        assert_eq!(
            RustText::of(&format!("fn b() {{}}\n{tests}")).tests_from,
            Some(2)
        );
        assert_eq!(
            RustText::of(&format!("{tests}fn b() {{}}\n")).tests_from,
            None
        );
        assert_eq!(RustText::of("#[cfg(test)]\nmod tests;\n").tests_from, None);
    }
}
