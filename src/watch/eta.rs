//! How long a batch still takes, from what has been seen of it.
//!
//! Two ways to look ahead, because two things can be scarce. Where discussions wait for their own
//! turns, the jobs left are laid into the slots as they fall free: twenty jobs in sixteen slots
//! take two rounds, not one and a quarter. Where the gate for calls is always full, only the
//! rate counts: the last four jobs share what sixteen shared before. How often the gate was full
//! decides between the two.

use super::sight::{RunningJob, Sight};
use std::collections::VecDeque;
use std::time::Duration;

/// Durations of finished jobs to remember: about two rounds of the default concurrency.
const FINISHED_MAX: usize = 32;
/// Seconds of the recent past that make the rate.
const WINDOW_S: f64 = 120.0;
/// More free slots than this change nothing that a person would notice.
const SLOTS_MAX: usize = 4096;
/// Seconds between two looks.
const LOOK_EVERY_S: f64 = 1.0;
/// Share of a job that must be done before its pace says anything.
const EVIDENCE: f64 = 0.05;
/// Seconds of work that must be seen before anything is promised: answers that a resumed job knows
/// already come within one.
const EVIDENCE_S: f64 = 1.0;

/// What was seen of a batch so far. Feed it with [`Eta::observe`] and [`Eta::finished`].
#[derive(Debug, Default)]
pub struct Eta {
    /// Seconds that the jobs finished last took.
    finished: VecDeque<f64>,
    looks: VecDeque<Look>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    at: f64,
    /// Jobs done, running ones by the share of their answers.
    work: f64,
    gate_full: bool,
}

impl Eta {
    /// Looks at the batch, `elapsed` after the watching began.
    pub fn observe(&mut self, sight: &Sight, elapsed: Duration) {
        let at = elapsed.as_secs_f64();
        if self.looks.back().is_some_and(|last| at - last.at < LOOK_EVERY_S) {
            return;
        }
        let gate_full = sight.calls_max.is_some_and(|max| sight.calls_out >= max);
        self.looks.push_back(Look { at, work: work(sight), gate_full });
        while self.looks.len() > 2 && self.looks.front().is_some_and(|old| at - old.at > WINDOW_S) {
            self.looks.pop_front();
        }
    }

    /// A job was completed and took so long.
    pub fn finished(&mut self, took: Duration) {
        if self.finished.len() == FINISHED_MAX {
            self.finished.pop_front();
        }
        self.finished.push_back(took.as_secs_f64());
    }

    /// The time until nothing is left to do; none while nobody can know.
    pub fn batch(&self, sight: &Sight) -> Option<Duration> {
        if sight.total == 0 {
            return None;
        }
        if sight.running.is_empty() && sight.pending() == 0 {
            return Some(Duration::ZERO);
        }
        let by_slots = self.by_slots(sight)?;
        let left = count(sight.total) - work(sight);
        let seconds = match self.rate() {
            Some(rate) => {
                let full = self.gate_full_share();
                full * left / rate + (1.0 - full) * by_slots
            }
            None => by_slots,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The time until a running job is done.
    pub fn job(&self, sight: &Sight, job: &RunningJob) -> Option<Duration> {
        let seconds = self.left(job, self.typical(sight)?);
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The time until a running job is done, from its own pace.
    pub(super) fn alone(&self, job: &RunningJob) -> Option<Duration> {
        let sight = Sight { running: vec![job.clone()], ..Sight::default() };
        self.job(&sight, job)
    }

    /// Jobs a minute, of late.
    pub fn per_minute(&self) -> Option<f64> {
        self.rate().map(|rate| rate * 60.0)
    }

    /// Jobs a minute if all that runs, and all slots that are free for what is queued, keep on as
    /// they do: for who has just come and saw nothing change yet.
    pub fn steady_per_minute(&self, sight: &Sight) -> Option<f64> {
        let typical = self.typical(sight)?;
        let at_once = sight.running.len() as u64 + sight.slots_free.min(sight.pending());
        (at_once > 0 && typical > 0.0).then(|| count(at_once) * 60.0 / typical)
    }

    /// Jobs a second over the window; none unless there was progress.
    fn rate(&self) -> Option<f64> {
        let (first, last) = (self.looks.front()?, self.looks.back()?);
        let rate = (last.work - first.work) / (last.at - first.at);
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    fn gate_full_share(&self) -> f64 {
        let full = self.looks.iter().filter(|look| look.gate_full).count();
        count(full as u64) / count(self.looks.len() as u64).max(1.0)
    }

    /// Seconds a job takes, from those that finished and the pace of those running. The first to
    /// finish are the quick ones, so that they alone would promise too much.
    fn typical(&self, sight: &Sight) -> Option<f64> {
        let (mut seconds, mut jobs) =
            (self.finished.iter().sum::<f64>(), count(self.finished.len() as u64));
        for job in &sight.running {
            seconds += seen_for(job);
            jobs += share(job);
        }
        let enough = jobs > 0.0
            && jobs >= EVIDENCE * count(sight.running.len() as u64)
            && (seconds >= EVIDENCE_S || !self.finished.is_empty());
        enough.then(|| seconds / jobs)
    }

    /// Seconds that a running job still needs.
    fn left(&self, job: &RunningJob, typical: f64) -> f64 {
        let (share, seen, stale) = (share(job), seen_for(job), job.stale.as_secs_f64());
        let left = if self.finished.is_empty() && share >= EVIDENCE {
            seen * (1.0 - share) / share
        } else {
            // Stages differ in pace, so the clock knows more than the share; but a job that
            // resumed has most of its answers early. Half a word for each.
            f64::midpoint(typical * (1.0 - share), (typical - seen).max(0.0))
        };
        (left - stale).max(0.0)
    }

    /// Seconds until the jobs left have gone through the slots.
    fn by_slots(&self, sight: &Sight) -> Option<f64> {
        let typical = self.typical(sight)?;
        let mut left: Vec<f64> = sight.running.iter().map(|job| self.left(job, typical)).collect();
        let free = usize::try_from(sight.slots_free.min(sight.pending())).unwrap_or(usize::MAX);
        left.extend(std::iter::repeat_n(0.0, free.min(SLOTS_MAX)));
        (!left.is_empty()).then(|| makespan(&left, sight.pending(), typical))
    }
}

/// When the last of `queued` jobs of `typical` seconds ends, each begun in the slot that falls
/// free first; the slots are busy for `left` seconds.
fn makespan(left: &[f64], queued: u64, typical: f64) -> f64 {
    let busy = left.iter().copied().fold(0.0, f64::max);
    if queued == 0 || typical <= 0.0 {
        return busy;
    }
    let fits = |end: f64| {
        let jobs = left.iter().map(|left| ((end - left) / typical + 1e-9).floor().max(0.0));
        jobs.sum::<f64>() >= count(queued)
    };
    let (mut early, mut late) = (0.0, busy + typical * count(queued));
    // Forty halvings of a year are well below a millisecond.
    for _ in 0..40 {
        let middle = f64::midpoint(early, late);
        if fits(middle) { late = middle } else { early = middle }
    }
    late.max(busy)
}

fn work(sight: &Sight) -> f64 {
    count(sight.ended()) + sight.running.iter().map(share).sum::<f64>()
}

/// Seconds of work behind the progress of a job, earlier attempts included.
fn seen_for(job: &RunningJob) -> f64 {
    (job.before + job.elapsed.saturating_sub(job.stale)).as_secs_f64()
}

/// The share of a job's answers that were obtained.
pub(super) fn share(job: &RunningJob) -> f64 {
    let (done, expected) = (f64::from(job.progress.done), f64::from(job.progress.expected));
    if expected > 0.0 { (done / expected).min(1.0) } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 jobs are more than anybody queues")]
pub(super) fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::Progress;

    /// A batch whose course is known: every job takes `job_s` while `calls_max` is none; with it,
    /// the jobs running share the gate, which alone serves one job a `job_s`.
    struct Course {
        jobs: u64,
        slots: usize,
        job_s: f64,
        /// Jobs differ by this share of `job_s`, up and down.
        spread: f64,
        gate: bool,
        /// Seen from another process: slots fill one after another, progress comes every 3 s, and
        /// the estimate knows the last jobs that finished but nothing that it saw itself.
        elsewhere: bool,
    }

    /// Seconds between two slots that fill, and between two words of progress.
    const RAMP_S: f64 = 0.5;
    const NEWS_S: f64 = 3.0;

    impl Course {
        /// What the estimate was when half of the time was over, and what was true.
        fn at_half_time(&self) -> (f64, f64) {
            let whole = self.play(f64::INFINITY).1;
            let (eta, now) = self.play(whole / 2.0);
            (eta, whole - now)
        }

        /// Plays until `stop` or the end: the estimate then, and the time.
        fn play(&self, stop: f64) -> (f64, f64) {
            const STEP_S: f64 = 0.25;
            let mut eta = Eta::default();
            let mut sight = Sight { total: self.jobs, calls_max: Some(32), ..Sight::default() };
            let (mut running, mut now): (Vec<Going>, f64) = (vec![], 0.0);
            let mut begun = 0;
            loop {
                let open = if self.elsewhere { 1.0 + now / RAMP_S } else { f64::INFINITY };
                while running.len() < self.slots
                    && begun < self.jobs
                    && count(running.len() as u64) < open
                {
                    running.push(Going { share: 0.0, began: now, takes: self.takes(begun) });
                    begun += 1;
                }
                sight.slots_free = (self.slots - running.len()) as u64;
                sight.running = running.iter().map(|job| self.news(job, now)).collect();
                sight.calls_out = if self.gate { 32 } else { running.len() };
                if !self.elsewhere {
                    eta.observe(&sight, Duration::from_secs_f64(now));
                }
                if running.is_empty() || now >= stop {
                    let left = eta.batch(&sight).expect("half of the batch was seen");
                    return (left.as_secs_f64(), now);
                }
                now += STEP_S;
                let sharing = if self.gate { count(running.len() as u64) } else { 1.0 };
                for job in &mut running {
                    job.share += STEP_S / job.takes / sharing;
                }
                for job in running.extract_if(.., |job| job.share >= 0.999_999) {
                    sight.done += 1;
                    eta.finished(Duration::from_secs_f64(now - job.began));
                }
            }
        }

        /// A running job as a watcher knows it.
        fn news(&self, job: &Going, now: f64) -> RunningJob {
            let elapsed = now - job.began;
            if !self.elsewhere {
                return seen(job.share, elapsed);
            }
            let stale = elapsed % NEWS_S;
            let mut told = seen((elapsed - stale) / job.takes, elapsed);
            told.stale = Duration::from_secs_f64(stale);
            told
        }

        /// Seconds of a job, spread evenly and without an order.
        fn takes(&self, job: u64) -> f64 {
            let place = (count(job) * 0.618_034).fract() * 2.0 - 1.0;
            self.job_s * (1.0 + self.spread * place)
        }
    }

    struct Going {
        share: f64,
        began: f64,
        takes: f64,
    }

    fn seen(share: f64, elapsed: f64) -> RunningJob {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 40")]
        let progress =
            Progress { done: (share * 40.0) as u32, expected: 40, ..Progress::default() };
        RunningJob { progress, elapsed: Duration::from_secs_f64(elapsed), ..RunningJob::default() }
    }

    #[test]
    fn at_half_time_the_estimate_is_within_thirty_per_cent() {
        let check = |jobs, slots, job_s, spread, gate| {
            for elsewhere in [false, true] {
                if gate && elsewhere {
                    // Nobody else knows how full another process's gate is.
                    continue;
                }
                let course = Course { jobs, slots, job_s, spread, gate, elsewhere };
                let (eta, truth) = course.at_half_time();
                let off = (eta - truth).abs() / truth;
                let seen = if elsewhere { "elsewhere" } else { "in the process" };
                let what = format!("{jobs} jobs in {slots} slots, seen {seen}");
                assert!(off <= 0.3, "{what}: {eta:.1} s, truth {truth:.1} s");
            }
        };
        check(20, 1, 10.0, 0.0, false); // one after another
        check(1, 1, 60.0, 0.0, false);
        check(16, 16, 60.0, 0.0, false); // all at once
        check(20, 16, 60.0, 0.0, false); // a full round and a small one
        check(100, 16, 60.0, 0.0, false);
        check(1000, 16, 12.0, 0.0, false);
        check(20, 8, 15.0, 0.4, false); // unlike one another
        check(20, 4, 60.0, 0.4, false);
        check(200, 16, 60.0, 0.4, false);
        check(20, 16, 6.0, 0.0, true); // the gate is the limit
        check(200, 16, 6.0, 0.0, true);
    }

    #[test]
    fn nothing_is_promised_before_anything_was_seen() {
        let mut sight = Sight { total: 20, ..Sight::default() };
        assert_eq!(Eta::default().batch(&sight), None, "nothing runs");
        sight.running = vec![seen(0.0, 3.0)];
        assert_eq!(Eta::default().batch(&sight), None, "no answer yet");
        sight.running = vec![seen(0.7, 0.3)];
        assert_eq!(Eta::default().batch(&sight), None, "answers that a resumed job knew already");
        assert_eq!(Eta::default().batch(&Sight::default()), None, "nothing is there yet");
        assert_eq!(Eta::default().per_minute(), None);
        assert_eq!(Eta::default().steady_per_minute(&sight), None);
    }

    #[test]
    fn free_slots_take_queued_jobs_at_once() {
        let mut eta = Eta::default();
        eta.finished(Duration::from_mins(1));
        let mut sight = Sight { total: 5, done: 1, ..Sight::default() };
        assert_eq!(eta.batch(&sight), None, "nobody works");
        sight.slots_free = 2;
        let seconds = |sight: &Sight| format!("{:.0}", eta.batch(sight).unwrap().as_secs_f64());
        assert_eq!(seconds(&sight), "120", "two rounds of two");
        assert_eq!(eta.steady_per_minute(&sight), Some(2.0));
        sight.slots_free = 16;
        assert_eq!(seconds(&sight), "60");
    }

    #[test]
    fn nothing_left_takes_no_time() {
        let sight = Sight { total: 3, done: 2, dead: 1, ..Sight::default() };
        assert_eq!(Eta::default().batch(&sight), Some(Duration::ZERO));
    }

    #[test]
    fn queued_jobs_go_where_a_slot_falls_free_first() {
        let check = |left: &[f64], queued, expected: f64| {
            let end = makespan(left, queued, 10.0);
            assert!((end - expected).abs() < 0.01, "{left:?} + {queued}: {end}");
        };
        check(&[5.0], 0, 5.0);
        check(&[5.0], 2, 25.0);
        check(&[2.0, 8.0], 1, 12.0);
        check(&[2.0, 8.0], 2, 18.0);
        check(&[2.0, 8.0], 3, 22.0);
        check(&[2.0, 90.0], 1, 90.0);
    }
}
