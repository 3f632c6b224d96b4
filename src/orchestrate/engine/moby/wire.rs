//! The few requests whose streams are our own: the greeting, attaching to a container, waiting for its
//! end, listening to events, and speaking gRPC. Everything else goes through bollard.
//!
//! They are here since bollard 0.21 neither tells when a long request was accepted (a wait that is
//! not known to be registered before the start can miss the end), nor gives a terminal's bytes as
//! they are (its reader takes a first byte below 3 for a header), nor opens `POST /grpc` for others.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::address::Place;

/// How long a silent engine is waited for when it is greeted.
const GREETING_LIMIT: Duration = Duration::from_secs(5);
/// No head of an answer is longer than this; an engine's are below 1 KB.
const HEAD_LIMIT: usize = 64 * 1024;

/// Where to connect, of those kinds that scaf itself connects to.
#[derive(Clone, Debug)]
pub(super) enum Door {
    Unix(PathBuf),
    Tcp(String, u16),
}

/// The first line and the headers of an answer; names in lower case.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let first = lines.next()?;
        let status = first.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { status, headers })
    }
}

/// Both directions of a connection, whatever it runs over.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection after the head of the answer, with what was read beyond it.
pub(super) struct Opened {
    pub(super) head: Head,
    pub(super) early: Vec<u8>,
    pub(super) stream: Box<dyn Duplex>,
}

impl Door {
    pub(super) fn to(place: &Place) -> Option<Self> {
        match place {
            Place::Unix(path) => Some(Self::Unix(path.clone())),
            Place::Tcp { host, port, tls: false } => Some(Self::Tcp(host.clone(), *port)),
            Place::Tcp { tls: true, .. } | Place::Ssh(_) => None,
        }
    }

    /// One small request, without the asynchronous machinery, for the answer's head.
    pub(super) fn greet(&self) -> io::Result<Head> {
        let request = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
        match self {
            Self::Unix(path) => {
                let stream = uninterrupted(|| std::os::unix::net::UnixStream::connect(path))?;
                stream.set_read_timeout(Some(GREETING_LIMIT))?;
                stream.set_write_timeout(Some(GREETING_LIMIT))?;
                exchange(stream, request)
            }
            Self::Tcp(host, port) => {
                use std::net::ToSocketAddrs;
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match std::net::TcpStream::connect_timeout(&address, GREETING_LIMIT) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(GREETING_LIMIT))?;
                            stream.set_write_timeout(Some(GREETING_LIMIT))?;
                            return exchange(stream, request);
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    pub(super) async fn dial(&self) -> io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Self::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
            Self::Tcp(host, port) => {
                let stream = tokio::net::TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }

    /// Sends a request without a body and returns when the head of the answer is there. A
    /// connection that ends before that is an `UnexpectedEof`.
    pub(super) async fn open(&self, method: &str, path: &str, headers: &str) -> io::Result<Opened> {
        if method == "POST" {
            return self.open_with(method, path, &format!("Content-Length: 0\r\n{headers}"), None).await;
        }
        self.open_with(method, path, headers, None).await
    }

    /// The same with a body, whose length the headers tell.
    pub(super) async fn open_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: Option<File>,
    ) -> io::Result<Opened> {
        let mut stream = self.dial().await?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: docker\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await?;
        if let Some(mut body) = body {
            let mut piece = vec![0; 256 * 1024];
            loop {
                let count = body.read(&mut piece)?;
                // An engine that refuses early stops reading; what it has to say is read below.
                if count == 0 || stream.write_all(&piece[..count]).await.is_err() {
                    break;
                }
            }
        }
        let mut bytes = Vec::with_capacity(1024);
        let end = loop {
            if let Some(end) = head_end(&bytes) {
                break end;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if bytes.len() > HEAD_LIMIT {
                return Err(not_http());
            }
        };
        let head = Head::parse(&bytes[..end]).ok_or_else(not_http)?;
        Ok(Opened { head, early: bytes.split_off(end), stream })
    }
}

impl Opened {
    /// The message of an answer that is an error.
    pub(super) async fn message(mut self) -> String {
        let mut body = Body::new(self.head.header("transfer-encoding") == Some("chunked"));
        let length = self.head.header("content-length").and_then(|text| text.parse::<usize>().ok());
        let mut text = body.take(&std::mem::take(&mut self.early));
        let mut chunk = vec![0; 4096];
        while !body.ended && length.is_none_or(|length| text.len() < length) && text.len() < HEAD_LIMIT {
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(count) => text.extend(body.take(&chunk[..count])),
            }
        }
        let text = String::from_utf8_lossy(&text);
        let said = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| value["message"].as_str().or(value["cause"].as_str()).map(str::to_owned));
        said.unwrap_or_else(|| text.trim().to_owned())
    }

    /// The lines of a stream of JSON values, as they come.
    pub(super) fn lines(self) -> JsonLines {
        let mut body = Body::new(self.head.header("transfer-encoding") == Some("chunked"));
        let text = body.take(&self.early);
        JsonLines { stream: self.stream, body, text }
    }
}

/// Newline-separated JSON values out of an answer's body.
pub(super) struct JsonLines {
    stream: Box<dyn Duplex>,
    body: Body,
    text: Vec<u8>,
}

impl JsonLines {
    /// The next value; `None` when the stream ended. May be dropped while it waits without losing anything.
    pub(super) async fn next(&mut self) -> io::Result<Option<serde_json::Value>> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return serde_json::from_slice(&line).map(Some).map_err(io::Error::other);
            }
            if self.body.ended {
                return self.rest();
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk).await? {
                0 => {
                    self.body.ended = true;
                    return self.rest();
                }
                count => self.text.extend(self.body.take(&chunk[..count])),
            }
        }
    }

    /// A last value without a newline after it.
    fn rest(&mut self) -> io::Result<Option<serde_json::Value>> {
        let rest = std::mem::take(&mut self.text);
        if rest.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        serde_json::from_slice(&rest).map(Some).map_err(io::Error::other)
    }
}

/// Takes the chunked transfer coding off a body.
#[derive(Debug)]
struct Body {
    chunked: bool,
    ended: bool,
    /// Bytes left of the chunk at hand.
    left: usize,
    /// The part of a line with a chunk's size that is there.
    size: Vec<u8>,
}

impl Body {
    fn new(chunked: bool) -> Self {
        Self { chunked, ended: false, left: 0, size: Vec::new() }
    }

    fn take(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        if !self.chunked {
            return bytes.to_vec();
        }
        let mut out = Vec::with_capacity(bytes.len());
        while !bytes.is_empty() && !self.ended {
            if self.left > 0 {
                let count = self.left.min(bytes.len());
                out.extend_from_slice(&bytes[..count]);
                self.left -= count;
                bytes = &bytes[count..];
                continue;
            }
            let byte = bytes[0];
            bytes = &bytes[1..];
            if byte != b'\n' {
                self.size.push(byte);
                continue;
            }
            let line = String::from_utf8_lossy(&self.size).trim().to_owned();
            self.size.clear();
            // The line end that closes a chunk stands before the next chunk's size.
            if line.is_empty() {
                continue;
            }
            let digits = line.split(';').next().unwrap_or_default();
            match usize::from_str_radix(digits, 16) {
                Ok(0) | Err(_) => self.ended = true,
                Ok(size) => self.left = size,
            }
        }
        out
    }
}

fn exchange(mut stream: impl Read + Write, request: &[u8]) -> io::Result<Head> {
    stream.write_all(request)?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 2048];
    loop {
        if let Some(end) = head_end(&bytes) {
            return Head::parse(&bytes[..end]).ok_or_else(not_http);
        }
        match uninterrupted(|| stream.read(&mut chunk))? {
            0 if bytes.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => return Err(not_http()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
        if bytes.len() > HEAD_LIMIT {
            return Err(not_http());
        }
    }
}

/// A call that a signal broke off says nothing of the engine: Ctrl-Z and `fg` are enough for that, where the
/// socket has a time limit (signal(7)).
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn not_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks every other read off, as a signal does, and hands out a byte at a time.
    struct Interrupted(&'static [u8], bool);

    impl Read for Interrupted {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            (into[0], self.0) = (*first, rest);
            Ok(1)
        }
    }

    impl Write for Interrupted {
        fn write(&mut self, from: &[u8]) -> io::Result<usize> {
            Ok(from.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_signal_in_the_middle_is_no_answer() {
        let stream = Interrupted(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n", false);
        assert_eq!(exchange(stream, b"GET /_ping HTTP/1.1\r\n\r\n").unwrap().status, 200);
    }

    #[test]
    fn heads() {
        let head =
            Head::parse(b"HTTP/1.1 101 UPGRADED\r\nApi-Version: 1.41\r\nServer: Docker/20 (linux)\r\n\r\n")
                .unwrap();
        assert_eq!(head.status, 101);
        assert_eq!(head.header("api-version"), Some("1.41"));
        assert!(Head::parse(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").is_none());
    }

    #[test]
    fn chunks_however_they_are_cut() {
        let bytes = b"5\r\n{\"a\":\r\n3;x=y\r\n1}\n\r\n0\r\n\r\n";
        for cut in 0..bytes.len() {
            let mut body = Body::new(true);
            let mut out = body.take(&bytes[..cut]);
            out.extend(body.take(&bytes[cut..]));
            assert_eq!(out, b"{\"a\":1}\n", "cut at {cut}");
            assert!(body.ended);
        }
    }
}
