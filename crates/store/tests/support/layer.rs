//! A store in front of another one that misbehaves in one way.

use async_trait::async_trait;
use futures::stream::BoxStream;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use upstep_store::object_store::path::Path;
use upstep_store::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How it misbehaves.
#[derive(Debug)]
pub enum Rule {
    /// Create-only writes overwrite, as on some that call themselves S3.
    IgnoreCreateOnly,
    /// Nothing more is answered once that many writes were made: as if the process had died
    /// before the next one.
    DieBeforeWrite(usize),
    /// The same, but the next write still takes place: as if the process had died in it.
    DieInWrite(usize),
}

/// The layer.
#[derive(Debug)]
pub struct Layer {
    inner: Arc<dyn ObjectStore>,
    rule: Rule,
    writes: Arc<AtomicUsize>,
}

impl Layer {
    /// A layer over `inner`; `writes` counts the writes that were tried.
    pub fn over(inner: Arc<dyn ObjectStore>, rule: Rule, writes: Arc<AtomicUsize>) -> Arc<dyn ObjectStore> {
        Arc::new(Layer { inner, rule, writes })
    }

    fn is_dead(&self) -> bool {
        match self.rule {
            Rule::IgnoreCreateOnly => false,
            Rule::DieBeforeWrite(most) | Rule::DieInWrite(most) => self.writes.load(Ordering::SeqCst) > most,
        }
    }

    fn alive(&self) -> Result<()> {
        let dead = Error::Generic { store: "dead", source: "the process has died".into() };
        if self.is_dead() { Err(dead) } else { Ok(()) }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} over {}", self.rule, self.inner)
    }
}

#[async_trait]
impl ObjectStore for Layer {
    async fn put_opts(&self, location: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        self.alive()?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        match self.rule {
            Rule::IgnoreCreateOnly => {
                options.mode = PutMode::Overwrite;
                self.inner.put_opts(location, payload, options).await
            }
            Rule::DieBeforeWrite(_) => {
                self.alive()?;
                self.inner.put_opts(location, payload, options).await
            }
            Rule::DieInWrite(_) => {
                let result = self.inner.put_opts(location, payload, options).await;
                self.alive()?;
                result
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.alive()?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.alive()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.alive()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.alive()?;
        self.inner.copy_opts(from, to, options).await
    }
}
