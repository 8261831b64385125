//! Looks for new commits, and replaces the catalog when there are any.

use crate::catalog::{App, AppState, Catalog, Live};
use crate::error::chain;
use crate::load;
use futures::{StreamExt as _, stream};
use std::sync::Arc;
use std::time::Duration;
use upstep_model::AppName;
use upstep_store::{Commit, Store, StoreError};

/// How many apps are looked at at the same time.
const AT_ONCE: usize = 16;

/// Why it is not known what the store holds.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing of what was served is there: a volume that is not mounted looks like this, and
    /// nobody deletes all apps of a server that runs.
    #[error("the store is empty, although it held {apps} apps")]
    Vanished {
        /// How many there were.
        apps: usize,
    },
}

/// Looks into the store for ever, each `interval`.
pub async fn run(store: Store, live: Arc<Live>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let was_read = live.is_store_read();
        match round(&store, &live).await {
            Ok(()) if !was_read => tracing::info!("the store can be read again"),
            Ok(()) => {}
            Err(error) if was_read => {
                tracing::error!(error = chain(&error), "the store can't be read; what is known is served on");
            }
            Err(_) => {}
        }
    }
}

/// Looks once: which apps there are, and what their newest commits say.
pub async fn round(store: &Store, live: &Live) -> Result<(), RefreshError> {
    let result = look_at_all(store, live).await;
    live.note_store_read(result.is_ok());
    result
}

async fn look_at_all(store: &Store, live: &Live) -> Result<(), RefreshError> {
    let before = live.catalog();
    let apps = store.apps().await?;
    if apps.is_empty() && !before.apps.is_empty() {
        return Err(RefreshError::Vanished { apps: before.apps.len() });
    }
    let looks = stream::iter(apps).map(|app| {
        let state = before.apps.get(&app);
        async move {
            let found = look_at(store, &app, state).await;
            (app, found)
        }
    });
    let mut after = Catalog::default();
    let mut has_changed = false;
    for (app, found) in looks.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
        let state = match found {
            Found::Same => before.apps.get(&app).cloned(),
            Found::Nothing => None,
            Found::New(state) => {
                has_changed = true;
                Some(state)
            }
        };
        after.apps.extend(state.map(|state| (app, state)));
    }
    for gone in before.apps.keys().filter(|app| !after.apps.contains_key(app)) {
        tracing::warn!(%gone, "an app is no longer in the store");
        has_changed = true;
    }
    if has_changed {
        live.replace(after);
    }
    Ok(())
}

enum Found {
    /// Nothing has changed.
    Same,
    /// A folder without a commit.
    Nothing,
    /// Another state than before.
    New(AppState),
}

async fn look_at(store: &Store, app: &AppName, state: Option<&AppState>) -> Found {
    let serving = state.and_then(|state| state.serving.as_deref());
    let loaded = match newest(store, app, serving).await {
        Ok(Newest::None) => return Found::Nothing,
        Ok(Newest::Same) if state.is_some_and(|state| state.trouble.is_none()) => return Found::Same,
        Ok(Newest::Same) => Ok(None),
        Ok(Newest::Commit(commit)) => load::load(store, app, commit, serving).await.map(Some),
        Err(error) => Err(error.into()),
    };
    let serving = || state.and_then(|state| state.serving.clone());
    match loaded {
        Ok(Some(loaded)) => {
            tracing::info!(%app, commit = loaded.commit, "serving a new commit");
            Found::New(AppState { serving: Some(Arc::new(loaded)), trouble: None })
        }
        // What was in the way (the store, for a moment) is gone again.
        Ok(None) => Found::New(AppState { serving: serving(), trouble: None }),
        Err(error) => {
            let trouble = chain(&error);
            if state.and_then(|state| state.trouble.as_ref()) == Some(&trouble) {
                return Found::Same;
            }
            let goes_on = if serving().is_some() { "its last good commit is served on" } else { "it is not served" };
            tracing::error!(%app, error = trouble, "an app's newest commit can't be read; {goes_on}");
            Found::New(AppState { serving: serving(), trouble: Some(trouble) })
        }
    }
}

enum Newest {
    None,
    Same,
    Commit(Commit),
}

/// The highest commit where it is higher than the one served, or where a root was added to it.
async fn newest(store: &Store, app: &AppName, serving: Option<&App>) -> Result<Newest, StoreError> {
    let Some(serving) = serving else {
        return Ok(store.head(app).await?.map_or(Newest::None, Newest::Commit));
    };
    let mut newest = None;
    let mut number = serving.commit;
    while let Some(commit) = store.next(app, number).await? {
        number = commit.number;
        newest = Some(commit);
    }
    if let Some(commit) = newest {
        return Ok(Newest::Commit(commit));
    }
    if load::has_newer_root(store, app, serving.root).await? {
        let timestamp = serving.timestamp.bytes.to_vec();
        return Ok(Newest::Commit(Commit { number: serving.commit, timestamp }));
    }
    Ok(Newest::Same)
}
