//! Objects: bounded reads, streams, and writes that never overwrite.

use crate::location::{self, Location};
use crate::lock::Lock;
use crate::{StoreError, lock};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use upstep_model::AppName;

/// A tree of releases. Clones share what they are built over.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    location: Location,
    folder: Option<Arc<LocalFileSystem>>,
    memory_lock: Arc<tokio::sync::Mutex<()>>,
}

/// What became of a create-only write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object was not there and is now.
    Created,
    /// Somebody wrote it before; nothing has changed.
    Exists,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the store.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was written last, by the store's clock.
    pub modified: SystemTime,
}

/// An object on its way.
pub struct Download {
    /// Length of the whole object in bytes.
    pub size: u64,
    /// The part that the stream holds.
    pub range: Range<u64>,
    /// The bytes.
    pub stream: BoxStream<'static, Result<Bytes, StoreError>>,
}

impl Store {
    /// Opens what is at `location`: a folder that is there, or `s3://bucket/prefix`.
    pub fn open(location: &str) -> Result<Store, StoreError> {
        let location = Location::parse(location)?;
        match &location {
            Location::S3 { bucket, prefix } => {
                let bucket = location::s3(bucket)
                    .map_err(|source| StoreError::Open { location: location.to_string(), source })?;
                let prefix = ObjectPath::parse(prefix).map_err(|_| StoreError::Path { path: prefix.clone() })?;
                Ok(Store::over(Arc::new(PrefixStore::new(bucket, prefix)), location))
            }
            Location::Folder(path) => {
                let no_folder = |source| StoreError::NoFolder { path: path.clone(), source };
                if !std::fs::metadata(path).map_err(no_folder)?.is_dir() {
                    return Err(no_folder(std::io::ErrorKind::NotADirectory.into()));
                }
                let folder = LocalFileSystem::new_with_prefix(path)
                    .map_err(|source| StoreError::Open { location: location.to_string(), source })?
                    .with_fsync(true);
                let folder = Arc::new(folder);
                Ok(Store { folder: Some(folder.clone()), ..Store::over(folder, location) })
            }
            Location::Memory | Location::Other(_) => Err(StoreError::Location { found: location.to_string() }),
        }
    }

    /// Like [`Store::open`], but makes the folder where it is not there yet.
    pub fn create(location: &str) -> Result<Store, StoreError> {
        if let Location::Folder(path) = Location::parse(location)? {
            std::fs::create_dir_all(&path).map_err(|source| StoreError::CreateFolder { path, source })?;
        }
        Store::open(location)
    }

    /// An empty store in the memory of this process.
    pub fn memory() -> Store {
        Store::over(Arc::new(InMemory::new()), Location::Memory)
    }

    /// A store over what the caller brings: it must honour create-only and conditional writes.
    pub fn over(objects: Arc<dyn ObjectStore>, location: Location) -> Store {
        Store { objects, location, folder: None, memory_lock: Arc::default() }
    }

    /// This store with another one in front of its objects: how tests cut a store off in mid-write.
    pub fn wrapped(self, wrap: impl FnOnce(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>) -> Store {
        Store { objects: wrap(self.objects), ..self }
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The file of an object, where the store is a folder. Whether it is there is not said.
    pub fn local_path(&self, path: &str) -> Option<PathBuf> {
        self.folder.as_ref()?.path_to_filesystem(&object_path(path).ok()?).ok()
    }

    /// How many bytes can still be written, where the store is a folder and the system tells.
    pub fn free_space(&self) -> Option<u64> {
        match &self.location {
            Location::Folder(folder) => free_on_disk(folder),
            _ => None,
        }
    }

    /// The apps in the store, in the order of their names.
    pub async fn apps(&self) -> Result<Vec<AppName>, StoreError> {
        let listing = self
            .objects
            .list_with_delimiter(None)
            .await
            .map_err(|source| StoreError::operation("list", "the apps", source))?;
        let mut apps: Vec<AppName> =
            listing.common_prefixes.iter().filter_map(|prefix| AppName::parse(prefix.as_ref()).ok()).collect();
        apps.sort();
        Ok(apps)
    }

    /// The bytes of an object of at most `max` bytes.
    pub async fn get(&self, path: &str, max: u64) -> Result<Vec<u8>, StoreError> {
        let failed = |source| StoreError::operation("read", path, source);
        let result = self.objects.get(&object_path(path)?).await.map_err(failed)?;
        let too_large = |found| StoreError::TooLarge { path: path.to_owned(), found, limit: max };
        if result.meta.size > max {
            return Err(too_large(result.meta.size));
        }
        // The length that was announced is not trusted either: a file can grow while it is read.
        let mut bytes = Vec::with_capacity(result.meta.size as usize);
        let mut stream = result.into_stream();
        while let Some(chunk) = stream.try_next().await.map_err(failed)? {
            if (bytes.len() + chunk.len()) as u64 > max {
                return Err(too_large((bytes.len() + chunk.len()) as u64));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Like [`Store::get`]; `None` where there is no such object.
    pub async fn find(&self, path: &str, max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self.get(path, max).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The bytes of an object as a stream.
    pub async fn get_stream(&self, path: &str) -> Result<Download, StoreError> {
        self.download(path, None).await
    }

    /// A part of an object as a stream: from `start` to before `end`, or to the object's end.
    pub async fn get_range(&self, path: &str, start: u64, end: Option<u64>) -> Result<Download, StoreError> {
        let range = match end {
            Some(end) => GetRange::Bounded(start..end),
            None => GetRange::Offset(start),
        };
        self.download(path, Some(range)).await
    }

    async fn download(&self, path: &str, range: Option<GetRange>) -> Result<Download, StoreError> {
        let options = GetOptions::new().with_range(range);
        let result = self
            .objects
            .get_opts(&object_path(path)?, options)
            .await
            .map_err(|source| StoreError::operation("read", path, source))?;
        let path = path.to_owned();
        Ok(Download {
            size: result.meta.size,
            range: result.range.clone(),
            stream: result.into_stream().map_err(move |source| StoreError::operation("read", &path, source)).boxed(),
        })
    }

    /// Length and time of an object; `None` where there is no such object.
    pub async fn entry(&self, path: &str) -> Result<Option<Entry>, StoreError> {
        match self.objects.head(&object_path(path)?).await {
            Ok(meta) => Ok(Some(entry(meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(StoreError::operation("look up", path, source)),
        }
    }

    /// All objects whose path begins with the folder `prefix`, in the order of their paths.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let path = if prefix.is_empty() { None } else { Some(object_path(prefix)?) };
        let mut entries: Vec<Entry> = self
            .objects
            .list(path.as_ref())
            .map_ok(entry)
            .try_collect()
            .await
            .map_err(|source| StoreError::operation("list", prefix, source))?;
        // A folder also holds the lock file: it is of no interest to anybody.
        entries.retain(|entry| !lock::is_lock(&entry.path));
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// Writes an object that is not there yet. Who finds [`Put::Exists`] has changed nothing.
    pub async fn put_new(&self, path: &str, bytes: impl Into<Bytes>) -> Result<Put, StoreError> {
        match self.put(path, bytes.into(), PutMode::Create).await {
            Ok(()) => Ok(Put::Created),
            // S3 answers 409 to the slower of two concurrent writers of one key.
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Put::Exists)
            }
            Err(source) => Err(StoreError::operation("create", path, source)),
        }
    }

    pub(crate) async fn put(&self, path: &str, bytes: Bytes, mode: PutMode) -> Result<(), object_store::Error> {
        let path = ObjectPath::parse(path)?;
        self.objects.put_opts(&path, PutPayload::from_bytes(bytes), mode.into()).await.map(drop)
    }

    pub(crate) async fn overwrite(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.put(path, bytes, PutMode::Overwrite).await.map_err(|source| StoreError::operation("rewrite", path, source))
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), StoreError> {
        match self.objects.delete(&object_path(path)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(StoreError::operation("delete", path, source)),
        }
    }

    pub(crate) fn objects(&self) -> &dyn ObjectStore {
        &*self.objects
    }

    /// What only one process at a time may do to an app's objects. S3 has no locks: there the
    /// conditional writes alone decide.
    pub(crate) async fn lock(&self, app: &AppName) -> Result<Lock, StoreError> {
        match self.local_path(&lock::path(app)) {
            Some(path) => lock::lock_file(path).await,
            None => Ok(Lock::memory(self.memory_lock.clone().lock_owned().await)),
        }
    }

    pub(crate) fn folder_of(&self, app: &AppName) -> Option<PathBuf> {
        self.local_path(app.as_str())
    }
}

fn object_path(path: &str) -> Result<ObjectPath, StoreError> {
    let invalid = || StoreError::Path { path: path.chars().take(200).collect() };
    let parsed = ObjectPath::parse(path).map_err(|_| invalid())?;
    // Names with '#' are what a folder calls its unfinished writes.
    if parsed.as_ref().is_empty() || path.contains(['#', '%', '\\', '\0']) || path.starts_with('/') {
        return Err(invalid());
    }
    Ok(parsed)
}

fn entry(meta: object_store::ObjectMeta) -> Entry {
    Entry { path: meta.location.to_string(), size: meta.size, modified: meta.last_modified.into() }
}

/// A disk that claims to have no blocks at all tells nothing.
#[cfg(unix)]
fn free_on_disk(folder: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok().filter(|disk| disk.f_blocks > 0)?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_on_disk(_: &std::path::Path) -> Option<u64> {
    None
}
