//! Uploaded bytes: a folder of files named by their row id, never by what the user called them.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Result;

#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    pub fn new(folder: impl Into<PathBuf>) -> Files {
        Files { folder: folder.into() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file lies; two levels of folders keep each one small.
    pub fn path(&self, id: Uuid) -> PathBuf {
        let name = id.simple().to_string();
        self.folder.join(&name[28..30]).join(&name[30..32]).join(name)
    }

    /// Writes the bytes durably before the row that names them is committed; returns their SHA-256 in hex.
    pub async fn put(&self, id: Uuid, bytes: &[u8]) -> Result<String> {
        let path = self.path(id);
        tokio::fs::create_dir_all(path.parent().expect("a file lies in a folder")).await?;
        let waiting = path.with_extension("part");
        let mut file = tokio::fs::File::create(&waiting).await?;
        tokio::io::AsyncWriteExt::write_all(&mut file, bytes).await?;
        file.sync_all().await?;
        appear(&waiting, &path).await?;
        Ok(crate::migrate::hex(&Sha256::digest(bytes)))
    }

    /// Begins a file that arrives piece by piece; it appears under its name when it is finished.
    pub async fn begin(&self, id: Uuid) -> Result<Arriving> {
        let path = self.path(id);
        tokio::fs::create_dir_all(path.parent().expect("a file lies in a folder")).await?;
        let waiting = path.with_extension("part");
        let file = tokio::fs::File::create(&waiting).await?;
        Ok(Arriving { file, waiting, path, size: 0, digest: Sha256::new(), finished: false })
    }

    pub async fn get(&self, id: Uuid) -> Result<Vec<u8>> {
        Ok(tokio::fs::read(self.path(id)).await?)
    }

    pub async fn remove(&self, id: Uuid) -> Result<()> {
        match tokio::fs::remove_file(self.path(id)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Gives a written file its name, which lasts when the power fails.
async fn appear(waiting: &Path, path: &Path) -> Result<()> {
    tokio::fs::rename(waiting, path).await?;
    let path = path.to_owned();
    let synced = tokio::task::spawn_blocking(move || sync_folders(&path));
    Ok(synced.await.map_err(std::io::Error::other)??)
}

/// A name in a folder is on disk only when the folder is; and the two levels of folders may just have been made.
pub(crate) fn sync_folders(path: &Path) -> std::io::Result<()> {
    path.ancestors().skip(1).take(3).try_for_each(|folder| std::fs::File::open(folder)?.sync_all())
}

/// A file on its way to the disk. Dropped before [`Arriving::finish`], it leaves nothing behind.
pub struct Arriving {
    file: tokio::fs::File,
    waiting: PathBuf,
    path: PathBuf,
    size: u64,
    digest: Sha256,
    finished: bool,
}

impl Arriving {
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        Ok(tokio::io::AsyncWriteExt::write_all(&mut self.file, bytes).await?)
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes it durable; returns size and SHA-256 in hex.
    pub async fn finish(mut self) -> Result<(u64, String)> {
        tokio::io::AsyncWriteExt::flush(&mut self.file).await?;
        self.file.sync_all().await?;
        appear(&self.waiting, &self.path).await?;
        self.finished = true;
        Ok((self.size, crate::migrate::hex(&self.digest.clone().finalize())))
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.waiting);
        }
    }
}
