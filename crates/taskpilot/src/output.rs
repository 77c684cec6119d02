//! What people see: data on standard output, talk on standard error.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::config::Environment;
use crate::exit::{Code, Failure};

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Whether the last line of the output has no end yet: whatever comes next begins a new one.
static IS_GROWING: AtomicBool = AtomicBool::new(false);

/// Whether standard error shows how far something has come: whatever comes next takes its place.
static IS_SHOWING: AtomicBool = AtomicBool::new(false);

/// Prints a line of data.
pub(crate) fn line(text: &str) {
    write(&printable(text));
}

/// Prints a line that tells how something stands.
pub(crate) fn state(text: &str) {
    write(&colored_states(&printable(text)));
}

/// Adds to the line that grows, with a comma before it, or begins one.
pub(crate) fn grow(text: &str) {
    let comma = if IS_GROWING.swap(true, Ordering::Relaxed) {
        ", "
    } else {
        ""
    };
    put(&format!("{comma}{}", printable(text)));
}

/// Ends the line that grows, if there is one, and takes away what is shown meanwhile.
pub(crate) fn end_growing() {
    progress("");
    if IS_GROWING.swap(false, Ordering::Relaxed) {
        put("\n");
    }
}

/// Prints text as it is: ours, of many lines.
pub(crate) fn text(text: &str) {
    write(text.trim_end());
}

/// Writes a line as it is.
fn write(text: &str) {
    end_growing();
    put(&format!("{text}\n"));
}

/// Writes text as it is. A reader that went away (`| head`) ends the process quietly; data that
/// cannot be written (a full disk) ends it loudly.
fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else {
        return;
    };
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(Code::Ok as i32);
    }
    let _ = writeln!(std::io::stderr(), "error: cannot write the output: {error}");
    std::process::exit(Code::Error as i32);
}

/// Prints a value as JSON, indented when somebody looks.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    write(&text.map_err(anyhow::Error::from)?);
    Ok(())
}

/// Says something that is not data, such as what to do next; only where somebody looks.
pub(crate) fn hint(text: &str) {
    if std::io::stderr().is_terminal() {
        end_growing();
        let _ = writeln!(std::io::stderr(), "{}", dim(text));
    }
}

/// Shows how far something has come, in the place of what was shown before; only where somebody
/// looks. An empty text takes it away.
pub(crate) fn progress(text: &str) {
    let was_showing = IS_SHOWING.swap(!text.is_empty(), Ordering::Relaxed);
    if (was_showing || !text.is_empty()) && std::io::stderr().is_terminal() {
        let mut err = std::io::stderr();
        let _ = write!(err, "\r\x1b[2K{}", printable(text)).and_then(|()| err.flush());
    }
}

/// Says something that is not data and that matters to everybody.
pub(crate) fn note(text: &str) {
    end_growing();
    let _ = writeln!(std::io::stderr(), "{}", printable(text));
}

/// Says what went wrong; to programs as the two members of a problem document that they branch on.
pub(crate) fn say_error(failure: &Failure, format: Format) {
    end_growing();
    let text = match (failure, format) {
        (Failure::Problem(_, problem), _) => problem.clone(),
        (_, Format::Json) => {
            serde_json::json!({"code": failure.code().word(), "detail": failure.detail()})
                .to_string()
        }
        (Failure::Call(_) | Failure::Coded(..), Format::Text) => {
            format!("error: {}", printable(&failure.detail()))
        }
        // Their text is ours, of many lines.
        (Failure::Other(_) | Failure::Usage(_), Format::Text) => {
            format!("error: {}", failure.detail())
        }
    };
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A table: columns as wide as their widest cell, two spaces between them. On a terminal a row is
/// one line: what does not fit is cut.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(header[column].chars().count())
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let head: Vec<String> = header.iter().map(ToString::to_string).collect();
    let line = |cells: &[String]| cut(aligned(cells, &widths), terminal_width());
    write(&dim_out(&line(&head)));
    for row in &rows {
        write(&colored_states(&line(row)));
    }
}

/// A list of facts: names in one column, values in the next, where a long value goes on below its
/// beginning.
pub(crate) fn facts(facts: &[(&str, String)]) {
    let names = facts.iter().map(|(name, _)| name.chars().count());
    let width = names.max().unwrap_or(0);
    let room = terminal_width().saturating_sub(width + 2);
    for (name, value) in facts {
        let mut name = format!("{name:width$}");
        for part in wrapped(&printable(value), room) {
            write(format!("{}  {}", dim_out(&name), colored_states(part)).trim_end());
            name = " ".repeat(width);
        }
    }
}

/// Columns of the terminal; more than any line has where nobody looks.
fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { usize::MAX } else { columns }
}

/// The text as far as it fits into a line.
fn cut(text: String, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some(_) => {
            let kept: String = text.chars().take(width.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
        None => text,
    }
}

/// The text in lines that break at blanks; a word that is longer than a line has one to itself.
fn wrapped(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    // A terminal that is narrower than this is not to be helped.
    while width >= 20 && rest.chars().count() > width {
        let end = rest
            .char_indices()
            .nth(width)
            .map_or(rest.len(), |(at, _)| at);
        let blank = rest[..end].rfind(' ').filter(|at| *at > 0);
        let Some(at) = blank.or_else(|| rest.find(' ')) else {
            break;
        };
        lines.push(rest[..at].trim_end());
        rest = rest[at..].trim_start();
    }
    lines.push(rest);
    lines
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:width$}", width = *width))
        .collect();
    padded.join("  ").trim_end().to_owned()
}

fn dim(text: &str) -> String {
    if Environment::no_color() {
        text.to_owned()
    } else {
        format!("\x1b[2m{text}\x1b[0m")
    }
}

fn dim_out(text: &str) -> String {
    if colored() {
        dim(text)
    } else {
        text.to_owned()
    }
}

fn colored() -> bool {
    std::io::stdout().is_terminal() && !Environment::no_color()
}

/// Colours the states of executions, so that a failure is seen before it is read.
fn colored_states(text: &str) -> String {
    if colored() {
        in_color(text)
    } else {
        text.to_owned()
    }
}

fn in_color(text: &str) -> String {
    let colors = [
        ("SUCCEEDED", 32),
        ("FAILED", 31),
        ("CANCELED", 33),
        ("RUNNING", 36),
        ("STUCK", 31),
    ];
    colors.iter().fold(text.to_owned(), |text, (state, color)| {
        text.replace(state, &format!("\x1b[{color}m{state}\x1b[0m"))
    })
}

/// Removes what could steer a terminal: all text that is printed may be somebody else's in part.
fn printable(text: &str) -> String {
    text.chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_does_not_fit_is_cut_where_the_line_ends() {
        let cut = |width| cut("1  quick  a long title".to_owned(), width);
        assert_eq!(cut(22), "1  quick  a long title");
        assert_eq!(cut(21), "1  quick  a long tit…");
        assert_eq!(cut(11), "1  quick…");
        assert_eq!(cut(usize::MAX), "1  quick  a long title");
    }

    #[test]
    fn a_long_value_breaks_at_blanks() {
        let text = "STOPPED (killed): requested 0 ms, delivered 4 ms, stopped 7 ms";
        let lines = [
            "STOPPED (killed): requested",
            "0 ms, delivered 4 ms,",
            "stopped 7 ms",
        ];
        assert_eq!(wrapped(text, 28), lines);
        assert_eq!(wrapped(text, usize::MAX), [text]);
        assert_eq!(wrapped("", 28), [""]);
        let word = "a-word-that-is-longer-than-any-line";
        let words = format!("{word} and {word}");
        assert_eq!(wrapped(&words, 20), [word, "and", word]);
    }

    #[test]
    fn states_have_their_colours() {
        assert_eq!(
            in_color("1  SUCCEEDED  2  FAILED"),
            "1  \u{1b}[32mSUCCEEDED\u{1b}[0m  2  \u{1b}[31mFAILED\u{1b}[0m"
        );
        assert_eq!(in_color("PENDING"), "PENDING");
    }

    #[test]
    fn nothing_that_could_steer_a_terminal_is_left() {
        assert_eq!(printable("a\u{1b}[31m\tb\r\nc\u{9b}d"), "a [31m b  c d");
    }
}
