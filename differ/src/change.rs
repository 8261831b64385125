//! Changes of releases that are published: withdrawing one, offering it to another share.

use crate::DifferError;
use crate::commit::{ROLES, Signer};
use crate::project::Project;
use crate::published::Published;
use jiff::Timestamp;
use upstep_model::{Channel, Index, Platform, Release, Version};
use upstep_store::Store;

/// Which releases a change is about.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The version.
    pub version: Version,
    /// The channel; the project's where it is not given.
    pub channel: Option<Channel>,
    /// The platform; all that have the version where it is not given.
    pub platform: Option<Platform>,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    /// Number of the commit; none if all was so already.
    pub commit: Option<u64>,
    /// The platforms whose releases are now as asked for.
    pub platforms: Vec<Platform>,
}

/// Applies `change` to the selected releases and commits. `change` says whether it did anything.
pub fn change(
    project: &Project,
    selection: &Selection,
    change: impl Fn(&mut Release) -> bool + Send,
) -> Result<Changed, DifferError> {
    crate::block_on(async || {
        let signer = signer(project)?;
        change_as(&signer, selection, &project.channel, change).await
    })?
}

/// The keys of a project with its store, for a change of what is published.
pub fn signer(project: &Project) -> Result<Signer, DifferError> {
    Ok(Signer {
        keys: project.signing_keys(&ROLES)?,
        store: Store::open(&project.store)?,
        app: project.app.clone(),
        root: project.root.clone(),
        lifetimes: project.lifetimes,
    })
}

async fn change_as(
    signer: &Signer,
    selection: &Selection,
    channel: &Channel,
    change: impl Fn(&mut Release) -> bool,
) -> Result<Changed, DifferError> {
    let channel = selection.channel.as_ref().unwrap_or(channel);
    signer.begin().await?;
    let mut platforms = Vec::new();
    let commit = signer
        .commit(Timestamp::now(), async |published: &Published| {
            platforms.clear();
            let mut changed = Vec::new();
            for mut index in selected(signer, published, channel, selection).await? {
                platforms.push(index.platform.clone());
                let release = index.releases.iter_mut().find(|release| release.version == selection.version);
                if release.is_some_and(&change) {
                    changed.push(index);
                }
            }
            Ok(changed)
        })
        .await?;
    Ok(Changed { commit, platforms })
}

/// The indexes that have the release.
async fn selected(
    signer: &Signer,
    published: &Published,
    channel: &Channel,
    selection: &Selection,
) -> Result<Vec<Index>, DifferError> {
    let mut indexes = published.all_indexes_to_change(&signer.store).await?;
    indexes.retain(|index| {
        index.channel == *channel
            && selection.platform.as_ref().is_none_or(|platform| *platform == index.platform)
            && index.release(&selection.version).is_some()
    });
    if indexes.is_empty() {
        return Err(DifferError::NoRelease {
            version: selection.version.clone(),
            channel: channel.clone(),
            platform: selection.platform.clone(),
        });
    }
    Ok(indexes)
}
