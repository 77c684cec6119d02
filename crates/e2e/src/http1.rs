//! As much of HTTP/1.1 as both ends of a test need: one message per connection, read whole.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Far more than any test sends; a runaway answer fails instead of filling the memory.
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Names in lower case, in the order in which they came.
pub(crate) type Headers = Vec<(String, String)>;

/// A start line and its headers.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) start_line: String,
    pub(crate) headers: Headers,
}

/// How long the body of a message is where no header says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unframed {
    /// A request without a length has no body.
    Empty,
    /// An answer without a length ends with its connection.
    UntilClose,
}

/// The first value of a header.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let found = headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The lines of a head after its start line, without the empty one.
pub(crate) fn header_lines(headers: &Headers) -> String {
    let line = |(name, value): &(String, String)| [name, ": ", value, "\r\n"].concat();
    headers.iter().map(line).collect()
}

/// Reads the next head; `None` where the peer closed instead.
pub(crate) async fn read_head(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Head>> {
    let Some(start_line) = read_line(stream).await? else {
        return Ok(None);
    };
    let mut headers = Headers::new();
    loop {
        let line = read_line(stream)
            .await?
            .context("the head ended before its empty line")?;
        if line.is_empty() {
            return Ok(Some(Head {
                start_line,
                headers,
            }));
        }
        let (name, value) = line
            .split_once(':')
            .context("a header line without a colon")?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads the body that belongs to `headers`.
pub(crate) async fn read_body(
    stream: &mut (impl AsyncBufRead + Unpin),
    headers: &Headers,
    unframed: Unframed,
) -> Result<Vec<u8>> {
    if header(headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        return read_chunks(stream).await;
    }
    match (header(headers, "content-length"), unframed) {
        (Some(length), _) => {
            let length = length.parse().context("content-length is not a number")?;
            read_exactly(stream, length).await
        }
        (None, Unframed::Empty) => Ok(Vec::new()),
        (None, Unframed::UntilClose) => {
            let mut body = Vec::new();
            stream.take(BODY_BYTES_MAX).read_to_end(&mut body).await?;
            Ok(body)
        }
    }
}

async fn read_chunks(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)
            .await?
            .context("the body ended before its last chunk")?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).context("a chunk without a size")?;
        if size == 0 {
            // No test needs trailers: they are passed over.
            while read_line(stream)
                .await?
                .is_some_and(|line| !line.is_empty())
            {}
            return Ok(body);
        }
        body.extend(read_exactly(stream, size).await?);
        ensure!(
            read_line(stream).await?.as_deref() == Some(""),
            "a chunk without an end"
        );
    }
}

async fn read_exactly(stream: &mut (impl AsyncBufRead + Unpin), length: u64) -> Result<Vec<u8>> {
    ensure!(length <= BODY_BYTES_MAX, "a body of {length} bytes");
    let mut bytes = vec![0; usize::try_from(length)?];
    stream
        .read_exact(&mut bytes)
        .await
        .context("the body ended early")?;
    Ok(bytes)
}

/// A line without its end; `None` where nothing came any more.
async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<String>> {
    let mut line = Vec::new();
    stream
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .await?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        bail!("the connection ended within a line");
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(
        String::from_utf8(line).context("a head that is not UTF-8")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(message: &str, unframed: Unframed) -> Result<String> {
        let mut stream = message.as_bytes();
        let head = read_head(&mut stream).await?.context("no head")?;
        Ok(String::from_utf8(
            read_body(&mut stream, &head.headers, unframed).await?,
        )?)
    }

    #[tokio::test]
    async fn every_framing_gives_its_body() {
        let (plain, close) = (Unframed::Empty, Unframed::UntilClose);
        for (message, unframed, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", plain, ""),
            ("HTTP/1.1 200 OK\r\n\r\nrest", close, "rest"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nrest",
                close,
                "re",
            ),
            (
                "X\nTransfer-Encoding: chunked\n\n3;x\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
                close,
                "abcd",
            ),
        ] {
            assert_eq!(
                body(message, unframed).await.unwrap(),
                expected,
                "{message}"
            );
        }
    }

    #[tokio::test]
    async fn a_message_that_is_cut_is_an_error() {
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nrest";
        for end in 1..cut.len() {
            assert!(body(&cut[..end], Unframed::Empty).await.is_err(), "{end}");
        }
    }
}
