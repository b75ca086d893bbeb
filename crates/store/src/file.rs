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
        tokio::fs::rename(&waiting, &path).await?;
        Ok(crate::migrate::hex(&Sha256::digest(bytes)))
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
