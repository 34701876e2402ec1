//! Named points at which a test makes the process die, as a power cut would.
//!
//! Only under the cargo feature `failpoints`: `TABLEROUND_FAILPOINT=name:n` aborts the process
//! when the point `name` is reached for the n-th time. In a release this is nothing at all.

/// Dies here if the test asked for it.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn reach(_name: &str) {}

/// Dies here if the test asked for it.
#[cfg(feature = "failpoints")]
pub fn reach(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[expect(clippy::disallowed_methods, reason = "a test's wish, not a setting")]
    static WISH: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let wish = std::env::var("TABLEROUND_FAILPOINT").ok()?;
        let (name, count) = wish.split_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    static REACHED: AtomicU64 = AtomicU64::new(0);

    let Some((wished, count)) = WISH.as_ref() else { return };
    if wished == name && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *count {
        // A power cut takes the parent of a solo attempt along.
        if std::env::args().nth(1).is_some_and(|command| command == "attempt") {
            let parent = rustix::process::getppid().expect("its parent holds its input open");
            rustix::process::kill_process(parent, rustix::process::Signal::KILL).ok();
        }
        std::process::abort();
    }
}

/// A job that takes its process along, if the test asked for one.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn poison(_source: &str, _stage: &str) {}

/// A job that takes its process along, if the test asked for one:
/// `TABLEROUND_POISON=part of the source:panic|abort|loop|stack|memory@stage`.
#[cfg(feature = "failpoints")]
pub fn poison(source: &str, stage: &str) {
    #[expect(clippy::disallowed_methods, reason = "a test's wish, not a setting")]
    let Ok(wish) = std::env::var("TABLEROUND_POISON") else { return };
    let Some((name, (how, at))) =
        wish.split_once(':').and_then(|(name, rest)| Some((name, rest.split_once('@')?)))
    else {
        return;
    };
    if !source.contains(name) || stage != at {
        return;
    }
    match how {
        "panic" => panic!("poison"),
        "abort" => std::process::abort(),
        "stack" => drop(deeper(0)),
        "memory" => eat_memory(),
        _ => loop {
            // An endless loop that leaves the processor to other tests.
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        },
    }
}

#[cfg(feature = "failpoints")]
fn deeper(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 1024]);
    if std::hint::black_box(true) { deeper(depth + 1) + frame[7] } else { frame[0] }
}

/// Reserves memory until a limit, or at last the kernel, says no.
#[cfg(feature = "failpoints")]
fn eat_memory() {
    const BLOCK: usize = 64 << 20;
    const ENOUGH: usize = 16 << 30;
    let mut blocks = Vec::new();
    while blocks.len() * BLOCK < ENOUGH {
        blocks.push(std::hint::black_box(Vec::<u8>::with_capacity(BLOCK)));
    }
    let myself = rustix::process::getpid();
    rustix::process::kill_process(myself, rustix::process::Signal::KILL).ok();
}
