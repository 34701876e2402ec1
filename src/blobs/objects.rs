//! Blobs in an object store: `s3://bucket/prefix` at Amazon and at whoever speaks the same.
//!
//! The store's client is asynchronous and blobs are not: requests run on a thread of their own,
//! and the caller waits for it, whatever thread that is.

use super::{Error, Result, check_digest, digest};
use ::object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use ::object_store::path::Path;
use ::object_store::{BackoffConfig, ClientOptions, ObjectStoreExt, PutPayload, RetryConfig};
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// How long a call tries again while the store is away: a picture is no reason to fail an attempt.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// A store that does not take a connection by then is away.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The longest that one answer may take: a picture of 1.5 MB on a slow link.
const ANSWER_MAX: Duration = Duration::from_mins(1);
/// The pauses between two tries.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// Tries end with the patience, not with their number.
const TRIES_MAX: usize = 1000;

/// Without one of these the client would ask the machine's network who it is.
const CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
    "AWS_SKIP_SIGNATURE",
];
/// Where the store is, if not at Amazon. The first that is set counts.
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];

/// Why an address is no home for blobs.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("only s3://bucket/prefix and what speaks the same is known")]
    Scheme,
    #[error("it names no bucket")]
    NoBucket,
    #[error("nothing says who asks: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    NoCredentials,
    #[error("its settings, the AWS_ variables, do not fit together")]
    Settings(#[source] Box<::object_store::Error>),
}

/// What an object store does not do, and why, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("there is no such bucket")]
    NoBucket,
    #[error("it refuses these credentials")]
    Denied,
    #[error("it does not answer as it should")]
    Away,
}

impl Trouble {
    /// Whether it may be over without anybody changing a setting.
    pub(super) fn may_pass(self) -> bool {
        match self {
            Self::Away => true,
            Self::NoBucket | Self::Denied => false,
        }
    }

    /// What a person can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoBucket => "create the bucket, or name another with --blobs",
            Self::Denied => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be allowed to read, write and \
                 delete there; is AWS_REGION the bucket's?"
            }
            Self::Away => {
                "check AWS_ENDPOINT and the network, then try again: what is there already is not \
                 sent twice"
            }
        }
    }
}

/// A bucket, or the part of it below a prefix.
#[derive(Debug)]
pub struct Objects {
    store: AmazonS3,
    prefix: Path,
    place: String,
    /// Taken when this is dropped.
    runtime: Option<Runtime>,
}

impl Objects {
    /// Reads the address, and from the variables (name and value, `AWS_…`) endpoint, region and
    /// credentials. Nothing is connected before the first call.
    pub fn new(url: &str, variables: &[(String, String)], patience: Duration) -> Result<Self> {
        let failed = |source| Error::Address { place: url.to_owned(), source };
        let (bucket, prefix) = bucket(url).map_err(failed)?;
        let store = client(&bucket, variables, patience).map_err(failed)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("objects")
            .enable_all()
            .build()
            .map_err(|source| Error::Io { doing: "begin", path: url.into(), source })?;
        Ok(Self { store, prefix, place: url.to_owned(), runtime: Some(runtime) })
    }

    pub(super) fn put(&self, bytes: &[u8]) -> Result<String> {
        let name = digest(bytes);
        if self.size(&name)? == Some(bytes.len() as u64) {
            return Ok(name);
        }
        let (store, path) = (self.store.clone(), self.path(&name));
        let payload = PutPayload::from(Bytes::copy_from_slice(bytes));
        let put = self.wait(async move { store.put(&path, payload).await });
        put.map(|_| name).map_err(|error| self.failure("write", error))
    }

    pub(super) fn get(&self, name: &str) -> Result<Bytes> {
        check_digest(name)?;
        let (store, path) = (self.store.clone(), self.path(name));
        let got = self.wait(async move { store.get(&path).await?.bytes().await });
        let bytes = got.map_err(|error| {
            if is_missing(&error) {
                Error::Missing(name.to_owned())
            } else {
                self.failure("read", error)
            }
        })?;
        let found = digest(&bytes);
        let path = || PathBuf::from(format!("{}/{name}", self.place.trim_end_matches('/')));
        if found == name { Ok(bytes) } else { Err(Error::Torn { path: path(), found }) }
    }

    pub(super) fn has(&self, name: &str) -> Result<bool> {
        check_digest(name)?;
        self.size(name).map(|size| size.is_some())
    }

    pub(super) fn remove(&self, name: &str) -> Result<()> {
        check_digest(name)?;
        let (store, path) = (self.store.clone(), self.path(name));
        match self.wait(async move { store.delete(&path).await }) {
            Err(error) if !is_missing(&error) => Err(self.failure("remove", error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// How many bytes a blob has; none where there is no blob. A bucket that is not there holds
    /// none: this question's answer has no room for more.
    fn size(&self, name: &str) -> Result<Option<u64>> {
        let (store, path) = (self.store.clone(), self.path(name));
        match self.wait(async move { store.head(&path).await }) {
            Ok(facts) => Ok(Some(facts.size)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.failure("look for", error)),
        }
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    /// Runs a request where requests run, and blocks until it is done.
    fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = ::object_store::Result<T>> + Send + 'static,
    ) -> ::object_store::Result<T> {
        let (sender, receiver) = mpsc::channel();
        let runtime = self.runtime.as_ref().expect("it is taken at the very end only");
        runtime.spawn(async move { sender.send(request.await).ok() });
        receiver.recv().expect("a request ends with an answer or an error")
    }

    fn failure(&self, doing: &'static str, error: ::object_store::Error) -> Error {
        use ::object_store::Error as E;
        let trouble = match &error {
            E::NotFound { .. } => Trouble::NoBucket,
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Trouble::Denied,
            _ => Trouble::Away,
        };
        Error::Objects { doing, place: self.place.clone(), trouble, source: Box::new(error) }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // To wait for its thread is forbidden on an async one, and nothing is left to be done.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An object that is not there, in a bucket that is. Only the text tells a missing bucket apart.
fn is_missing(error: &::object_store::Error) -> bool {
    matches!(error, ::object_store::Error::NotFound { .. })
        && !error.to_string().contains("NoSuchBucket")
}

/// The two parts of an address.
fn bucket(url: &str) -> std::result::Result<(String, Path), AddressError> {
    let url = Url::parse(url).map_err(|_| AddressError::Scheme)?;
    if url.scheme() != "s3" {
        return Err(AddressError::Scheme);
    }
    let bucket = url.host_str().filter(|bucket| !bucket.is_empty());
    let prefix = Path::from_url_path(url.path()).map_err(|_| AddressError::Scheme)?;
    Ok((bucket.ok_or(AddressError::NoBucket)?.to_owned(), prefix))
}

fn client(
    bucket: &str,
    variables: &[(String, String)],
    patience: Duration,
) -> std::result::Result<AmazonS3, AddressError> {
    let set = |wanted: &str| variables.iter().find(|(name, _)| name == wanted);
    if !CREDENTIALS.iter().any(|name| set(name).is_some()) {
        return Err(AddressError::NoCredentials);
    }
    // TLS needs a provider; the process may have installed the same one before us.
    drop(rustls::crypto::ring::default_provider().install_default());
    let endpoint = ENDPOINTS.iter().find_map(|name| set(name));
    // Who names such an endpoint has decided; signatures keep the keys to themselves.
    let is_plain = endpoint.is_some_and(|(_, url)| url.starts_with("http://"));
    let options = ClientOptions::new()
        .with_connect_timeout(CONNECT_MAX)
        .with_timeout(ANSWER_MAX)
        .with_allow_http(is_plain);
    let backoff = BackoffConfig { init_backoff: PAUSE_MIN, max_backoff: PAUSE_MAX, base: 2.0 };
    let mut builder = AmazonS3Builder::new().with_client_options(options).with_retry(RetryConfig {
        backoff,
        max_retries: TRIES_MAX,
        retry_timeout: patience,
    });
    for (name, value) in variables {
        // Other programs' AWS_ variables mean nothing here.
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let built = builder.with_bucket_name(bucket).build();
    built.map_err(|error| AddressError::Settings(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![pair("AWS_ACCESS_KEY_ID", "ann"), pair("AWS_SECRET_ACCESS_KEY", "s3cret")]
    }

    #[test]
    fn an_address_is_a_bucket_and_a_prefix() {
        let parts = |url: &str| bucket(url).map(|(bucket, prefix)| (bucket, prefix.to_string()));
        assert_eq!(parts("s3://b").unwrap(), ("b".to_owned(), String::new()));
        assert_eq!(parts("s3://b/a/c/").unwrap(), ("b".to_owned(), "a/c".to_owned()));
        assert!(matches!(parts("s3://"), Err(AddressError::NoBucket)));
        for wrong in ["gs://b", "az://b", "https://h/b", "b"] {
            assert!(matches!(parts(wrong), Err(AddressError::Scheme)), "{wrong}");
        }
    }

    #[test]
    fn nobody_is_asked_who_we_are_where_no_variable_says_it() {
        let error = client("b", &[], PATIENCE).unwrap_err();
        assert!(error.to_string().contains("AWS_SECRET_ACCESS_KEY"), "{error}");
    }

    #[test]
    fn a_secret_is_not_shown_for_debugging() {
        let objects = Objects::new("s3://b/p", &keys(), PATIENCE).unwrap();
        assert!(!format!("{objects:?}").contains("s3cret"));
    }
}
