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
    /// Sends these bytes, and then nothing more.
    SendAndHang(String),
    /// Closes before it has read anything, which resets the connection.
    Reset,
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
        Self::start_at("127.0.0.1:0".parse().unwrap(), script).await
    }

    /// Returns an address at which nobody listens.
    pub(crate) async fn free_address() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    /// Starts a server like [`Scripted::start`] at an address.
    pub(crate) async fn start_at(address: SocketAddr, script: impl IntoIterator<Item = Act>) -> Self {
        let script: Vec<Act> = script.into_iter().collect();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut connections = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                let act = script[connections.min(script.len() - 1)].clone();
                connections += 1;
                tokio::spawn(async move { serve(stream, act, &seen).await });
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

async fn serve(mut stream: TcpStream, act: Act, seen: &Mutex<Vec<String>>) {
    if matches!(act, Act::Reset) {
        return;
    }
    let Some(request) = read(&mut stream).await else { return };
    seen.lock().unwrap().push(request);
    match act {
        Act::Send(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Act::SendAndHang(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            std::future::pending().await
        }
        Act::Drop | Act::Reset => {}
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
