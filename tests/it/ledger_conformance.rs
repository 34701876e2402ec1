//! What every ledger promises, tried on every store.
//!
//! A promise is a function of a [`Place`]; [`promises!`] lists them once and makes each a test for
//! one store. Nothing waits: a lease of no time has run out, one of an hour has not.

mod adding;
mod changing;
mod claiming;
mod dice;
mod journal;
mod listing;
mod measured;
mod model;
mod redis_only;
pub(crate) mod samples;
mod sqlite_only;
mod sweeping;
mod tidying;
mod walks;

use crate::support::redis::RedisServer;
use std::any::Any;
use std::sync::Arc;
use tableround::blobs::{Blobs, CAP_BYTES};
use tableround::ledger::{Ledger, Redis, Sqlite};
use tableround::redis_server::Server;
use tokio::runtime::Handle;

/// Where a ledger is; it goes away with the value.
struct Place {
    connect: Box<dyn Fn() -> Arc<dyn Ledger> + Send + Sync>,
    another: fn() -> Option<Self>,
    _home: Box<dyn Any + Send + Sync>,
}

impl Place {
    #[expect(clippy::unnecessary_wraps, reason = "other stores may have no place here")]
    fn sqlite() -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ledger.db");
        let blobs = Blobs::dir(&home.path().join("images"));
        let open = move || Sqlite::open(&path).unwrap().with_blobs(blobs.clone());
        Some(Self {
            connect: Box::new(move || Arc::new(open())),
            another: Self::sqlite,
            _home: Box::new(home),
        })
    }

    fn redis() -> Option<Self> {
        let home = RedisServer::start()?;
        let server = Server::at(&home.url()).unwrap();
        let blobs = Blobs::redis(server.clone(), "tableround", CAP_BYTES);
        let open = move || {
            let ledger = Handle::current().block_on(Redis::open(&server, "tableround")).unwrap();
            ledger.with_blobs(blobs.clone())
        };
        Some(Self {
            connect: Box::new(move || Arc::new(tokio::task::block_in_place(&open))),
            another: Self::redis,
            _home: Box::new(home),
        })
    }

    /// A connection of its own, as another process would have.
    fn connect(&self) -> Arc<dyn Ledger> {
        (self.connect)()
    }

    /// A new ledger of the same kind.
    fn another(&self) -> Self {
        (self.another)().expect("there was room for the first")
    }
}

macro_rules! promises {
    ($store:ident) => {
        promises! { $store:
            adding::rows_get_their_index_in_the_order_given,
            adding::an_interrupted_enqueue_adds_only_what_was_missing,
            adding::a_known_fingerprint_becomes_an_alias_of_the_oldest_live_job,
            adding::again_makes_a_job_of_its_own,
            adding::a_batch_keeps_its_spec_and_takes_new_limits,
            adding::a_refused_input_is_kept_once_in_order,
            adding::a_job_begins_its_life_in_the_ledger,
            adding::two_enqueues_at_once_add_every_row_once,
            claiming::priority_then_fairness_then_index,
            claiming::a_worker_gets_only_what_it_can_serve,
            claiming::a_block_holds_jobs_until_its_time_or_its_end,
            claiming::a_retry_is_claimed_when_its_delay_is_over,
            claiming::every_job_is_claimed_once_by_eight_connections,
            changing::a_change_moves_the_job_its_counters_and_its_events,
            changing::a_refused_change_changes_nothing,
            changing::an_unknown_job_and_an_alias_cannot_be_changed,
            changing::deltas_are_never_stored_and_the_ledger_dates_events,
            journal::a_try_is_opened_once,
            journal::a_model_that_asked_for_a_pause_is_left_alone_and_then_tried_by_one,
            journal::the_first_final_answer_wins_and_a_second_is_kept,
            journal::the_same_settle_again_changes_nothing,
            journal::another_settle_of_the_same_try_is_kept_beside_it,
            journal::an_unknown_try_cannot_be_settled,
            journal::sums_follow_what_is_out_and_what_came_back,
            journal::records_are_found_by_call_job_and_batch,
            journal::one_of_eight_writers_is_first,
            listing::pages_follow_batch_and_index_with_aliases_between,
            listing::filters_choose_by_state_batch_and_id,
            listing::an_alias_shows_its_originals_state_and_no_cost,
            sweeping::a_lease_that_ran_out_goes_back_and_tells_a_crash_from_a_loss,
            sweeping::nothing_expires_before_one_lease_of_answers,
            sweeping::workers_are_listed_until_they_say_goodbye,
            sweeping::a_last_beat_gives_back_what_the_worker_held,
            tidying::a_journal_is_folded_when_its_job_is_over_and_reads_the_same,
            tidying::a_late_answer_to_a_folded_journal_is_kept_and_the_books_close,
            tidying::a_retried_job_goes_on_with_its_folded_journal,
            tidying::a_shared_question_is_folded_when_all_its_askers_are_over,
            tidying::a_batch_is_collected_until_something_happens_to_it,
            tidying::only_a_collected_batch_is_forgotten_and_nothing_else_with_it,
            tidying::a_batch_whose_results_another_shares_stays,
            tidying::a_shared_question_outlives_its_batch_while_it_is_spared,
            walks::random_interleavings_follow_the_model,
            walks::eight_tasks_at_once_leave_true_books
        }
    };
    ($store:ident: $($group:ident::$promise:ident),*) => {
        mod $store {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                if let Some(place) = super::Place::$store() {
                    super::$group::$promise(&place).await;
                }
            })*
        }
    };
}

promises!(sqlite);
promises!(redis);
