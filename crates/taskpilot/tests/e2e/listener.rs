//! Who may talk to the services, from where, and for how long.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use taskpilot_e2e::http::Http;
use taskpilot_e2e::workbench::Workbench;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::api::all;
use crate::start::{ANY_PORT, Up, launch, up};

#[tokio::test]
async fn a_request_for_another_host_is_refused() -> Result<()> {
    let up = Up::start().await?;
    for (server, path) in [(up.control, "/api/tasks"), (up.scheduler, "/tasks")] {
        let port = server.address().port();
        let create = || server.post(path).json_text("{\"type\":\"a\"}");
        for host in [
            "evil.example",
            "evil.example:80",
            "127.0.0.1.evil.example",
            "localhost.evil",
            "169.254.169.254",
        ] {
            let reply = create().header("Host", host).send().await?;
            reply
                .problem(421, "host_not_allowed")
                .with_context(|| format!("Host: {host}"))?;
            let named = format!("{host}:{port}");
            create()
                .header("Host", &named)
                .send()
                .await?
                .problem(421, "host_not_allowed")?;
        }
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            let named = format!("{host}:{port}");
            server
                .get(path)
                .header("Host", &named)
                .send()
                .await?
                .expect(200)?;
        }
        assert_eq!(all(server, path).await?, [] as [serde_json::Value; 0]);
    }
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() -> Result<()> {
    let up = Up::start().await?;
    for (server, path) in [(up.control, "/api/tasks"), (up.scheduler, "/tasks")] {
        let create = || server.post(path).json_text("{\"type\":\"a\"}");
        for origin in [
            "http://evil.example",
            "null",
            "http://127.0.0.1:1",
            "https://localhost",
        ] {
            create()
                .header("Origin", origin)
                .send()
                .await?
                .problem(403, "forbidden")?;
        }
        for site in ["cross-site", "same-site"] {
            let call = create().header("Sec-Fetch-Site", site);
            call.send().await?.problem(403, "forbidden")?;
        }
        assert_eq!(all(server, path).await?, [] as [serde_json::Value; 0]);
        create()
            .header("Origin", &server.url())
            .send()
            .await?
            .expect(201)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_request_with_no_host_or_two_is_refused() -> Result<()> {
    let up = Up::start().await?;
    for server in [up.control, up.scheduler] {
        for head in [
            "GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            "GET /readyz HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n".to_owned(),
            format!(
                "GET /readyz HTTP/1.1\r\nHost: {0}\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
                server.address()
            ),
        ] {
            let answer = raw(server, head.as_bytes()).await?;
            let refused = answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 421");
            ensure!(refused, "{head:?}: {answer}");
        }
    }
    Ok(())
}

/// Sends bytes and reads until the server closes.
async fn raw(server: Http, bytes: &[u8]) -> Result<String> {
    let mut stream = server.connect().await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let end = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    // A reset ends the connection as well as a close.
    let _reset = end.context("the connection is not cut")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_and_holds_up_nobody() -> Result<()> {
    let up = Up::start().await?;
    let halves = [
        "",
        "GET /api/tasks HTT",
        "GET /api/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
    ];
    let held = halves.map(|half| tokio::spawn(raw(up.control, half.as_bytes())));
    for connection in held {
        all(up.control, "/api/tasks").await?;
        let answer = connection.await??;
        ensure!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    all(up.control, "/api/tasks").await?;
    Ok(())
}

#[tokio::test]
async fn bytes_that_are_no_request_end_their_connection_only() -> Result<()> {
    let up = Up::start().await?;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /api/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n",
        b"POST /api/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    ] {
        let answer = raw(up.control, bytes).await?;
        ensure!(!answer.starts_with("HTTP/1.1 2"), "{bytes:?}: {answer}");
        all(up.control, "/api/tasks").await?;
    }
    Ok(())
}

#[tokio::test]
async fn only_loopback_is_listened_on() -> Result<()> {
    let bench = Workbench::new()?;
    let data = |name: &str| bench.path(name);
    let scheduler = |address: &str| {
        let launch = launch(&bench).args(["scheduler"]);
        launch
            .option("--data", data("scheduler"))
            .option("--listen", address)
    };
    let control = |address: &str| {
        let launch = launch(&bench).args(["control", "--scheduler-url", "http://127.0.0.1:8080"]);
        launch
            .option("--data", data("control"))
            .option("--listen", address)
    };
    let both = |control: &str, scheduler: &str| {
        let launch = launch(&bench).args(["up"]).option("--data", data("up"));
        launch
            .option("--control", control)
            .option("--scheduler", scheduler)
    };
    for start in [
        scheduler("0.0.0.0:0"),
        scheduler("[::]:0"),
        control("0.0.0.0:0"),
        both("0.0.0.0:0", ANY_PORT),
        both(ANY_PORT, "0.0.0.0:0"),
    ] {
        let ended = start.run().await?;
        ensure!(ended.stdout.is_empty(), "{ended:?}");
        ensure!(
            ended.stderr.contains("loopback"),
            "no reason is given: {ended:?}"
        );
        assert_eq!(ended.code, Some(8));
    }
    // One that somebody else listens on is refused by the system.
    let somebody = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = somebody.local_addr()?.to_string();
    for start in [
        scheduler(&address),
        control(&address),
        both(&address, ANY_PORT),
        both(ANY_PORT, &address),
    ] {
        let ended = start.run().await?;
        ensure!(
            ended.stdout.is_empty() && ended.stderr.contains(&address),
            "{ended:?}"
        );
        assert_eq!(ended.code, Some(8));
    }
    Ok(())
}

#[tokio::test]
async fn a_second_start_on_the_same_directory_names_the_first() -> Result<()> {
    let first = Up::start().await?;
    let second = up(&first.bench).run().await?;
    let pid = first.process.pid().to_string();
    ensure!(
        second.stdout.is_empty() && second.stderr.contains(&pid),
        "{second:?}"
    );
    assert_eq!(second.code, Some(7));
    // The first has not noticed.
    all(first.control, "/api/tasks").await?;
    all(first.scheduler, "/tasks").await?;
    Ok(())
}
