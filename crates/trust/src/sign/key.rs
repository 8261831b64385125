//! Private keys: ed25519, as PKCS#8 in PEM, on demand encrypted with a passphrase by `age`.

use super::SignError;
use age::scrypt;
use age::secrecy::SecretString;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use std::fmt;
use tough::schema::key::Key;
use tough::sign::Sign as _;

/// The work of one guess at a passphrase: 2^17 blocks, 128 MB and some tenths of a second.
const WORK: u8 = 17;

/// The most work that decrypting may cost: 1 GB.
const MAX_WORK: u8 = 20;

const AGE_BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// Longest text that is taken for a key.
const MAX_TEXT: usize = 64 << 10;

/// A private ed25519 key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    id: String,
}

/// Whether the text is a key that needs a passphrase.
pub fn is_encrypted(text: &str) -> bool {
    text.trim_start().starts_with(AGE_BEGIN)
}

impl SigningKey {
    /// A new key.
    pub fn generate() -> Result<Self, SignError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| SignError::Random)?;
        Ok(SigningKey::new(pair))
    }

    /// Reads a key; the passphrase counts only where the key is encrypted.
    pub fn from_pem(text: &str, passphrase: Option<&str>) -> Result<Self, SignError> {
        if text.len() > MAX_TEXT {
            return Err(SignError::NotAKey { reason: format!("{} bytes are more than any key has", text.len()) });
        }
        if is_encrypted(text) {
            let passphrase = passphrase.ok_or(SignError::PassphraseNeeded)?;
            return SigningKey::from_plain_pem(&decrypt(text.trim(), passphrase)?);
        }
        SigningKey::from_plain_pem(text)
    }

    fn from_plain_pem(text: &str) -> Result<Self, SignError> {
        let not_a_key = |reason: &str| SignError::NotAKey { reason: reason.to_owned() };
        let document = pem::parse(text.trim()).map_err(|_| not_a_key("expected PEM (-----BEGIN PRIVATE KEY-----)"))?;
        if document.tag() != "PRIVATE KEY" {
            let reason = format!("expected PEM of PRIVATE KEY, found {}", printable(document.tag()));
            return Err(SignError::NotAKey { reason });
        }
        let pair = Ed25519KeyPair::from_pkcs8(document.contents())
            .map_err(|_| not_a_key("expected an ed25519 key in PKCS#8"))?;
        Ok(SigningKey::new(pair))
    }

    /// The key as text; encrypted, if there is a passphrase.
    pub fn to_pem(&self, passphrase: Option<&str>) -> Result<String, SignError> {
        // Version 1, without the public key: what openssl reads and writes.
        let der = self.pair.to_pkcs8v1().map_err(|_| SignError::Random)?;
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        let text = pem::encode_config(&pem::Pem::new("PRIVATE KEY", der.as_ref()), config);
        match passphrase {
            None => Ok(text),
            Some(passphrase) => encrypt(&text, passphrase),
        }
    }

    /// The key's id in metadata: the SHA-256 of its public part, in hex.
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// The public part, in hex.
    pub fn public_key(&self) -> String {
        hex::encode(self.pair.public_key())
    }

    pub(super) fn tuf_key(&self) -> Key {
        self.pair.tuf_key()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    fn new(pair: Ed25519KeyPair) -> Self {
        let id = pair.tuf_key().key_id().expect("a key without extra fields has a canonical form");
        SigningKey { id: hex::encode(&id), pair }
    }
}

/// Never the private part.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

fn encrypt(text: &str, passphrase: &str) -> Result<String, SignError> {
    let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
    recipient.set_work_factor(WORK);
    age::encrypt_and_armor(&recipient, text.as_bytes())
        .map_err(|error| SignError::Encryption { operation: "encrypt", source: error.into() })
}

fn decrypt(text: &str, passphrase: &str) -> Result<String, SignError> {
    let mut identity = scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
    identity.set_max_work_factor(MAX_WORK);
    let bytes = age::decrypt(&identity, text.as_bytes()).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => SignError::WrongPassphrase,
        age::DecryptError::NoMatchingKeys => SignError::WrongPassphrase,
        other => SignError::Encryption { operation: "decrypt", source: other.into() },
    })?;
    String::from_utf8(bytes).map_err(|_| SignError::NotAKey { reason: "expected text inside".to_owned() })
}

fn printable(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}
