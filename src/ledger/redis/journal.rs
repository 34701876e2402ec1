//! The journal: what left, and how it came back.
//!
//! All tries of one question lie in one field, so that a step about one of them compares and
//! replaces that field.

use super::commit::Commit;
use super::fold;
use super::keys::Keys;
use super::link::{Link, Now, at_once};
use crate::domain::call::{Call, Open, Record, Settle};
use crate::domain::cost::MicroUsd;
use crate::ledger::decide::{self, Passage, Settling};
use crate::ledger::fold::{Archive, Entry, in_order};
use crate::ledger::{Block, Error, Opened, Result, Settled, codec};
use std::collections::{BTreeMap, BTreeSet};

/// Between the parts of a name: in no stage, seat or id.
pub(super) const BETWEEN: char = '\u{1f}';
/// The one field of a folded scope: the name of the object that holds its records.
pub(super) const FOLDED: &str = "";
/// Jobs whose records are read at once.
const PAGE: usize = 100;

/// A question as it is stored: its bytes for the comparison, and what they say.
struct Question {
    stored: Vec<u8>,
    entries: Vec<Entry>,
    /// Its scope is folded into this object.
    folded: Option<String>,
}

/// The field of a question, and that of a folded scope.
type Fields = (Option<Vec<u8>>, Option<String>);

impl Question {
    async fn read(link: &Link, call: &Call) -> Result<(Now, Self)> {
        let mut pipeline = at_once();
        pipeline.cmd("HMGET").arg(link.keys.calls(&call.scope)).arg(field(call)).arg(FOLDED);
        let (now, fields): (Now, Fields) = link.ask(&pipeline).await?;
        Ok((now, Self::of(fields)?))
    }

    fn of((stored, folded): Fields) -> Result<Self> {
        let entries = stored.as_deref().map_or(Ok(Vec::new()), codec::decode)?;
        Ok(Self { stored: stored.unwrap_or_default(), entries, folded })
    }

    /// The same for a write: a scope that is folded is put back first.
    async fn read_unfolded(link: &Link, archive: &Archive, call: &Call) -> Result<(Now, Self)> {
        loop {
            let (now, question) = Self::read(link, call).await?;
            let Some(object) = &question.folded else { return Ok((now, question)) };
            fold::unfold(link, archive, &call.scope, object).await?;
        }
    }

    fn records(&self) -> Vec<Record> {
        self.entries.iter().map(|entry| entry.record.clone()).collect()
    }

    /// The step that puts these entries in the place of what was read.
    fn replaced(&self, keys: &Keys, call: &Call, entries: &[Entry]) -> Result<Commit> {
        let (key, field) = (keys.calls(&call.scope), field(call));
        let mut commit = Commit::default();
        commit.expect(&self.stored, "HGET", key.clone(), &field);
        commit.expect(b"", "HGET", key.clone(), FOLDED);
        commit.write("HSET", key, (field, codec::encode(&entries)?));
        Ok(commit)
    }
}

/// The field of a question among those of its scope.
pub(super) fn field(call: &Call) -> String {
    let Call { stage, round, seat, ask, .. } = call;
    format!("{stage}{BETWEEN}{round}{BETWEEN}{seat}{BETWEEN}{ask}")
}

/// What is known of a model as one that can be asked.
struct Lane {
    resource: String,
    stored: Vec<u8>,
    passage: Passage,
}

impl Lane {
    fn of(resource: &str, stored: Option<Vec<u8>>, now: Now) -> Result<Self> {
        let block: Option<Block> = stored.as_deref().map(codec::decode).transpose()?;
        Ok(Self {
            resource: resource.to_owned(),
            stored: stored.unwrap_or_default(),
            passage: decide::passage(block, now.ms),
        })
    }

    /// The step that counts only if the lane is as it was, and that holds it for a probe.
    fn take(&self, commit: &mut Commit, keys: &Keys) -> Result<Opened> {
        commit.expect(&self.stored, "HGET", keys.blocks(), &self.resource);
        Ok(match &self.passage {
            Passage::Free => Opened::First,
            Passage::Held { for_ms } => Opened::Held { for_ms: *for_ms },
            Passage::Probe(block) => {
                commit.write("HSET", keys.blocks(), (&self.resource, codec::encode(block)?));
                Opened::Probe
            }
        })
    }
}

/// The question and the lane of its model at one moment.
async fn look(link: &Link, open: &Open) -> Result<(Now, Question, Lane)> {
    let (keys, call) = (&link.keys, &open.call);
    let lane = decide::lane_resource(&open.provider, &open.model_asked);
    let mut pipeline = at_once();
    pipeline.cmd("HMGET").arg(keys.calls(&call.scope)).arg(field(call)).arg(FOLDED);
    pipeline.cmd("HGET").arg(keys.blocks()).arg(&lane);
    type Answers = (Now, Fields, Option<Vec<u8>>);
    let (now, question, block): Answers = link.ask(&pipeline).await?;
    Ok((now, Question::of(question)?, Lane::of(&lane, block, now)?))
}

/// Records that a request is about to leave, if it may.
pub(super) async fn open(link: &Link, archive: &Archive, open: &Open) -> Result<Opened> {
    let (keys, call) = (&link.keys, &open.call);
    loop {
        let (now, question, lane) = look(link, open).await?;
        if let Passage::Held { for_ms } = lane.passage {
            return Ok(Opened::Held { for_ms });
        }
        if let Some(object) = &question.folded {
            fold::unfold(link, archive, &call.scope, object).await?;
            continue;
        }
        if question.entries.iter().any(|entry| entry.record.open.r#try == open.r#try) {
            return Ok(Opened::Taken);
        }
        let record =
            Record { open: open.clone(), opened_at: now.ms, settle: None, duplicate: false };
        let mut entries = question.entries.clone();
        entries.push(Entry { at: now.us, record });
        let mut commit = question.replaced(keys, call, &entries)?;
        commit.write("SADD", keys.askers(&open.batch), &open.job);
        if call.scope != open.job {
            let place = format!("{}{BETWEEN}{}", call.scope, field(call));
            commit.write("SADD", keys.asked_elsewhere(&open.job), place);
        }
        let booking = Booking { calls: 1, reserved: micros(open.reserved), spent: 0 };
        booking.write(&mut commit, keys, &open.batch);
        let opened = lane.take(&mut commit, keys)?;
        if link.commit(&commit).await? {
            return Ok(opened);
        }
    }
}

/// Records how a try ended.
pub(super) async fn settle(
    link: &Link,
    archive: &Archive,
    call: &Call,
    r#try: u32,
    settle: &Settle,
) -> Result<Settled> {
    loop {
        let (now, question) = Question::read_unfolded(link, archive, call).await?;
        let decided = decide::settle(&question.records(), r#try, settle)?;
        let mut entries = question.entries.clone();
        let of_try = |entry: &&mut Entry| entry.record.open.r#try == r#try;
        let entry = entries.iter_mut().find(of_try);
        let entry = entry.expect("`decide::settle` refuses a try that was never opened");
        let open = entry.record.open.clone();
        let spent = micros(settle.cost);
        let (answer, reserved) = match decided {
            Settling::Repeated(answer) => return Ok(answer),
            Settling::Close { duplicate, answer } => {
                entry.record.settle = Some(settle.clone());
                entry.record.duplicate = duplicate;
                (answer, -micros(open.reserved))
            }
            Settling::Beside { duplicate, answer } => {
                let settle = Some(settle.clone());
                let record = Record { settle, duplicate, ..entry.record.clone() };
                entries.push(Entry { at: now.us, record });
                (answer, 0)
            }
        };
        let mut commit = question.replaced(&link.keys, call, &entries)?;
        Booking { calls: 0, reserved, spent }.write(&mut commit, &link.keys, &open.batch);
        if link.commit(&commit).await? {
            return Ok(answer);
        }
    }
}

/// What a record changes in its batch's sums; money in micro-dollars.
struct Booking {
    calls: i64,
    reserved: i64,
    spent: i64,
}

impl Booking {
    fn write(&self, commit: &mut Commit, keys: &Keys, batch: &str) {
        let Self { calls, reserved, spent } = self;
        for (field, delta) in [("calls", calls), ("reserved", reserved), ("spent", spent)] {
            if *delta != 0 {
                commit.write("HINCRBY", keys.batch(batch), (field, delta));
            }
        }
    }
}

fn micros(amount: Option<MicroUsd>) -> i64 {
    i64::try_from(amount.unwrap_or_default().0).unwrap_or(i64::MAX)
}

/// All tries of one question.
pub(super) async fn of_call(link: &Link, archive: &Archive, call: &Call) -> Result<Vec<Record>> {
    let (_, question) = Question::read(link, call).await?;
    let mut entries = question.entries;
    let folded = archive.get(question.folded.into_iter().collect()).await?;
    entries.extend(folded.into_iter().filter(|entry| entry.record.open.call == *call));
    Ok(in_order(entries))
}

/// Everything asked on behalf of a job.
pub(super) async fn of_job(link: &Link, archive: &Archive, job: &str) -> Result<Vec<Record>> {
    Ok(in_order(entries_of(link, archive, &[job.to_owned()]).await?))
}

/// Everything asked on behalf of a batch.
pub(super) async fn of_batch(link: &Link, archive: &Archive, batch: &str) -> Result<Vec<Record>> {
    let askers = link.members(&link.keys.askers(batch)).await?;
    let mut entries = Vec::new();
    for jobs in askers.chunks(PAGE) {
        entries.extend(entries_of(link, archive, jobs).await?);
    }
    entries.retain(|entry| entry.record.open.batch == batch);
    Ok(in_order(entries))
}

/// Documents of questions, and objects that hold more.
#[derive(Default)]
struct Found {
    docs: Vec<Vec<u8>>,
    objects: BTreeSet<String>,
}

impl Found {
    /// Takes in what lies in one field of a scope.
    fn add(&mut self, field: &str, value: Vec<u8>) {
        if field == FOLDED {
            self.objects.insert(String::from_utf8_lossy(&value).into_owned());
        } else {
            self.docs.push(value);
        }
    }
}

/// What was asked on behalf of these jobs: under their own scopes, and elsewhere.
async fn entries_of(link: &Link, archive: &Archive, jobs: &[String]) -> Result<Vec<Entry>> {
    let keys = &link.keys;
    let mut pipeline = redis::pipe();
    for job in jobs {
        pipeline.cmd("HGETALL").arg(keys.calls(job));
    }
    let own: Vec<BTreeMap<String, Vec<u8>>> = link.ask(&pipeline).await?;
    let mut pipeline = redis::pipe();
    for job in jobs {
        pipeline.cmd("SMEMBERS").arg(keys.asked_elsewhere(job));
    }
    let places: Vec<BTreeSet<String>> = link.ask(&pipeline).await?;
    let mut found = Found::default();
    for (field, value) in own.into_iter().flatten() {
        found.add(&field, value);
    }
    elsewhere(link, places.into_iter().flatten().collect(), &mut found).await?;
    let mut entries = archive.get(found.objects.into_iter().collect()).await?;
    for doc in found.docs {
        entries.extend(codec::decode::<Vec<Entry>>(&doc)?);
    }
    let wanted: BTreeSet<&String> = jobs.iter().collect();
    entries.retain(|entry| wanted.contains(&entry.record.open.job));
    Ok(entries)
}

/// The questions at these places.
async fn elsewhere(link: &Link, places: BTreeSet<String>, found: &mut Found) -> Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let mut pipeline = redis::pipe();
    for place in &places {
        let (scope, field) = place
            .split_once(BETWEEN)
            .ok_or_else(|| Error::Corrupt(format!("a place in the journal: {place}")))?;
        pipeline.cmd("HMGET").arg(link.keys.calls(scope)).arg(field).arg(FOLDED);
    }
    let answers: Vec<[Option<Vec<u8>>; 2]> = link.ask(&pipeline).await?;
    for (place, values) in places.iter().zip(answers) {
        for (field, value) in [place.as_str(), FOLDED].into_iter().zip(values) {
            if let Some(value) = value {
                found.add(field, value);
            }
        }
    }
    Ok(())
}
