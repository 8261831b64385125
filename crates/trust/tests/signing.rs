//! Keys and signatures.

mod support;

use jiff::SignedDuration;
use std::collections::BTreeMap;
use support::{Author, Client, INDEX, chain, copy, days, edit, new_keys, start};
use tough::{ExpirationEnforcement, FilesystemTransport, IntoVec as _, RepositoryLoader};
use upstep_model::Digest;
use upstep_trust::{
    Current, Lifetimes, Numbers, Role, SignError, SigningKey, Target, check_key, is_encrypted, new_root, resign,
    rotate_root, sign,
};

#[test]
fn a_key_survives_the_way_through_text_with_and_without_a_passphrase() {
    let key = SigningKey::generate().expect("random numbers");
    let plain = key.to_pem(None).expect("text");
    assert!(plain.starts_with("-----BEGIN PRIVATE KEY-----\n") && !is_encrypted(&plain));
    assert_eq!(SigningKey::from_pem(&plain, None).expect("a key").key_id(), key.key_id());
    // A passphrase that is not needed does no harm, nor do blanks around the text.
    let padded = format!("\n  {plain}\r\n");
    assert_eq!(SigningKey::from_pem(&padded, Some("unused")).expect("a key").public_key(), key.public_key());

    let secret = key.to_pem(Some("correct horse")).expect("text");
    assert!(is_encrypted(&secret) && !secret.contains("PRIVATE KEY"));
    assert_eq!(SigningKey::from_pem(&secret, Some("correct horse")).expect("a key").key_id(), key.key_id());
    assert!(matches!(SigningKey::from_pem(&secret, None), Err(SignError::PassphraseNeeded)));
    assert!(matches!(SigningKey::from_pem(&secret, Some("wrong horse")), Err(SignError::WrongPassphrase)));
}

#[test]
fn what_is_no_key_is_refused_without_showing_it() {
    let key = SigningKey::generate().expect("random numbers");
    let plain = key.to_pem(None).expect("text");
    let public = plain.replace("PRIVATE", "PUBLIC");
    let cut = plain.replace('M', "");
    let endless = "-----BEGIN AGE ENCRYPTED FILE-----\n".repeat(5_000);
    let broken = "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n";
    for bad in ["", "secret", &public, &cut, &endless, broken] {
        let error = SigningKey::from_pem(bad, Some("x")).expect_err("no key");
        assert!(!chain(&error).contains("secret"), "{}", chain(&error));
    }
    assert!(!format!("{key:?}").contains(plain.lines().nth(1).expect("a line")));
}

#[test]
fn signing_the_same_gives_the_same_bytes() {
    let author = Author::published();
    let again = |author: &Author| {
        let target = Target { digest: Digest::of(b"x"), size: 1 };
        let targets = ["a", "b", "c", "d", "e"].map(|name| (name.to_owned(), target)).into();
        let numbers = Numbers { targets: 2, snapshot: 3, timestamp: 4 };
        sign(&author.root, &targets, numbers, &author.keys, &author.lifetimes, start()).expect("signed")
    };
    assert_eq!(again(&author), again(&author));
    let paths: Vec<String> = again(&author).files.into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["metadata/2.targets.json", "metadata/3.snapshot.json"]);
}

#[test]
fn a_wrong_and_a_missing_key_are_named() {
    let author = Author::published();
    for role in [Role::Targets, Role::Snapshot, Role::Timestamp] {
        let mut keys: BTreeMap<Role, SigningKey> = author.keys.iter().map(|(role, key)| (*role, copy(key))).collect();
        let signed = |keys: &_| {
            let numbers = Numbers { targets: 2, snapshot: 2, timestamp: 2 };
            sign(&author.root, &BTreeMap::new(), numbers, keys, &author.lifetimes, start())
        };
        let stranger = SigningKey::generate().expect("random numbers");
        let (found, expected) = (stranger.key_id().to_owned(), author.keys[&role].key_id());
        keys.insert(role, stranger);
        let error = signed(&keys).expect_err("a wrong key");
        let text = error.to_string();
        assert!(matches!(error, SignError::WrongKey { role: named, .. } if named == role), "{text}");
        assert!(text.contains(&found) && text.contains(expected), "{text}");
        keys.remove(&role);
        assert!(matches!(signed(&keys), Err(SignError::MissingKey { role: named }) if named == role));
        assert!(check_key(&author.root, role, &author.keys[&role]).is_ok());
    }
}

#[test]
fn a_resigner_needs_two_keys_and_signs_only_what_was_signed_before() {
    let author = Author::published();
    let keys: BTreeMap<Role, SigningKey> =
        [Role::Snapshot, Role::Timestamp].map(|role| (role, copy(&author.keys[&role]))).into();
    let (timestamp, snapshot) = (author.timestamp(), author.files["metadata/1.snapshot.json"].clone());
    let targets = author.files["metadata/1.targets.json"].clone();
    let current = Current { timestamp: &timestamp, snapshot: &snapshot, targets: &targets };
    let again = |current, snapshot, timestamp, now| {
        resign(&author.root, current, snapshot, timestamp, &keys, &author.lifetimes, now)
    };
    let signed = again(current, 2, 2, start() + days(3)).expect("signed");
    assert_eq!(signed.files.len(), 1);
    assert_eq!(upstep_trust::parse_timestamp(&signed.timestamp).expect("a timestamp").expires, start() + days(10));

    let evil = edit(&targets, |signed| signed["version"] = 9.into());
    assert!(matches!(again(Current { targets: &evil, ..current }, 2, 2, start()), Err(SignError::Existing { .. })));
    let mut other = Author::published();
    other.publish(b"index 2", start());
    let foreign = other.files["metadata/2.targets.json"].clone();
    assert!(matches!(again(Current { targets: &foreign, ..current }, 2, 2, start()), Err(SignError::Existing { .. })));
    // Properly signed, but not the ones that the commit names.
    let mut next = Author { files: author.files.clone(), ..Author::new() };
    next.keys = author.keys.iter().map(|(role, key)| (*role, copy(key))).collect();
    next.root.clone_from(&author.root);
    next.numbers = author.numbers;
    next.publish(b"index 2", start());
    let newer = next.files["metadata/2.targets.json"].clone();
    assert!(matches!(again(Current { targets: &newer, ..current }, 3, 3, start()), Err(SignError::Existing { .. })));

    assert!(matches!(again(current, 1, 2, start()), Err(SignError::Number { role: Role::Snapshot, .. })));
    assert!(matches!(again(current, 2, 1, start()), Err(SignError::Number { role: Role::Timestamp, .. })));
    let error = again(current, 2, 2, start() + days(400)).expect_err("the targets expired");
    assert!(matches!(error, SignError::Existing { role: Role::Targets, .. }), "{error}");
}

#[test]
fn names_lifetimes_and_numbers_that_can_not_be_are_refused() {
    let author = Author::published();
    let target = Target { digest: Digest::of(b"x"), size: 1 };
    let numbers = Numbers { targets: 2, snapshot: 2, timestamp: 2 };
    for name in ["", "a/b", "..", "a b", "ä", "a\\b", &"a".repeat(256)] {
        let targets = BTreeMap::from([(name.to_owned(), target)]);
        let error = sign(&author.root, &targets, numbers, &author.keys, &author.lifetimes, start());
        assert!(matches!(error, Err(SignError::Name { .. })), "{name:?}");
    }
    let zero = Numbers { targets: 0, ..numbers };
    let error = sign(&author.root, &BTreeMap::new(), zero, &author.keys, &author.lifetimes, start());
    assert!(matches!(error, Err(SignError::Number { role: Role::Targets, .. })));
    for root in [SignedDuration::ZERO, SignedDuration::MAX, days(-1)] {
        let lifetimes = Lifetimes { root, ..Lifetimes::default() };
        assert!(matches!(new_root(&new_keys(), &lifetimes, start()), Err(SignError::Lifetime { .. })));
    }
    assert!(sign(b"{}", &BTreeMap::new(), numbers, &author.keys, &author.lifetimes, start()).is_err());
}

#[test]
fn only_the_current_root_key_makes_the_next_root() {
    let author = Author::published();
    let stranger = SigningKey::generate().expect("random numbers");
    let error = rotate_root(&author.root, &stranger, &new_keys(), &author.lifetimes, start()).expect_err("a stranger");
    assert!(matches!(error, SignError::WrongKey { role: Role::Root, .. }), "{error}");
}

#[tokio::test]
async fn plain_tough_takes_what_was_signed_here() {
    let mut author = Author::published();
    author.rotate(&[Role::Root, Role::Timestamp], start());
    author.publish(b"index 2", start());
    author.resign(start() + days(1));
    let folder = tempfile::tempdir().expect("a folder");
    for (path, bytes) in &author.files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    let base = |name| url::Url::from_directory_path(folder.path().join(name)).expect("a URL");
    let embedded = &author.files["metadata/1.root.json"];
    let repository = RepositoryLoader::new(embedded, base("metadata"), base("targets"))
        .transport(FilesystemTransport)
        .expiration_enforcement(ExpirationEnforcement::Unsafe)
        .load()
        .await
        .expect("tough refreshes");
    let name = tough::TargetName::new(INDEX).expect("a name");
    let stream = repository.read_target(&name).await.expect("tough reads").expect("the target");
    assert_eq!(stream.into_vec().await.expect("whole"), b"index 2");
    assert_eq!(repository.timestamp().signed.version.get(), 3);
    assert_eq!(Client::new(embedded).index(&author.source(), start() + days(1)).await.expect("verified"), b"index 2");
}
