//! A server that does to its clients what no well-behaved server does: one act a connection, in the order of the script.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one connection, after it has read the request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends these bytes and closes.
    Send(String),
    /// Closes without a word: the answer is lost after the request arrived.
    Drop,
    /// Never answers.
    Hang,
}

impl Act {
    /// Answers with a status, headers (each with its line end) and a body.
    pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Send(format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))
    }

    /// Answers with JSON.
    pub(crate) fn json(status: &str, body: &str) -> Self {
        Self::answer(status, "content-type: application/json\r\n", body)
    }
}

/// A running scripted server; it ends with its runtime.
pub(crate) struct Scripted {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Starts a server on a free port. Past the script's end its last act is repeated.
    pub(crate) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let script: Vec<Act> = script.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                let script = script.clone();
                tokio::spawn(async move { serve(stream, &script, &seen).await });
            }
        });
        Self { address, requests }
    }

    /// Returns the server's address.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests that arrived, as text.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, script: &[Act], seen: &Mutex<Vec<String>>) {
    let Some(request) = read(&mut stream).await else { return };
    let act = {
        let mut seen = seen.lock().unwrap();
        seen.push(request);
        script[(seen.len() - 1).min(script.len() - 1)].clone()
    };
    match act {
        Act::Send(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Act::Drop => {}
        Act::Hang => std::future::pending().await,
    }
}

/// Reads a request with its body, or nothing if the connection ends before.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        if !bytes[0].is_ascii_uppercase() {
            // Not HTTP: the greeting of TLS.
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
    }
}
