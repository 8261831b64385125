//! Whether a store honours create-only writes: some answer 200 and overwrite.

use crate::{Put, Store, StoreError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use upstep_model::AppName;

impl Store {
    /// Writes one object twice and refuses a store that lets it happen. The object is deleted
    /// again; one that is left by a cut-off probe is swept up by `prune`.
    pub async fn probe_create_only(&self, app: &AppName) -> Result<(), StoreError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = format!("{app}/probes/{}-{count}-{since}", std::process::id());
        self.put_new(&path, &b"first"[..]).await?;
        let second = self.put_new(&path, &b"second"[..]).await;
        let found = self.get(&path, 16).await;
        let deleted = self.delete(&path).await;
        if second? == Put::Created || found? != b"first" {
            return Err(StoreError::NotCreateOnly { location: self.location().to_string(), path });
        }
        deleted
    }
}
