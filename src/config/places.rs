//! Where everything is kept, and who decided so.

use super::environment::Environment;
use super::mistakes::Mistake;
use super::origin::Origin;
use super::values::redis_url;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;

/// The variables that name a Redis server without being ours.
const REDIS_HOST: &str = "REDIS_HOST";

/// Where everything is kept.
#[derive(Debug, Clone)]
pub struct Places {
    pub data: PathBuf,
    pub ledger: LedgerChoice,
    /// Who chose the ledger.
    pub ledger_origin: Origin,
    /// Prefix and hash tag of every Redis key.
    pub queue: String,
    pub blobs: BlobsChoice,
    /// The folder in which each batch gets its own.
    pub exports: PathBuf,
}

impl Places {
    /// What every command that writes says first: `ledger: redis://h:6379/0 (REDIS_URL)`.
    pub fn ledger_line(&self) -> String {
        format!("ledger: {} ({})", self.ledger, self.ledger_origin)
    }
}

/// Which ledger.
#[derive(Debug, Clone)]
pub enum LedgerChoice {
    /// A file on this machine.
    Embedded {
        path: PathBuf,
    },
    Redis {
        url: SecretString,
    },
}

impl fmt::Display for LedgerChoice {
    /// Without passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { path } => write!(f, "{}", path.display()),
            Self::Redis { url } => f.write_str(&without_password(url)),
        }
    }
}

/// Where pictures live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobsChoice {
    Dir(PathBuf),
    /// In the ledger's Redis, up to a cap.
    Redis,
    /// An object store or a directory, as a URL.
    Url(String),
}

impl fmt::Display for BlobsChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(path) => write!(f, "{}", path.display()),
            Self::Redis => f.write_str("redis"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// The wishes that `Places` come from.
#[derive(Debug)]
pub(crate) struct Wishes<'a> {
    pub(crate) data: &'a Path,
    /// `--redis`, its variable or the file's, with who said it.
    pub(crate) redis: Option<(&'a SecretString, Origin)>,
    pub(crate) queue: &'a str,
    pub(crate) blobs: Option<(&'a str, Origin)>,
    pub(crate) output: Option<&'a Path>,
}

impl Wishes<'_> {
    pub(crate) fn places(&self, environment: &Environment) -> Result<Places, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let (ledger, ledger_origin) = self.ledger(environment).unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            (self.embedded(), Origin::Default)
        });
        let blobs = self.blobs(&ledger).unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            BlobsChoice::Redis
        });
        let exports = self.output.map_or_else(|| self.data.join("exports"), Path::to_owned);
        let places = Places {
            data: self.data.to_owned(),
            ledger,
            ledger_origin,
            queue: self.queue.to_owned(),
            blobs,
            exports,
        };
        if mistakes.is_empty() { Ok(places) } else { Err(mistakes) }
    }

    /// Flag and `TABLEROUND_REDIS`, then `REDIS_URL`, then `REDIS_HOST` and its like, then the
    /// file; else the embedded one.
    fn ledger(&self, environment: &Environment) -> Result<(LedgerChoice, Origin), Mistake> {
        let (ours, file) = match &self.redis {
            Some((url, origin @ Origin::File { .. })) => (None, Some((*url, origin.clone()))),
            Some((url, origin)) => (Some((*url, origin.clone())), None),
            None => (None, None),
        };
        let ours = ours.map(|(url, origin)| (url.clone(), origin));
        let common = || {
            let url = environment.secret("REDIS_URL")?;
            Some((url, Origin::Environment("REDIS_URL".to_owned())))
        };
        let chosen = match ours.or_else(common) {
            Some(chosen) => Some(chosen),
            None => assembled(environment)?
                .map(|url| (url, Origin::Environment(REDIS_HOST.to_owned())))
                .or_else(|| file.map(|(url, origin)| (url.clone(), origin))),
        };
        let Some((url, origin)) = chosen else {
            return Ok((self.embedded(), Origin::Default));
        };
        match redis_url(url.expose_secret()) {
            Ok(_) => Ok((LedgerChoice::Redis { url }, origin)),
            Err(message) => Err(Mistake::new(origin, message)),
        }
    }

    fn embedded(&self) -> LedgerChoice {
        LedgerChoice::Embedded { path: self.data.join("tableround.db") }
    }

    fn blobs(&self, ledger: &LedgerChoice) -> Result<BlobsChoice, Mistake> {
        let directory = || BlobsChoice::Dir(self.data.join("images"));
        let in_redis = matches!(ledger, LedgerChoice::Redis { .. });
        match &self.blobs {
            None | Some(("redis", _)) if in_redis => Ok(BlobsChoice::Redis),
            None | Some(("dir", _)) => Ok(directory()),
            Some(("redis", origin)) => Err(Mistake::new(
                origin.clone(),
                "pictures can live in Redis only where the ledger does; name one with --redis",
            )),
            Some((url, _)) => Ok(BlobsChoice::Url((*url).to_owned())),
        }
    }
}

/// The URL that `REDIS_HOST`, `REDIS_PORT`, `REDIS_DB`, `REDIS_USERNAME` and `REDIS_PASSWORD` mean.
fn assembled(environment: &Environment) -> Result<Option<SecretString>, Mistake> {
    let Some(host) = environment.get(REDIS_HOST) else { return Ok(None) };
    let wrong = |variable: &str, message: &str| {
        Mistake::new(Origin::Environment(variable.to_owned()), message)
    };
    // An IPv6 address stands in brackets in a URL, and mostly without them in a variable.
    let host =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    let mut url = Url::parse(&format!("redis://{host}"))
        .ok()
        .filter(|url| url.host_str().is_some() && url.port().is_none() && url.path().len() < 2)
        .ok_or_else(|| wrong(REDIS_HOST, "it is not a host name or address"))?;
    let port: u16 = number(environment, "REDIS_PORT", 6379)
        .ok_or_else(|| wrong("REDIS_PORT", "it is not a port number"))?;
    let database: u32 = number(environment, "REDIS_DB", 0)
        .ok_or_else(|| wrong("REDIS_DB", "it is not a database number"))?;
    // These fail for URLs without a host only, and this one has a host.
    let user = environment.get("REDIS_USERNAME").unwrap_or_default();
    let complete = url.set_port(Some(port)).is_ok()
        && url.set_username(&user).is_ok()
        && url.set_password(environment.get("REDIS_PASSWORD").as_deref()).is_ok();
    url.set_path(&format!("/{database}"));
    if complete {
        Ok(Some(SecretString::from(url.as_str())))
    } else {
        Err(wrong(REDIS_HOST, "it is not a host name or address"))
    }
}

fn number<T: std::str::FromStr>(environment: &Environment, name: &str, default: T) -> Option<T> {
    environment.get(name).map_or(Some(default), |text| text.parse().ok())
}

/// The address for people: complete, with its password as `***`.
fn without_password(url: &SecretString) -> String {
    let Ok(mut url) = redis_url(url.expose_secret()) else { return "redis://***".to_owned() };
    let masked = url.password().is_none() || url.set_password(Some("***")).is_ok();
    let port = url.port().unwrap_or(6379);
    let complete = url.set_port(Some(port)).is_ok();
    if url.path().len() < 2 {
        url.set_path("/0");
    }
    if url.query().is_some() {
        url.set_query(Some("***"));
    }
    if masked && complete { url.to_string() } else { "redis://***".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes() -> Wishes<'static> {
        Wishes {
            data: Path::new("data"),
            redis: None,
            queue: "tableround",
            blobs: None,
            output: None,
        }
    }

    #[test]
    fn without_a_word_about_redis_everything_is_below_data() {
        let places = wishes().places(&Environment::default()).unwrap();
        assert_eq!(places.ledger_line(), "ledger: data/tableround.db (default)");
        assert_eq!(places.blobs, BlobsChoice::Dir("data/images".into()));
        assert_eq!(places.exports, Path::new("data/exports"));
        let elsewhere = Wishes { output: Some(Path::new("out")), ..wishes() };
        assert_eq!(elsewhere.places(&Environment::default()).unwrap().exports, Path::new("out"));
    }

    #[test]
    fn the_strongest_word_about_redis_wins_and_is_named() {
        let ours = SecretString::from("redis://ours");
        let flag = Origin::Flag("--redis".to_owned());
        let file = Origin::File { name: "tableround.toml".to_owned(), line: 3 };
        let check = |redis: Option<Origin>, environment: &Environment, expected: &str| {
            let redis = redis.map(|origin| (&ours, origin));
            let places = Wishes { redis, ..wishes() }.places(environment).unwrap();
            assert_eq!(places.ledger_line(), expected);
            assert_eq!(places.blobs, BlobsChoice::Redis);
        };
        let both = Environment::of([("REDIS_URL", "redis://h:6380/2"), ("REDIS_HOST", "other")]);
        let host = Environment::of([("REDIS_HOST", "other"), ("REDIS_DB", "1")]);
        let none = Environment::default();
        check(Some(flag), &both, "ledger: redis://ours:6379/0 (--redis)");
        check(None, &both, "ledger: redis://h:6380/2 (REDIS_URL)");
        check(Some(file.clone()), &both, "ledger: redis://h:6380/2 (REDIS_URL)");
        check(Some(file.clone()), &host, "ledger: redis://other:6379/1 (REDIS_HOST)");
        check(Some(file), &none, "ledger: redis://ours:6379/0 (tableround.toml:3)");
    }

    #[test]
    fn the_parts_make_one_address_and_the_password_is_never_shown() {
        let environment = Environment::of([
            ("REDIS_HOST", "::1"),
            ("REDIS_PORT", "7000"),
            ("REDIS_DB", "4"),
            ("REDIS_USERNAME", "me"),
            ("REDIS_PASSWORD", "p@ss/word#1"),
        ]);
        let places = wishes().places(&environment).unwrap();
        assert_eq!(places.ledger_line(), "ledger: redis://me:***@[::1]:7000/4 (REDIS_HOST)");
        assert!(!format!("{places:?}").contains("ss/word"));
        let LedgerChoice::Redis { url } = &places.ledger else { panic!("{places:?}") };
        assert_eq!(url.expose_secret(), "redis://me:p%40ss%2Fword%231@[::1]:7000/4");
    }

    #[test]
    fn what_cannot_be_an_address_is_a_mistake_at_its_variable() {
        let check = |environment: Environment, expected: &str| {
            let mistakes = wishes().places(&environment).unwrap_err();
            assert_eq!(mistakes.len(), 1);
            let shown = mistakes[0].to_string();
            assert!(shown.starts_with(expected), "{shown}");
            assert!(!shown.contains("secret"), "{shown}");
        };
        check(Environment::of([("REDIS_URL", "http://:secret@h")]), "REDIS_URL: ");
        check(Environment::of([("REDIS_HOST", "a b")]), "REDIS_HOST: ");
        check(Environment::of([("REDIS_HOST", "h/x")]), "REDIS_HOST: ");
        check(Environment::of([("REDIS_HOST", "h"), ("REDIS_PORT", "99999")]), "REDIS_PORT: ");
        check(Environment::of([("REDIS_HOST", "h"), ("REDIS_DB", "one")]), "REDIS_DB: ");
    }

    #[test]
    fn pictures_live_in_redis_only_beside_the_ledger() {
        let blobs = Some(("redis", Origin::Flag("--blobs".to_owned())));
        let mistakes = Wishes { blobs, ..wishes() }.places(&Environment::default()).unwrap_err();
        assert!(mistakes[0].to_string().starts_with("--blobs: "), "{mistakes:?}");
        let redis = Environment::of([("REDIS_URL", "redis://h")]);
        let check = |blobs: &str, expected: BlobsChoice| {
            let blobs = Some((blobs, Origin::Default));
            assert_eq!(Wishes { blobs, ..wishes() }.places(&redis).unwrap().blobs, expected);
        };
        check("redis", BlobsChoice::Redis);
        check("dir", BlobsChoice::Dir("data/images".into()));
        check("s3://b/p", BlobsChoice::Url("s3://b/p".to_owned()));
    }
}
