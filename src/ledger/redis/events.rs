//! Events in the order in which they happened: a stream that the server numbers.

use super::commit::Commit;
use super::keys::Keys;
use super::link::{Link, Now, at_once};
use crate::domain::event::{Event, EventKind};
use crate::ledger::{Error, Result, codec};
use futures_util::{Stream, StreamExt};
use redis::aio::PubSub;

/// About so many of the newest events are kept.
const KEPT_MAX: u32 = 100_000;
/// The most that one reading returns.
const PAGE_MAX: u32 = 1000;
/// The field of an entry that holds the event.
const FIELD: &str = "e";

/// An entry as the server gives it.
type Entry = (String, Vec<(String, Vec<u8>)>);

/// Makes an event part of a step.
pub(super) fn tell(commit: &mut Commit, keys: &Keys, event: &Event) -> Result<()> {
    let arguments = ("MAXLEN", "~", KEPT_MAX, "0-*", FIELD, codec::encode(event)?);
    commit.write("XADD", keys.events(), arguments);
    Ok(())
}

/// Appends events, dated by the server. Deltas are never stored: who listens now sees them.
pub(super) async fn append(link: &Link, new: Vec<Event>) -> Result<()> {
    let (now,): (Now,) = link.ask(&at_once()).await?;
    let (mut commit, mut shown) = (Commit::default(), redis::pipe());
    for event in new {
        let event = Event { seq: 0, at: now.ms, ..event };
        if event.event == EventKind::Delta {
            shown.cmd("PUBLISH").arg(link.keys.live()).arg(codec::encode(&event)?).ignore();
        } else {
            tell(&mut commit, &link.keys, &event)?;
        }
    }
    if !commit.is_empty() {
        link.commit(&commit).await?;
    }
    if !shown.is_empty() {
        link.ask::<()>(&shown).await?;
    }
    Ok(())
}

/// The deltas that a listener hears.
pub(super) fn live(listener: PubSub) -> impl Stream<Item = Event> + Send {
    listener.into_on_message().filter_map(async |message| {
        // Another version's words cannot be shown.
        codec::decode(message.get_payload_bytes()).ok()
    })
}

/// Those after a number, in order.
pub(super) async fn after(link: &Link, since: u64) -> Result<Vec<Event>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("XRANGE").arg(link.keys.events()).arg(format!("(0-{since}")).arg("+");
    pipeline.arg("COUNT").arg(PAGE_MAX);
    let (entries,): (Vec<Entry>,) = link.ask(&pipeline).await?;
    entries.into_iter().map(event).collect()
}

fn event((id, fields): Entry) -> Result<Event> {
    let doc = fields.into_iter().find(|(name, _)| name == FIELD);
    let (_, doc) = doc.ok_or_else(|| Error::Corrupt(format!("the event {id} is empty")))?;
    Ok(Event { seq: number(&id)?, ..codec::decode(&doc)? })
}

/// The number in an entry's id.
pub(super) fn number(id: &str) -> Result<u64> {
    let number = id.split_once('-').and_then(|(_, number)| number.parse().ok());
    number.ok_or_else(|| Error::Corrupt(format!("the event {id} has no number")))
}
