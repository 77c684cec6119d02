//! `task create --batch`: many creates from JSON lines, in as few calls as they fit into.

use std::io::Read;

use taskpilot_api::tasks::{BatchAnswer, KeyedCreate};
use taskpilot_domain::limits::{BATCH_ITEMS_MAX, BODY_BYTES_MAX};

use crate::commands::Session;
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

/// Room for what is around the items of a body.
const FRAME_BYTES: usize = 64;

/// A create, and where it stands.
#[derive(Debug, PartialEq)]
struct Line {
    number: usize,
    create: KeyedCreate,
    bytes: usize,
}

pub(super) async fn run(file: &str, session: &Session) -> Result<Code, Failure> {
    let lines = parse(&read(file)?)?;
    if lines.is_empty() {
        return Err(Failure::Usage(format!("there is no create in {file}")));
    }
    let (of, mut created) = (lines.len(), 0);
    for portion in portions(lines) {
        let (numbers, creates): (Vec<_>, Vec<_>) = portion
            .into_iter()
            .map(|line| (line.number, line.create))
            .unzip();
        let answers = session.client.create_batch(creates).await?.items;
        if answers.len() != numbers.len() {
            let text = "the server did not answer each create of the batch";
            return Err(Failure::Other(anyhow::anyhow!(text)));
        }
        for (number, answer) in numbers.into_iter().zip(&answers) {
            created += usize::from(answer.task.is_some());
            told(number, answer, session.format)?;
        }
    }
    summary(created, of, session.format)
}

fn told(number: usize, answer: &BatchAnswer, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::json(answer)?,
        Format::Text => output::line(&format!("line {number}: {}", outcome(answer))),
    }
    Ok(())
}

fn outcome(answer: &BatchAnswer) -> String {
    match (&answer.task, &answer.problem) {
        (Some(task), _) => format!("task {} {}", task.id, task.status.as_str()),
        (None, Some(problem)) => {
            let field = problem.field.iter().map(|field| format!("{field}: "));
            let field: String = field.collect();
            format!("not created: {field}{} ({})", problem.detail, problem.code)
        }
        (None, None) => "not created".into(),
    }
}

fn summary(created: usize, of: usize, format: Format) -> Result<Code, Failure> {
    if created < of {
        let text = format!("{created} of {of} tasks were created");
        return Err(Failure::Coded(Code::Error, text));
    }
    if format == Format::Text {
        output::line(&format!("{created} of {of} tasks were created"));
    }
    Ok(Code::Ok)
}

fn read(file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|error| Failure::Usage(format!("cannot read {file}: {error}")))?;
    Ok(text)
}

/// All lines before any is sent: what cannot be read creates nothing. Blank ones are passed over.
fn parse(text: &str) -> Result<Vec<Line>, Failure> {
    let lines = text.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(line, number)| {
            let wrong = |what: String| Failure::Usage(format!("line {number}: {what}"));
            if !line.trim_start().starts_with('{') {
                return Err(wrong("a create is a JSON object".into()));
            }
            let create: KeyedCreate =
                serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            let bytes = serde_json::to_string(&create).map_err(anyhow::Error::from)?;
            let bytes = bytes.len();
            if bytes + FRAME_BYTES > BODY_BYTES_MAX {
                let text = format!("a create of {bytes} bytes is larger than a request may be");
                return Err(wrong(text));
            }
            Ok(Line {
                number,
                create,
                bytes,
            })
        })
        .collect()
}

/// As many in a row as one request takes.
fn portions(lines: Vec<Line>) -> Vec<Vec<Line>> {
    let mut portions: Vec<Vec<Line>> = Vec::new();
    let mut bytes = 0;
    for line in lines {
        bytes += line.bytes + 1;
        match portions.last_mut() {
            Some(last) if last.len() < BATCH_ITEMS_MAX && bytes + FRAME_BYTES <= BODY_BYTES_MAX => {
                last.push(line);
            }
            _ => {
                bytes = line.bytes + 1;
                portions.push(vec![line]);
            }
        }
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Vec<usize> {
        let portions = portions(parse(text).unwrap());
        portions.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_line_that_is_no_create_is_named() {
        for (text, told) in [
            (
                "{\"type\":\"a\"}\n\n[]",
                "line 3: a create is a JSON object",
            ),
            ("{\"type\":\"a\",\"x\":1}", "line 1: unknown field `x`"),
            ("{\"payload\":1}", "line 1: missing field `type`"),
            ("{\"type\":\"a\"", "line 1: EOF"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.to_string().starts_with(told), "{refused}");
        }
        let large = format!(
            "{{\"type\":\"a\",\"payload\":\"{}\"}}",
            "x".repeat(BODY_BYTES_MAX)
        );
        assert!(parse(&large).unwrap_err().to_string().contains("larger"));
    }

    #[test]
    fn a_request_has_no_more_than_it_may() {
        assert_eq!(sizes(""), Vec::<usize>::new());
        let short = "{\"type\":\"a\"}\n";
        assert_eq!(sizes(&short.repeat(2_001)), [1_000, 1_000, 1]);
        let long = format!(
            "{{\"type\":\"a\",\"payload\":\"{}\"}}\n",
            "x".repeat(500_000)
        );
        assert_eq!(sizes(&long.repeat(5)), [2, 2, 1]);
        assert_eq!(sizes(&format!("{long}{}{long}", short.repeat(3))), [5]);
    }
}
