//! Taking pictures in: read, checked, prepared in parallel, kept, queued.

use super::inputs::Input;
use crate::blobs::{self, Blobs, Hold};
use crate::domain::cost::MicroUsd;
use crate::domain::job::{Job, PictureSource, Priority, Progress, State};
use crate::domain::spec::Spec;
use crate::imaging;
use crate::ledger::{self, Added, Addition, Batch, Ledger, NewJob, Rejected};
use crate::worker::pictures;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::task::block_in_place;

/// Pictures prepared between two additions to the ledger: enough for every core, and little to
/// repeat after an interruption.
const CHUNK: usize = 64;

/// How the pictures of one command are taken in.
#[derive(Debug, Clone)]
pub struct Order {
    pub batch: Batch,
    pub spec: Arc<Spec>,
    /// For inputs that bring no topic of their own.
    pub topic: String,
    pub priority: Priority,
    /// Leave preparing to the worker.
    pub by_path: bool,
    pub again: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Intake {
    pub added: Added,
    pub rejected: Vec<Rejected>,
    /// Different pictures among the readable ones.
    pub pictures: BTreeSet<String>,
    /// Readable inputs, each fingerprint once.
    pub fingerprints: BTreeSet<String>,
    pub readable: u64,
}

/// Why the intake stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error("a prepared picture cannot be kept")]
    Blobs(#[from] blobs::Error),
}

/// An input after its picture was looked at.
#[derive(Debug)]
struct Checked {
    input: Input,
    picture: Result<(String, PictureSource), Rejected>,
}

/// Takes everything in. Without a ledger and blobs nothing is written: a dry run.
pub async fn intake(
    order: &Order,
    home: Option<(&dyn Ledger, &Blobs)>,
    inputs: Vec<Input>,
    missing: Vec<Rejected>,
    mut on_chunk: impl FnMut(usize),
) -> Result<Intake, Error> {
    let mut intake = Intake::default();
    let mut occurrences = HashMap::new();
    if !missing.is_empty() {
        add(order, home, vec![], missing, &mut intake).await?;
    }
    let mut inputs = inputs.into_iter().peekable();
    while inputs.peek().is_some() {
        let chunk: Vec<Input> = inputs.by_ref().take(CHUNK).collect();
        let count = chunk.len();
        let (spec, by_path) = (Arc::clone(&order.spec), order.by_path);
        let blobs = home.map(|(_, blobs)| blobs.clone());
        let check = move || -> Result<(Option<Hold>, Vec<Checked>), blobs::Error> {
            // Until the ledger refers to them, nobody else knows what the pictures are for.
            let hold = blobs.as_ref().map(Blobs::hold).transpose()?;
            let check = |input| check(input, &spec, by_path, blobs.as_ref());
            Ok((hold, chunk.into_par_iter().map(check).collect::<Result<_, _>>()?))
        };
        let (hold, checked) =
            tokio::task::spawn_blocking(check).await.expect("checking does not panic")?;
        let (mut jobs, mut rejected) = (Vec::new(), Vec::new());
        for Checked { input, picture } in checked {
            match picture {
                Err(refusal) => rejected.push(refusal),
                Ok((sha256, source)) => {
                    let job = new_job(order, input, sha256, source);
                    intake.readable += 1;
                    intake.pictures.insert(job.picture_sha256.clone());
                    intake.fingerprints.insert(job.fingerprint.clone());
                    let key =
                        (job.source.clone(), job.external_id.clone(), job.fingerprint.clone());
                    let occurrence = occurrences.entry(key).or_insert(0);
                    *occurrence += 1;
                    jobs.push(NewJob { job, occurrence: *occurrence });
                }
            }
        }
        add(order, home, jobs, rejected, &mut intake).await?;
        if let Some(hold) = hold {
            block_in_place(|| hold.release());
        }
        on_chunk(count);
    }
    Ok(intake)
}

async fn add(
    order: &Order,
    home: Option<(&dyn Ledger, &Blobs)>,
    jobs: Vec<NewJob>,
    rejected: Vec<Rejected>,
    intake: &mut Intake,
) -> Result<(), Error> {
    intake.rejected.extend(rejected.iter().cloned());
    let Some((ledger, _)) = home else { return Ok(()) };
    let addition = Addition { jobs, rejected, again: order.again };
    let added = ledger.add(&order.batch, addition).await?;
    intake.added.queued.extend(added.queued);
    intake.added.duplicates += added.duplicates;
    Ok(())
}

/// Reads one picture and prepares it, or says why not. Only a home that fails is an error.
fn check(
    input: Input,
    spec: &Spec,
    by_path: bool,
    blobs: Option<&Blobs>,
) -> Result<Checked, blobs::Error> {
    let limits = pictures::limits(&spec.picture);
    let refuse = |code: &str, reason: String| Rejected {
        source: input.source.clone(),
        external_id: input.external_id.clone().unwrap_or_default(),
        code: code.to_owned(),
        reason,
    };
    let picture = match read(&input, limits.input_bytes_max) {
        Err((code, reason)) => Err(refuse(code, reason)),
        Ok(bytes) if by_path && imaging::sniff(&bytes).is_none() => {
            Err(refuse("input.unsupported", "not a picture of a known format".to_owned()))
        }
        Ok(bytes) if by_path => {
            let path = std::path::absolute(&input.path).unwrap_or(input.path.clone());
            let path = path.to_string_lossy().into_owned();
            Ok((blobs::digest(&bytes), PictureSource::Path(path)))
        }
        Ok(bytes) => match imaging::prepare(&bytes, &limits) {
            Err(error) => Err(refuse(error.code(), error.to_string())),
            Ok(prepared) => {
                let (prepared, facts) = pictures::facts(prepared);
                if let Some(blobs) = blobs {
                    blobs.put(&prepared)?;
                }
                Ok((blobs::digest(&bytes), PictureSource::Prepared(facts)))
            }
        },
    };
    Ok(Checked { input, picture })
}

/// The bytes of an input, or why there are none: a code and a reason.
pub fn read(input: &Input, bytes_max: u64) -> Result<Vec<u8>, (&'static str, String)> {
    let unreadable = |error: std::io::Error| ("input.unreadable", error.to_string());
    let size = std::fs::metadata(&input.path).map_err(unreadable)?.len();
    if size > bytes_max {
        let reason = format!("the file has {size} bytes; at most {bytes_max} are read");
        return Err(("input.too_large", reason));
    }
    std::fs::read(&input.path).map_err(unreadable)
}

fn new_job(order: &Order, input: Input, sha256: String, picture: PictureSource) -> Job {
    let topic = input.topic.unwrap_or_else(|| order.topic.clone());
    let mut hash = Sha256::new();
    let design_prompt = input.design_prompt.unwrap_or_default();
    let fields = [&sha256, &topic, &design_prompt, &order.batch.spec];
    for field in fields.into_iter().chain(&input.keywords) {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    Job {
        id: ulid::Ulid::generate().to_string(),
        batch: order.batch.name.clone(),
        index: 0,
        source: input.source,
        external_id: input.external_id.unwrap_or_default(),
        topic,
        picture_sha256: sha256,
        picture,
        keywords: input.keywords,
        design_prompt,
        fingerprint: hex::encode(hash.finalize()),
        priority: order.priority,
        state: State::Queued,
        version: 0,
        attempts: 0,
        interruptions: 0,
        crashes: 0,
        suspect: false,
        progress: Progress::default(),
        cost: MicroUsd(0),
        history: vec![],
    }
}
