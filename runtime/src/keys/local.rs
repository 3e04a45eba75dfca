//! Keys in a local file. **For sandboxes only**: whoever reads the file reads everything.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use hmac::Mac;
use serde::{Deserialize, Serialize};

use super::provider::{DataKey, KEY_BYTES, KeyId, KeyProvider, KeyPurpose};
use crate::env::Chance;
use crate::error::{ErrorKind, Result, RuntimeError};

/// Environment variable with the path of the key file.
pub const KEY_FILE_ENV: &str = "COVENANT_KEY_FILE";

/// Permissions of the key file: the owner alone.
const KEY_FILE_MODE: u32 = 0o600;
/// Format of the key file.
const KEY_FILE_FORMAT: u32 = 1;
const WARNING: &str =
    "FOR SANDBOXES ONLY: these keys are not protected. Production keeps its keys in a key service.";

#[derive(Serialize, Deserialize)]
struct KeyFile {
    about: String,
    format: u32,
    /// Under which new values are encrypted.
    current: String,
    /// Of which tokens and digests are derived: never changes.
    tokens: String,
    /// Name -> 64 hexadecimal digits.
    keys: BTreeMap<String, String>,
}

/// Data keys that are derived from root keys: one per purpose and class, by HMAC-SHA256 of the purpose's label.
pub struct LocalKeys {
    current: KeyId,
    tokens: KeyId,
    roots: BTreeMap<KeyId, DataKey>,
}

impl LocalKeys {
    /// Reads the key file; makes one where there is none.
    ///
    /// # Errors
    /// `Config` where others may read the file or it is malformed, `Storage` where it cannot be read or written.
    pub fn open_or_create(path: &Path, chance: &dyn Chance) -> Result<Self> {
        if !path.exists() {
            create(path, chance)?;
        }
        Self::open(path)
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// As [`LocalKeys::open_or_create`].
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|error| storage(path, "read", &error))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(config(
                path,
                format!("can be read by others (mode {mode:o})"),
                "Run `chmod 600` on it.",
            ));
        }
        let bytes = fs::read(path).map_err(|error| storage(path, "read", &error))?;
        // The parser's message is left out: it may quote the file.
        let file: KeyFile = serde_json::from_slice(&bytes).map_err(|_| malformed(path))?;
        Self::from_file(path, &file)
    }

    fn from_file(path: &Path, file: &KeyFile) -> Result<Self> {
        let id = |name: &str| KeyId::new(name).ok_or_else(|| malformed(path));
        let mut roots = BTreeMap::new();
        for (name, digits) in &file.keys {
            let mut bytes = [0; KEY_BYTES];
            hex::decode_to_slice(digits, &mut bytes).map_err(|_| malformed(path))?;
            roots.insert(id(name)?, DataKey(bytes));
        }
        let (current, tokens) = (id(&file.current)?, id(&file.tokens)?);
        let known = roots.contains_key(&current) && roots.contains_key(&tokens);
        if file.format != KEY_FILE_FORMAT || !known {
            return Err(malformed(path));
        }
        Ok(Self { current, tokens, roots })
    }

    /// One root key, given: for simulations and tests.
    pub fn fixed(root: [u8; KEY_BYTES]) -> Self {
        let id = KeyId::new("test").unwrap_or_else(|| unreachable!("`test` is a key name"));
        Self { current: id.clone(), tokens: id.clone(), roots: [(id, DataKey(root))].into() }
    }
}

impl KeyProvider for LocalKeys {
    fn current(&self, purpose: &KeyPurpose) -> Result<KeyId> {
        Ok(match purpose {
            KeyPurpose::Encrypt(_) | KeyPurpose::Nonce(_) => self.current.clone(),
            KeyPurpose::Token(_) | KeyPurpose::Digest => self.tokens.clone(),
        })
    }

    fn key(&self, id: &KeyId, purpose: &KeyPurpose) -> Result<DataKey> {
        let root = self.roots.get(id).ok_or_else(|| {
            RuntimeError::new(
                ErrorKind::Credentials,
                "keys",
                format!("there is no key `{}` in the key file", id.as_str()),
                format!("Set {KEY_FILE_ENV} to the file under which the data was written."),
            )
        })?;
        let mut mac = root.mac();
        mac.update(b"covenant/v1/");
        mac.update(purpose.label().as_bytes());
        Ok(DataKey(mac.finalize().into_bytes().into()))
    }
}

/// Writes a new key file beside its place, then links it there: a crash leaves no torn file, two starts leave one file.
fn create(path: &Path, chance: &dyn Chance) -> Result<()> {
    let mut root = [0; KEY_BYTES];
    for eight in root.chunks_exact_mut(size_of::<u64>()) {
        eight.copy_from_slice(&chance.next_u64().to_le_bytes());
    }
    let file = KeyFile {
        about: WARNING.to_owned(),
        format: KEY_FILE_FORMAT,
        current: "local-1".to_owned(),
        tokens: "local-1".to_owned(),
        keys: BTreeMap::from([("local-1".to_owned(), hex::encode(root))]),
    };
    let text = serde_json::to_vec_pretty(&file).map_err(|_| malformed(path))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| storage(path, "written", &error))?;
    }
    let staged = path.with_extension(format!("new-{:016x}", chance.next_u64()));
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut out = options.write(true).create_new(true).mode(KEY_FILE_MODE).open(&staged)?;
        out.write_all(&text)?;
        out.sync_all()?;
        match fs::hard_link(&staged, path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => fs::remove_file(&staged),
        }
    };
    write().map_err(|error| storage(path, "written", &error))
}

fn config(path: &Path, what: String, advice: &str) -> RuntimeError {
    let what = format!("the key file {} {what}", path.display());
    RuntimeError::new(ErrorKind::Config, "keys", what, advice)
}

fn malformed(path: &Path) -> RuntimeError {
    config(
        path,
        "is malformed".to_owned(),
        "Restore it from a backup: a new file would make all protected values unreadable.",
    )
}

fn storage(path: &Path, what: &str, error: &std::io::Error) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Storage,
        "keys",
        format!("the key file {} cannot be {what}: {error}", path.display()),
        format!("Check the path in {KEY_FILE_ENV} and the permissions of its folder."),
    )
}
