//! Why a call did not give what was asked for.

use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use taskpilot_api::problem::Problem;

use crate::transport::{Answer, NoAnswer};

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing came back.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The server answered with an error.
    #[error("{}", told(*.status, .problem))]
    Refused {
        /// The status.
        status: StatusCode,
        /// What it said; a foreign server may have said little.
        problem: Box<Problem>,
        /// Seconds after which a repeat makes sense.
        retry_after_s: Option<u64>,
    },
    /// The answer is not what the contract says.
    #[error("the server's answer cannot be read: {detail}")]
    Unreadable {
        /// What is wrong with it.
        detail: String,
    },
}

impl ClientError {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::NoAnswer(_) | Self::Unreadable { .. } => None,
        }
    }
}

fn told(status: StatusCode, problem: &Problem) -> String {
    match &problem.field {
        _ if problem.detail.is_empty() => format!("the server answered {status}"),
        Some(field) => format!("{field}: {}", problem.detail),
        None => problem.detail.clone(),
    }
}

impl Answer {
    /// Reads the body as `T`, whatever the status.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| ClientError::Unreadable {
            detail: place(&error),
        })
    }

    /// The answer itself where its status is 2xx, else what the server said.
    pub fn success(self) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let problem = serde_json::from_slice(&self.body).unwrap_or_default();
        Err(ClientError::Refused {
            status: self.status,
            problem: Box::new(problem),
            retry_after_s: self.retry_after_s(),
        })
    }
}

/// What is wrong and where, without the words of the answer: they may be somebody's payload, and
/// this ends up in logs.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Data => "it is not of the shape that was expected",
        Category::Eof => "it ends too early",
        Category::Io | Category::Syntax => "it is not JSON",
    };
    format!("{what}, line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_without_its_words() {
        let answer = |body: &str| Answer {
            status: StatusCode::OK,
            headers: reqwest::header::HeaderMap::new(),
            body: body.as_bytes().to_vec(),
            earlier_unknown: false,
        };
        let told = |body| answer(body).read::<Vec<u8>>().unwrap_err().to_string();
        let shape = "it is not of the shape that was expected, line 1 column 8";
        assert_eq!(
            told("\"secret\""),
            format!("the server's answer cannot be read: {shape}")
        );
        let early = "it ends too early, line 1 column 2";
        assert_eq!(
            told("[1"),
            format!("the server's answer cannot be read: {early}")
        );
        let syntax = "it is not JSON, line 1 column 1";
        assert_eq!(
            told("secret"),
            format!("the server's answer cannot be read: {syntax}")
        );
    }

    #[test]
    fn a_refusal_names_what_is_wrong() {
        let says = |detail: &str, field: Option<&str>| {
            let problem = Problem {
                detail: detail.to_owned(),
                field: field.map(str::to_owned),
                ..Problem::default()
            };
            told(StatusCode::BAD_REQUEST, &problem)
        };
        assert_eq!(
            says("from 1 to 1000", Some("limit")),
            "limit: from 1 to 1000"
        );
        assert_eq!(says("There is no task 9.", None), "There is no task 9.");
        assert_eq!(says("", Some("x")), "the server answered 400 Bad Request");
    }
}
