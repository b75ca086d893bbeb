//! A connection whose other end has to go on reading. Whoever asks for a long answer and takes none of it would keep what the
//! answer holds, a place among the connections at least, for as long as they please.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

pub struct Connection<S> {
    stream: S,
    patience: Duration,
    /// Since something could not be written.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S> Connection<S> {
    /// It is given up when nothing can be written for so long.
    pub fn new(stream: S, patience: Duration) -> Connection<S> {
        Connection { stream, patience, waits: None }
    }

    fn or_given_up<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waits = None;
            return written;
        }
        let patience = self.patience;
        let waits = self.waits.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        waits.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.or_given_up(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.or_given_up(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.or_given_up(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.or_given_up(shut, context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::Connection;

    #[tokio::test]
    async fn who_reads_nothing_is_given_up() {
        let (ours, theirs) = tokio::io::duplex(16);
        let mut connection = Connection::new(ours, Duration::from_millis(50));
        let error = connection.write_all(&[b'x'; 1_000]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(theirs);
    }

    #[tokio::test]
    async fn who_reads_slowly_gets_everything() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let reading = tokio::spawn(async move {
            let (mut all, mut some) = (Vec::new(), [0; 16]);
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                match theirs.read(&mut some).await.expect("it can be read") {
                    0 => return all,
                    length => all.extend_from_slice(&some[..length]),
                }
            }
        });
        // Longer than the patience in all, but never at once.
        let mut connection = Connection::new(ours, Duration::from_secs(1));
        connection.write_all(&[b'x'; 320]).await.expect("somebody reads");
        drop(connection);
        assert_eq!(reading.await.expect("no panic"), [b'x'; 320]);
    }
}
