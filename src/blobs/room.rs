//! How much more a home of blobs can take, and what says so.

use crate::redis_server;
use std::fmt;

/// Of the memory that a server has left, pictures get nine tenths: jobs, journals and the server's
/// own bookkeeping need the rest.
const SHARE: (u64, u64) = (9, 10);

/// Room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub bytes: u64,
    /// What sets the limit.
    pub limit: Limit,
}

/// What keeps a home from taking everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// What one queue may hold.
    Cap { cap_bytes: u64 },
    /// What the whole server may hold.
    Memory { memory_bytes_max: u64 },
}

impl Room {
    /// What a server's `INFO memory` leaves; none where it has no limit.
    pub(super) fn of_memory(info: &str) -> Option<Self> {
        let facts = redis_server::facts(info);
        let number = |name: &str| facts.get(name)?.parse::<u64>().ok();
        let memory_bytes_max = number("maxmemory").filter(|max| *max > 0)?;
        let free = memory_bytes_max.saturating_sub(number("used_memory")?);
        let bytes = free / SHARE.1 * SHARE.0;
        Some(Self { bytes, limit: Limit::Memory { memory_bytes_max } })
    }

    /// The one that is full first.
    pub(super) fn smaller(self, other: Self) -> Self {
        if other.bytes < self.bytes { other } else { self }
    }

    /// The ways out.
    pub fn hint(&self) -> &'static str {
        match self.limit {
            Limit::Cap { .. } => {
                "keep pictures elsewhere (--blobs s3://bucket/prefix, --blobs file:///mnt/share), \
                 let workers read them where they are (--by-path), queue fewer (--limit N), export \
                 finished batches and prune them, or raise --redis-bytes-max"
            }
            Limit::Memory { .. } => {
                "keep pictures elsewhere (--blobs s3://bucket/prefix, --blobs file:///mnt/share), \
                 let workers read them where they are (--by-path), queue fewer (--limit N), export \
                 finished batches and prune them, or raise maxmemory in redis.conf"
            }
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, limit } = self;
        match limit {
            Limit::Cap { cap_bytes } => write!(
                f,
                "Redis may hold {cap_bytes} bytes for this queue (--redis-bytes-max), and {bytes} \
                 are left"
            ),
            Limit::Memory { memory_bytes_max } => write!(
                f,
                "Redis may use {memory_bytes_max} bytes of memory (its maxmemory), and {bytes} are \
                 left for pictures"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_with_a_limit_keeps_a_tenth_for_everything_else() {
        let info = "# Memory\r\nused_memory:400\r\nused_memory_rss:9\r\nmaxmemory:1400\r\n";
        let room = Room::of_memory(info).unwrap();
        let limit = Limit::Memory { memory_bytes_max: 1400 };
        assert_eq!(room, Room { bytes: 900, limit });
        assert_eq!(Room::of_memory(&info.replace("1400", "300")).unwrap().bytes, 0);
        assert_eq!(Room::of_memory(&info.replace("1400", "0")), None);
        assert_eq!(Room::of_memory(""), None);
    }

    #[test]
    fn the_tighter_limit_counts_and_is_named() {
        let cap = Room { bytes: 5, limit: Limit::Cap { cap_bytes: 10 } };
        let memory = Room { bytes: 4, limit: Limit::Memory { memory_bytes_max: 100 } };
        assert_eq!(cap.smaller(memory), memory);
        assert_eq!(memory.smaller(cap), memory);
        for (room, way_out) in [(cap, "--redis-bytes-max"), (memory, "maxmemory")] {
            assert!(room.hint().contains(way_out) && room.to_string().contains(way_out));
        }
    }
}
