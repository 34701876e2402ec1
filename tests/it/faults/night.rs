//! A night of several workers on a Redis, in the middle of which something breaks that is nobody's
//! fault: nobody may die of it, and nobody may be charged with it.

use super::scene::{PATIENCE, Process, Scene, Store, ended};
use super::{Line, is_long, wait_until};
use crate::support::provider_server::Manner;
use crate::support::proxy::Proxy;
use std::time::{Duration, Instant};
use tableround::domain::job::StateName;

pub(super) struct Night {
    pub(super) scene: Scene,
    calm: Scene,
    pub(super) crew: Vec<Process>,
    /// The ways to the Redis of those members that have one of their own, in the crew's order.
    pub(super) ways: Vec<Proxy>,
}

impl Night {
    /// So many workers in the middle of their work, of which the first ones reach the Redis over
    /// ways that can be broken.
    pub(super) fn of(seed: u64, workers: usize, ways: usize) -> Self {
        let pictures = if is_long() { 24 } else { 12 };
        let scene = Scene::new(Store::Redis, pictures, Manner { seed, ..Manner::after(200, 400) });
        let calm = scene.calm();
        scene.enqueue();
        let redis = scene.redis.as_ref().expect("the scene has one").address();
        let ways = (0..ways).map(|_| Proxy::to(redis)).collect();
        let mut night = Self { scene, calm, crew: vec![], ways };
        night.crew = (0..workers).map(|member| night.hire(member)).collect();
        night.scene.wait_for_calls(3);
        night
    }

    /// A new worker in this place of the crew.
    pub(super) fn hire(&self, member: usize) -> Process {
        match self.ways.get(member) {
            Some(way) => self.scene.hire_over(&format!("redis://{}/0", way.address())),
            None => self.scene.hire(None),
        }
    }

    /// Whether everybody has ended, whatever the reason.
    fn all_have_left(&mut self) -> bool {
        self.crew.iter_mut().all(|member| member.try_wait().unwrap().is_some())
    }

    /// Breaks something and mends it. Nobody leaves because of it, and work goes on afterwards: the
    /// time until the provider hears of it counts as the recovery.
    pub(super) fn strike(&mut self, line: &mut Line, hit: impl FnOnce(&mut Self)) {
        line.strikes += 1;
        hit(self);
        let (mended, asked) = (Instant::now(), self.scene.server.seen().len());
        wait_until("work goes on", PATIENCE, || {
            self.scene.server.seen().len() > asked || self.all_have_left()
        });
        line.worst_recovery = line.worst_recovery.max(Some(mended.elapsed()));
    }

    /// Everybody ends well, and the results are those of a calm night.
    pub(super) fn end(self, line: &mut Line) {
        for member in self.crew {
            assert!(ended(member, PATIENCE).success(), "{}", self.scene.words());
        }
        for job in self.scene.jobs(&[]) {
            let charged = (job.state.name(), job.attempts, job.crashes);
            assert_eq!(charged, (StateName::Completed, 0, 0), "{}", self.scene.words());
        }
        self.scene.settle(&self.calm, line);
    }

    /// Fails unless the workers have told of the outage in so many words.
    pub(super) fn assert_told(&self) {
        let words = self.scene.words();
        assert!(words.contains("reconnecting"), "nobody said it:\n{words}");
    }
}

/// Lets an outage last.
pub(super) fn last(seconds: f64) {
    std::thread::park_timeout(Duration::from_secs_f64(seconds));
}
