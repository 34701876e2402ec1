//! One atomic step: guards, and the writes that happen if all of them hold.
//!
//! The rules run in Rust on what was read; a guard makes sure that it is still so. A step whose
//! guard fails has changed nothing, and its caller reads and decides again. A step leaves a mark, so
//! that one whose answer was lost may be sent once more.

use redis::{Script, ScriptInvocation, ToRedisArgs};
use std::sync::LazyLock;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("commit.lua")));

/// The arguments of a command that has none beside its key.
pub(super) const NOTHING: &[&str] = &[];

/// The most values that one command carries: Lua unpacks them onto its stack.
pub(super) const WORDS_MAX: usize = 200;

/// A step may be sent once more for so many seconds: longer than anybody waits for an answer.
const MARK_SECONDS: u32 = 60;

/// A step on its way.
#[derive(Debug, Default)]
pub(super) struct Commit {
    guards: Vec<Guard>,
    writes: Vec<Command>,
}

#[derive(Debug)]
struct Guard {
    command: Command,
    reply: Vec<u8>,
}

#[derive(Debug)]
struct Command {
    key: String,
    words: Vec<Vec<u8>>,
}

impl Command {
    fn new(name: &str, key: String, arguments: impl ToRedisArgs) -> Self {
        let mut words = vec![name.as_bytes().to_vec()];
        arguments.write_redis_args(&mut words);
        debug_assert!(words.len() <= WORDS_MAX + 2, "{name} has too many words");
        Self { key, words }
    }
}

impl Commit {
    /// Demands that a read gives this reply; empty: none. It must reply with a string or nothing.
    pub(super) fn expect(
        &mut self,
        reply: &[u8],
        name: &str,
        key: String,
        arguments: impl ToRedisArgs,
    ) {
        let command = Command::new(name, key, arguments);
        self.guards.push(Guard { command, reply: reply.to_vec() });
    }

    /// Adds a write.
    pub(super) fn write(&mut self, name: &str, key: String, arguments: impl ToRedisArgs) {
        self.writes.push(Command::new(name, key, arguments));
    }

    /// Adds a write of many values, in several commands where one would carry too many. Values
    /// that belong together (a score and its member) are given as one tuple.
    pub(super) fn write_all<T: ToRedisArgs>(&mut self, name: &str, key: &str, values: &[T]) {
        for group in values.chunks(WORDS_MAX / 2) {
            self.write(name, key.to_owned(), group);
        }
    }

    /// Whether nothing would be written.
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The script with all of it, ready to run; it answers whether the guards held. `mark` is a
    /// key of this step alone.
    pub(super) fn invocation(&self, mark: &str) -> ScriptInvocation<'static> {
        let mut invocation = SCRIPT.key(mark);
        invocation.arg(MARK_SECONDS).arg(self.guards.len());
        let put = |invocation: &mut ScriptInvocation<'static>, command: &Command| {
            invocation.key(&command.key).arg(command.words.len()).arg(&command.words);
        };
        for guard in &self.guards {
            put(&mut invocation, &guard.command);
            invocation.arg(&guard.reply);
        }
        for command in &self.writes {
            put(&mut invocation, command);
        }
        invocation
    }
}
