//! `doctor` against servers that are set up badly, each in one way.

use crate::support::program::{folder_with, put, tableround};
use crate::support::redis::RedisServer;
use crate::support::s3_server::S3Server;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tableround::ledger::{Beat, Ledger, Redis};
use tableround::redis_server::Server;

/// What `doctor` found, and its exit code.
struct Found {
    code: Option<i32>,
    report: Value,
}

impl Found {
    #[track_caller]
    fn check(&self, name: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {}", self.report))
    }

    /// One check failed, which says what to do, and so the whole did.
    #[track_caller]
    fn fails(&self, name: &str, message: &str, fix: &str) {
        let check = self.check(name);
        assert_eq!(check["status"], "fail", "{check}");
        assert!(check["message"].as_str().unwrap().contains(message), "{check}");
        assert!(check["fix"].as_str().unwrap().contains(fix), "{check}");
        assert_eq!((self.code, &self.report["ok"]), (Some(1), &Value::Bool(false)));
    }

    #[track_caller]
    fn warns(&self, name: &str, message: &str) {
        let check = self.check(name);
        assert_eq!(check["status"], "warn", "{check}");
        assert!(check["message"].as_str().unwrap().contains(message), "{check}");
        assert_ne!(check["fix"], "");
    }
}

fn doctor(arguments: &[&str], variables: &[(String, String)]) -> Found {
    let folder = folder_with(&[]);
    doctor_in(folder.path(), arguments, variables)
}

fn doctor_in(folder: &Path, arguments: &[&str], variables: &[(String, String)]) -> Found {
    let mut command = tableround(folder);
    command.args(["doctor", "--json"]).args(arguments);
    command.envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    Found { code: output.status.code(), report }
}

fn set(server: &RedisServer, setting: &str, value: &str) {
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg(setting).arg(value).query::<()>(&mut server.connection()).unwrap();
}

#[test]
fn a_good_server_passes_and_the_report_has_its_shape() {
    let Some(server) = RedisServer::start() else { return };
    let key = ("OPENROUTER_API_KEY".to_owned(), "sk-very-secret".to_owned());
    let found = doctor(&["--redis", &server.url()], &[key]);
    assert_eq!(found.code, Some(0), "{}", found.report);
    assert_eq!(found.report["type"], "doctor");
    assert_eq!(found.report["schema"], 1);
    assert_eq!(found.report["ok"], true);
    let checks = found.report["checks"].as_array().unwrap();
    for check in checks {
        let keys: Vec<&String> = check.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 5, "{check}");
        assert!(check["name"].is_string() && check["ms"].is_u64() && check["message"].is_string());
        assert!(["ok", "warn", "fail"].contains(&check["status"].as_str().unwrap()));
        assert_eq!(check["status"] == "ok", check["fix"] == "", "{check}");
    }
    let names: Vec<&str> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    let all = "redis redis-aof redis-durability redis-eviction redis-memory clock ledger blobs \
               workers disk files keys";
    assert_eq!(names.join(" "), all);
    assert!(found.check("keys")["message"].as_str().unwrap().contains("OPENROUTER_API_KEY"));
    assert!(!found.report.to_string().contains("sk-very-secret"));
    let left: Vec<String> =
        redis::cmd("KEYS").arg("*blob:*").query(&mut server.connection()).unwrap();
    assert_eq!(left, [""; 0], "the probe was taken away");
}

#[test]
fn a_server_that_forgets_or_evicts_fails() {
    let Some(server) = RedisServer::start() else { return };
    let asked = || doctor(&["--redis", &server.url()], &[]);
    set(&server, "appendfsync", "everysec");
    let found = asked();
    let durability = found.check("redis-durability")["message"].as_str().unwrap().to_owned();
    assert!(durability.contains("WAITAOF"), "{durability}");
    set(&server, "maxmemory-policy", "allkeys-lru");
    asked().fails("redis-eviction", "allkeys-lru", "maxmemory-policy noeviction");
    set(&server, "maxmemory-policy", "noeviction");
    set(&server, "appendonly", "no");
    let found = asked();
    found.fails("redis-aof", "nothing is kept", "appendonly yes");
    found.warns("redis-durability", "memory only");
}

#[test]
fn a_server_with_little_memory_warns_and_a_full_one_fails() {
    let Some(server) = RedisServer::start() else { return };
    set(&server, "maxmemory", "200mb");
    let found = doctor(&["--redis", &server.url()], &[]);
    found.warns("redis-memory", "pictures may want 1024 MiB");
    assert_eq!(found.code, Some(0));
    let found = doctor(&["--redis", &server.url(), "--redis-bytes-max", "1000000"], &[]);
    assert_eq!(found.check("redis-memory")["status"], "ok");
    set(&server, "maxmemory", "10mb");
    let found = doctor(&["--redis", &server.url()], &[]);
    found.fails("redis-memory", "0 open jobs", "raise maxmemory");
}

#[test]
fn a_server_that_is_away_and_a_newer_ledger_fail() {
    let Some(mut server) = RedisServer::start() else { return };
    let mut newer = redis::cmd("SET");
    newer.arg("{tableround}:schema").arg(99).query::<()>(&mut server.connection()).unwrap();
    let found = doctor(&["--redis", &server.url()], &[]);
    found.fails("ledger", "upgrade this tableround", "");
    server.stop();
    let found = doctor(&["--redis", &server.url()], &[]);
    found.fails("redis", &server.url(), "--redis");
    found.fails("ledger", "", "see redis");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_of_another_version_are_named() {
    let Some(server) = RedisServer::start() else { return };
    let ledger = Redis::open(&Server::at(&server.url()).unwrap(), "tableround").await.unwrap();
    let beat = Beat {
        worker: "attic-7-ab".to_owned(),
        host: "attic".to_owned(),
        pid: 7,
        version: "99.0.0".to_owned(),
        slots: 1,
        busy: 0,
        keys: vec![],
        last: false,
    };
    ledger.sweep(&beat, 10_000).await.unwrap();
    let found = doctor(&["--redis", &server.url()], &[]);
    found.warns("workers", "attic-7-ab (99.0.0)");
}

#[test]
fn a_home_of_pictures_that_does_not_keep_them_fails() {
    let folder = folder_with(&[]);
    put(folder.path().join("file"), "no folder");
    let below_a_file = format!("file://{}/file/images", folder.path().display());
    doctor(&["--blobs", &below_a_file], &[]).fails("blobs", "cannot", "disk");
    doctor(&["--blobs", "s3://b"], &[]).fails("blobs", "AWS_ACCESS_KEY_ID", "s3://");
    doctor(&["--blobs", "gs://b"], &[]).fails("blobs", "gs://b", "AWS_ENDPOINT");
    let Some(server) = S3Server::start() else { return };
    let found = doctor(&["--blobs", "s3://pictures/p"], &server.variables());
    assert_eq!(found.check("blobs")["status"], "ok", "{}", found.report);
    assert_eq!(server.listing(), [""; 0], "the probe was taken away");
    doctor(&["--blobs", "s3://nobodys"], &server.variables()).fails(
        "blobs",
        "no such bucket",
        "create",
    );
    drop(server);
    let Some(server) = S3Server::start_suspicious() else { return };
    let found = doctor(&["--blobs", "s3://pictures/p"], &server.variables());
    found.fails("blobs", "refuses these credentials", "AWS_SECRET_ACCESS_KEY");
}

#[test]
fn few_open_files_and_no_key_are_warnings() {
    let folder = folder_with(&[]);
    let mut command = tableround(folder.path());
    let program = command.get_program().to_owned();
    command = std::process::Command::new("sh");
    command.current_dir(folder.path()).env_clear();
    command.arg("-c").arg("ulimit -n 256; exec \"$0\" doctor --json").arg(program);
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    let found = Found { code: output.status.code(), report };
    found.warns("files", "256");
    found.warns("keys", "no key");
    assert_eq!(found.code, Some(0));
}

#[test]
fn tls_with_a_user_and_a_private_authority_works_and_strangers_are_refused() {
    let Some(server) = RedisServer::start_with_tls() else { return };
    let pem = std::fs::read(server.authority()).unwrap();
    let mut connection =
        Server::trusting(&server.url(), Some(pem)).unwrap().connect_blocking().unwrap();
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("ann").arg("on").arg(">s3cret").arg("~*").arg("&*").arg("+@all");
    user.query::<()>(&mut connection).unwrap();
    let as_user =
        |user: &str| server.url().replace("://", &format!("://{user}@")).replace("/0", "/2");
    let authority = server.authority().display().to_string();
    let found = doctor(&["--redis", &as_user("ann:s3cret"), "--redis-ca", &authority], &[]);
    assert_eq!(found.code, Some(0), "{}", found.report);
    assert!(!found.report.to_string().contains("s3cret"));
    let schema: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(schema, [""; 0], "all of it is in the other database");
    let found = doctor(&["--redis", &as_user("ann:wrong"), "--redis-ca", &authority], &[]);
    found.fails("redis", "", "--redis");
    let found = doctor(&["--redis", &as_user("ann:s3cret")], &[]);
    found.fails("redis", "", "--redis");
}
