//! Bringing answers to the ledger, whatever it takes: an answer is paid for.

use super::desk::Desk;
use super::patience::{Passing, random, unusable};
use super::spool::{self, Parcel};
use crate::discussion::Stop;
use crate::domain::call::Open;
use crate::domain::retry;
use crate::ledger::{Filter, Opened, Scope, Settled};
use crate::{blobs, ledger};
use std::path::PathBuf;
use std::time::Duration;

/// An answer that the ledger has not taken by then is written to the spool.
const SPOOL_AFTER: Duration = Duration::from_millis(500);
/// How often the spool is tried again when its disk is full.
const SPOOL_PAUSE: Duration = Duration::from_secs(1);
/// What the ledger still gets, when running calls are hung up on, before an answer is left to the
/// spool.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// What became of a parcel.
enum Delivered {
    Taken(Settled),
    /// This ledger has never heard of its job: it belongs to another one.
    Elsewhere,
}

/// Why a parcel was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    #[error(transparent)]
    Spool(#[from] spool::Error),
    #[error("its model is being left alone")]
    Held,
}

impl Passing for Undelivered {
    fn may_pass(&self) -> bool {
        match self {
            Self::Ledger(error) => error.may_pass(),
            Self::Blobs(error) => error.may_pass(),
            Self::Spool(_) => false,
            Self::Held => true,
        }
    }

    fn is_told(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_told())
    }
}

/// What lay in the spool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Emptied {
    /// In the ledger now.
    pub delivered: usize,
    /// Left alone: they belong to another ledger.
    pub foreign: usize,
}

impl Desk {
    /// Writes a settle. While the ledger does not take it, the answer is kept in the spool, so that
    /// not even a kill loses it; and if the spool's disk is full, in memory, for as long as this
    /// process lives.
    pub(super) async fn settle(&self, parcel: Parcel) -> Result<Settled, Stop> {
        let delivering = self.deliver_patiently(&parcel);
        tokio::pin!(delivering);
        tokio::select! {
            biased;
            settled = &mut delivering => return settled,
            () = tokio::time::sleep(SPOOL_AFTER) => {}
            () = self.hang_up.cancelled() => {}
        }
        let mut kept = None;
        let mut told = false;
        loop {
            if kept.is_none() {
                kept = self.keep_in_spool(&parcel, &mut told).await;
            }
            tokio::select! {
                biased;
                settled = &mut delivering => {
                    if settled.is_ok() {
                        self.forget_kept(kept);
                    }
                    return settled;
                }
                () = self.hang_up.cancelled() => break,
                () = tokio::time::sleep(SPOOL_PAUSE), if kept.is_none() => {}
            }
        }
        let Ok(settled) = tokio::time::timeout(LAST_CHANCE, delivering).await else {
            if kept.is_none() {
                let call = parcel.open.call.path();
                tracing::error!(call, "an answer is lost: neither ledger nor spool took it");
            }
            return Err(Stop::Interrupted);
        };
        if settled.is_ok() {
            self.forget_kept(kept);
        }
        settled
    }

    async fn deliver_patiently(&self, parcel: &Parcel) -> Result<Settled, Stop> {
        let mut failures = 0;
        loop {
            let undelivered = match self.deliver(parcel).await {
                Ok(Delivered::Taken(settled)) => return Ok(settled),
                // The job was taken out of the ledger under our hands.
                Ok(Delivered::Elsewhere) => return Err(Stop::Interrupted),
                Err(undelivered) => undelivered,
            };
            if let Undelivered::Ledger(error) = &undelivered
                && !error.may_pass()
            {
                self.keep_in_spool(parcel, &mut false).await;
                return Err(unusable(error));
            }
            failures += 1;
            let call = parcel.open.call.path();
            tracing::debug!(call, error = %undelivered, failures, "an answer was not taken");
            tokio::time::sleep(retry::ledger_delay(failures, random())).await;
        }
    }

    /// Images first, then the settle that names them.
    async fn deliver(&self, parcel: &Parcel) -> Result<Delivered, Undelivered> {
        let Parcel { open, settle, images } = parcel;
        for bytes in images {
            self.keep(bytes.to_vec()).await?;
        }
        let settled = self.ledger.settle(&open.call, open.r#try, settle.clone()).await;
        if let Err(ledger::Error::Corrupt(_)) = &settled
            && self.is_forgotten(open).await?
        {
            let filter = Filter::one(&open.job);
            if self.ledger.jobs(&filter).await?.is_empty() {
                return Ok(Delivered::Elsewhere);
            }
            match self.ledger.open(open.clone()).await? {
                Opened::First | Opened::Probe | Opened::Taken => {}
                Opened::Held { .. } => return Err(Undelivered::Held),
            }
            let settled = self.ledger.settle(&open.call, open.r#try, settle.clone()).await?;
            return Ok(Delivered::Taken(settled));
        }
        Ok(Delivered::Taken(settled?))
    }

    /// Whether the ledger does not know any more that the request left: a server that was killed
    /// may have lost its last second.
    async fn is_forgotten(&self, open: &Open) -> ledger::Result<bool> {
        let records = self.ledger.journal(Scope::Call(&open.call)).await?;
        Ok(records.iter().all(|record| record.open.r#try != open.r#try))
    }

    /// The file that the answer is in, if there was room for it.
    async fn keep_in_spool(&self, parcel: &Parcel, told: &mut bool) -> Option<PathBuf> {
        let (spool, copy) = (self.spool.clone(), parcel.clone());
        let keeping = tokio::task::spawn_blocking(move || spool.keep(&copy));
        match keeping.await.expect("keeping an answer does not panic") {
            Ok(path) => {
                let call = parcel.open.call.path();
                tracing::warn!(call, file = %path.display(), "an answer waits for the ledger");
                Some(path)
            }
            Err(error) => {
                if !std::mem::replace(told, true) {
                    let call = parcel.open.call.path();
                    tracing::error!(
                        call,
                        error = (&error as &dyn std::error::Error),
                        "an answer is kept in memory alone: neither ledger nor spool takes it; make \
                         room on the disk"
                    );
                }
                None
            }
        }
    }

    fn forget_kept(&self, kept: Option<PathBuf>) {
        if let Some(path) = kept
            && let Err(error) = self.spool.delivered(&path)
        {
            // Delivering it once more changes nothing.
            tracing::warn!(%error, "a delivered answer stays in the spool");
        }
    }

    /// Delivers what waits in the spool, whoever left it there. It stops where the ledger is away.
    pub async fn empty_spool(&self) -> Result<Emptied, Undelivered> {
        let mut emptied = Emptied::default();
        for path in self.spool.waiting()? {
            let parcel = match self.spool.read(&path) {
                Ok(Some(parcel)) => parcel,
                Ok(None) => continue,
                Err(error @ spool::Error::Damaged { .. }) => {
                    let aside = self.spool.set_aside(&path)?;
                    tracing::warn!(%error, file = %aside.display(), "an answer was set aside");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match self.deliver(&parcel).await {
                Ok(Delivered::Taken(_)) => {
                    self.spool.delivered(&path)?;
                    emptied.delivered += 1;
                }
                Ok(Delivered::Elsewhere) => emptied.foreign += 1,
                Err(error) if error.may_pass() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, file = %path.display(), "an answer stays in the spool");
                }
            }
        }
        Ok(emptied)
    }
}
