//! Values that are more than a word or a number, and how they are read.

use secrecy::SecretString;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

/// When a batch has failed so often that it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxFails {
    /// After so many dead jobs.
    Jobs(u32),
    /// After so many per cent of all jobs of the batch.
    PerCent(u8),
}

impl FromStr for MaxFails {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither a number of jobs such as 10 nor 1% to 100%");
        match text.strip_suffix('%') {
            Some(share) => match share.parse() {
                Ok(share @ 1..=100) => Ok(Self::PerCent(share)),
                Ok(_) | Err(_) => Err(wrong()),
            },
            None => text.parse().ok().filter(|&n| n > 0).map(Self::Jobs).ok_or_else(wrong),
        }
    }
}

impl fmt::Display for MaxFails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jobs(count) => write!(f, "{count}"),
            Self::PerCent(share) => write!(f, "{share}%"),
        }
    }
}

/// A length of time such as `90s`, `10m`, `1h30m`, `30d`; units `ms s m h d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a length of time such as 90s, 10m or 1h30m");
    let mut total_ms: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (digits, tail) = rest.split_at(unit_at);
        let next_at = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(next_at);
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        let part_ms = count.checked_mul(unit_ms(unit).ok_or_else(wrong)?).ok_or_else(wrong)?;
        total_ms = total_ms.checked_add(part_ms).ok_or_else(wrong)?;
        rest = tail;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_millis(total_ms)) }
}

fn unit_ms(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    }
}

/// The address of a model service, without a trailing slash.
pub fn base_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_| format!("`{text}` is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{text}` is not a URL that begins with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a name or password; keys come from the environment".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Text that no message may quote; what it means is checked later.
pub fn secret(text: &str) -> Result<SecretString, String> {
    Ok(SecretString::from(text))
}

/// The address of a Redis server. It may hold a password, so no message quotes it.
pub(crate) fn redis_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "it is not a URL such as redis://host:6379/0")?;
    if !matches!(url.scheme(), "redis" | "rediss") || !url.has_host() {
        return Err("it does not begin with redis:// or rediss:// and a host".to_owned());
    }
    let database = url.path().trim_start_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Err("the database behind the last slash is not a number".to_owned());
    }
    Ok(url)
}

/// Where pictures live: `dir`, `redis`, or the URL of an object store or directory.
pub fn blobs(text: &str) -> Result<String, String> {
    const SCHEMES: [&str; 6] = ["file", "s3", "gs", "az", "http", "https"];
    let known = match Url::parse(text) {
        Ok(url) => SCHEMES.contains(&url.scheme()),
        Err(_) => matches!(text, "dir" | "redis"),
    };
    let wrong = || format!("`{text}` is neither dir, redis, nor a URL such as s3://bucket/prefix");
    known.then(|| text.to_owned()).ok_or_else(wrong)
}

/// A batch's name: it becomes a folder and part of keys.
pub fn batch_name(text: &str) -> Result<String, String> {
    const CHARS_MAX: usize = 80;
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = text.chars().count() <= CHARS_MAX
        && text.starts_with(char::is_alphanumeric)
        && text.chars().all(inside);
    let wrong = || {
        format!(
            "`{text}` is no batch name: at most {CHARS_MAX} letters, digits, `-`, `_`, `.`, \
             beginning with a letter or digit"
        )
    };
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

/// A queue's name. Braces would move the hash tag that keeps its keys on one server.
pub fn queue(text: &str) -> Result<String, String> {
    const CHARS_MAX: usize = 80;
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let fits = (1..=CHARS_MAX).contains(&text.len()) && text.chars().all(inside);
    let wrong = || {
        format!(
            "`{text}` is no queue name: at most {CHARS_MAX} of a-z, A-Z, 0-9, `-`, `_`, `.`, `:`"
        )
    };
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_with_their_units() {
        let check = |text: &str, ms: u64| {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        };
        check("90s", 90_000);
        check("10m", 600_000);
        check("2h", 7_200_000);
        check("1h30m", 5_400_000);
        check("30d", 2_592_000_000);
        check("250ms", 250);
        check("0s", 0);
        for wrong in ["", "10", "m", "10 m", "1.5h", "-1s", "10x", "10分", "99999999999999999999s"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_failure_limit_is_a_number_or_a_share() {
        assert_eq!("10".parse(), Ok(MaxFails::Jobs(10)));
        assert_eq!("5%".parse(), Ok(MaxFails::PerCent(5)));
        assert_eq!("100%".parse(), Ok(MaxFails::PerCent(100)));
        for wrong in ["", "0", "0%", "101%", "-1", "%", "5 %", "many"] {
            assert!(wrong.parse::<MaxFails>().is_err(), "{wrong}");
        }
        for text in ["10", "5%"] {
            assert_eq!(text.parse::<MaxFails>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_service_address_is_http_without_a_secret() {
        assert_eq!(base_url("http://127.0.0.1:1/v1/").as_deref(), Ok("http://127.0.0.1:1/v1"));
        for wrong in ["", "localhost:8080", "ftp://h/", "https://", "https://me:pw@host/v1"] {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
        assert!(!base_url("https://me:pw@host/v1").unwrap_err().contains("pw@"));
    }

    #[test]
    fn a_redis_address_is_checked_and_never_quoted() {
        for good in ["redis://h", "rediss://u:p@h:6380/3", "redis://[::1]:6379"] {
            assert_eq!(redis_url(good).unwrap().as_str().trim_end_matches('/'), good);
        }
        for wrong in ["", "h:6379", "http://h", "redis://:secret@h/zero", "redis:///0"] {
            let message = redis_url(wrong).unwrap_err();
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn names_that_become_folders_and_keys_are_plain() {
        for good in ["autumn", "20261124-120000-ab12", "秋天_2"] {
            assert!(batch_name(good).is_ok(), "{good}");
        }
        for wrong in ["", ".", "..", "../x", "a/b", "-n", "a b", "a\n", &"x".repeat(81)] {
            assert!(batch_name(wrong).is_err(), "{wrong:?}");
        }
        assert!(queue("team:a").is_ok());
        for wrong in ["", "{a}", "a b", "秋"] {
            assert!(queue(wrong).is_err(), "{wrong}");
        }
        for good in ["dir", "redis", "file:///mnt/share", "s3://bucket/prefix"] {
            assert!(blobs(good).is_ok(), "{good}");
        }
        for wrong in ["", "disk", "ftp://h/x"] {
            assert!(blobs(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC*") {
            let _ = (duration(&text).is_ok(), text.parse::<MaxFails>().is_ok());
            let _ = (base_url(&text).is_ok(), redis_url(&text).is_ok(), blobs(&text).is_ok());
        }
    }
}
