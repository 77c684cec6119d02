//! Server-sent events as they arrive (WHATWG HTML, section 9.2.6), as far as our servers use them.

use reqwest::Response;

use crate::transport::{NoAnswer, NoAnswerKind};

/// The most bytes of one event: an order is a few hundred.
const EVENT_BYTES_MAX: usize = 64 * 1024;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamEvent {
    /// Its name; empty for the unnamed.
    pub event: String,
    /// Its data, lines joined.
    pub data: String,
    /// Its id, if it has one.
    pub id: Option<String>,
}

/// An open stream of events.
#[derive(Debug)]
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self {
            response,
            buffer: Vec::new(),
        }
    }

    /// The next event; `None` at the end of the stream. Comments, which keep it alive, come as an
    /// event without name and data.
    ///
    /// Cancel-safe: what was read before stays for the next call.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>, NoAnswer> {
        loop {
            if let Some(event) = take_event(&mut self.buffer) {
                return Ok(Some(event));
            }
            if self.buffer.len() > EVENT_BYTES_MAX {
                return Err(broken("an event is larger than 64 KiB".into()));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) => return Ok(None),
                Err(error) => return Err(broken(error.to_string())),
            }
        }
    }
}

/// Takes the text up to the first empty line, if there is one.
fn take_event(buffer: &mut Vec<u8>) -> Option<StreamEvent> {
    let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
    let block: Vec<u8> = buffer.drain(..end + 2).collect();
    let text = String::from_utf8_lossy(&block);
    let mut event = StreamEvent::default();
    let mut data = Vec::new();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.event),
            "data" => data.push(value),
            "id" => event.id = Some(value.to_owned()),
            _ => {}
        }
    }
    event.data = data.join("\n");
    Some(event)
}

fn broken(detail: String) -> NoAnswer {
    NoAnswer {
        detail,
        kind: NoAnswerKind::Broken,
        may_be_applied: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_taken_once_it_is_whole() {
        let mut buffer = b"event: stop\ndata: {\"a\":\ndata: 1}\nid: 7".to_vec();
        assert_eq!(take_event(&mut buffer), None);
        buffer.extend_from_slice(b"\n\n: alive\n\n");
        let stop = StreamEvent {
            event: "stop".into(),
            data: "{\"a\":\n1}".into(),
            id: Some("7".into()),
        };
        assert_eq!(take_event(&mut buffer), Some(stop));
        assert_eq!(take_event(&mut buffer), Some(StreamEvent::default()));
        assert_eq!((take_event(&mut buffer), buffer.len()), (None, 0));
    }
}
