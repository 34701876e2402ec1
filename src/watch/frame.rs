//! One frame of the bars, as a pure function of what is seen and how large the terminal is.

use super::eta::{Eta, count, share};
use super::job_line::{Columns, job_line};
use super::look::{Ink, Look};
use super::phrases;
use super::sight::{RunningJob, Sight};
use super::text::{clock, count as counted, money, pace};
use console::measure_text_width;
use std::time::Duration;

/// More job lines than this nobody reads.
const JOBS_MAX: usize = 22;
/// From so many rows on there is room to breathe: an empty line sets the batch apart from its
/// jobs, and what happened last stays in sight above them.
const ROWS_AIRY: usize = 20;
/// Rows above the frame.
const ROWS_ABOVE: usize = 3;
const ROWS_ABOVE_MIN: usize = 1;
/// From so many columns on, the facts of a batch fit one line.
const COLS_WIDE: usize = 70;
/// Holds shown; `status` lists them all.
const HOLDS_MAX: usize = 2;

/// What one frame shows.
pub(super) struct Scene<'a> {
    pub(super) sight: &'a Sight,
    /// The running jobs in the order of their lines.
    pub(super) jobs: &'a [&'a RunningJob],
    pub(super) eta: &'a Eta,
    /// Since the watching began.
    pub(super) elapsed: Duration,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) look: Look,
}

/// The frame's lines, none as wide as the terminal and together lower than it.
pub(super) fn frame(scene: &Scene<'_>) -> Vec<String> {
    let airy = scene.rows >= ROWS_AIRY;
    let mut below = if airy { words(scene) } else { vec![] };
    below.push(batch_bar(scene));
    below.extend(facts(scene));
    below.extend(holds(scene));
    let above = if airy { ROWS_ABOVE } else { ROWS_ABOVE_MIN };
    let room = scene.rows.saturating_sub(below.len() + 1 + above).clamp(1, JOBS_MAX);
    let mut lines = jobs(scene, room);
    lines.extend(below);
    // What is lowest matters most.
    let hidden = lines.len().saturating_sub(scene.rows.saturating_sub(1));
    let width = scene.cols.saturating_sub(1);
    lines
        .split_off(hidden)
        .iter()
        .map(|line| console::truncate_str(line, width, "").into())
        .collect()
}

fn jobs(scene: &Scene<'_>, room: usize) -> Vec<String> {
    let all = scene.jobs.len();
    let shown = if all > room { room.saturating_sub(1) } else { all };
    let columns = Columns::of(scene.cols);
    let line = |job| {
        let left = scene.eta.job(scene.sight, job);
        scene.look.join(&job_line(job, left, columns, scene.look))
    };
    let mut lines: Vec<String> = scene.jobs.iter().take(shown).map(|job| line(job)).collect();
    if shown < all {
        let more = format!("  and {} more", all - shown);
        lines.push(scene.look.ink(Ink::Faint, &more).into_owned());
    }
    lines
}

/// `  night  ━━━━━━━━━━━─────────  7/20  41%  3.1 jobs/min  eta 2m10s`
fn batch_bar(scene: &Scene<'_>) -> String {
    let (sight, look) = (scene.sight, scene.look);
    let parts = parts(sight);
    let whole: f64 = parts.iter().map(|part| part.0).sum();
    let mut facts =
        format!("{}/{}  {:>3.0}%", sight.done, sight.total, (whole * 100.0 + 1e-6).floor());
    let room = scene.cols.saturating_sub(1 + 2 + 2);
    let rate = scene.eta.per_minute().map(|rate| format!("  {}", pace(rate)));
    if let Some(rate) = rate.filter(|_| room >= 70) {
        facts += &rate;
    }
    if let Some(eta) = phrases::eta(scene.eta.batch(sight)) {
        facts += "  ";
        facts += &eta;
    }
    let name_width = measure_text_width(&look.line(&sight.batch)).min(24);
    let named = room >= 55;
    let name = if named { look.name(&sight.batch, name_width) + "  " } else { String::new() };
    let used = measure_text_width(&name) + measure_text_width(&facts);
    let bar = look.join(&look.bar(&parts, room.saturating_sub(used).min(40)));
    format!("  {}{bar}  {facts}", look.ink(Ink::Strong, &name))
}

/// What the bar of a batch is made of.
pub(super) fn parts(sight: &Sight) -> [(f64, Ink); 3] {
    let total = count(sight.total).max(1.0);
    let part = |jobs: f64, ink| (jobs / total, ink);
    [
        part(count(sight.done), Ink::Good),
        part(count(sight.dead + sight.cancelled), Ink::Bad),
        part(sight.running.iter().map(share).sum(), Ink::Busy),
    ]
}

/// `  5 running · 0.041230 USD · 12 calls out · 1m02s`, what matters most first; what does not fit
/// is left out, so that the frame keeps its height.
fn facts(scene: &Scene<'_>) -> Vec<String> {
    let sight = scene.sight;
    let mut facts = vec![];
    let mut tell = |n: u64, what: &str, ink| {
        if n > 0 {
            facts.push((format!("{n} {what}"), ink));
        }
    };
    tell(sight.running.len() as u64, "running", Ink::Faint);
    tell(sight.waiting, "waiting", Ink::Care);
    tell(sight.dead, "dead", Ink::Bad);
    tell(sight.cancelled, "cancelled", Ink::Bad);
    let cost = money(sight.cost, sight.cost_unknown);
    let cost = if cost == "unknown" { "cost unknown".to_owned() } else { cost };
    facts.push((cost, Ink::Faint));
    if sight.rehearsal {
        facts.push(("rehearsal".to_owned(), Ink::Care));
    }
    facts.push((counted(sight.calls_out as u64, "call") + " out", Ink::Faint));
    facts.push((clock(scene.elapsed), Ink::Faint));
    let mut lines = wrap(&facts, scene.cols.saturating_sub(3), scene.look);
    lines.truncate(if scene.cols >= COLS_WIDE { 1 } else { 2 });
    lines
}

/// Joins what belongs together with dots, line by line.
fn wrap(facts: &[(String, Ink)], width: usize, look: Look) -> Vec<String> {
    let dot = look.glyphs().dot;
    let (mut lines, mut used) = (vec![String::from("  ")], 0);
    for (fact, ink) in facts {
        let wide = measure_text_width(fact);
        if used > 0 && used + measure_text_width(dot) + wide > width {
            lines.push(String::from("  "));
            used = 0;
        }
        let line = lines.last_mut().expect("there is always a last line");
        if used > 0 {
            *line += &look.ink(Ink::Faint, dot);
            used += measure_text_width(dot);
        }
        *line += &look.ink(*ink, fact);
        used += wide;
    }
    lines
}

/// The newest words between two empty lines; their end matters, so it is what fits.
fn words(scene: &Scene<'_>) -> Vec<String> {
    let Some(spoken) = &scene.sight.spoken else { return vec![String::new()] };
    let look = scene.look;
    let said = phrases::newest_words(spoken, scene.cols.saturating_sub(3), look);
    vec![String::new(), format!("  {}", look.ink(Ink::Faint, &said)), String::new()]
}

fn holds(scene: &Scene<'_>) -> impl Iterator<Item = String> {
    let look = scene.look;
    let line = move |hold| format!("  {}", look.ink(Ink::Care, &phrases::hold(hold, look)));
    scene.sight.holds.iter().take(HOLDS_MAX).map(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cost::MicroUsd;
    use crate::domain::job::Progress;
    use crate::watch::Hold;
    use proptest::prelude::*;

    const PLAIN: Look = Look { color: false, utf8: true };
    const ASCII: Look = Look { color: false, utf8: false };

    fn job(index: u32, name: &str, stage: &str, seat: &str) -> RunningJob {
        let done = index * 7 % 39;
        RunningJob {
            job: index.to_string(),
            name: name.to_owned(),
            progress: Progress { stage: stage.into(), seat: seat.into(), done, expected: 38 },
            elapsed: Duration::from_secs(u64::from(index) * 23),
            ..RunningJob::default()
        }
    }

    fn night() -> Sight {
        Sight {
            batch: "night".into(),
            rehearsal: true,
            total: 200,
            done: 71,
            dead: 3,
            waiting: 1,
            calls_out: 12,
            cost: MicroUsd(41_230),
            running: vec![
                job(1, "butterfly.png", "discuss", "craftsman"),
                job(2, "工艺美术 第二册 第十七页.bmp", "rediscuss", "manufacturer"),
                job(3, "a-name-that-a-camera-chose-0001.jpeg", "cluster", ""),
                job(4, "two\nlines\u{1b}[2J.png", "vote", "consumer 2"),
                job(5, "moon.gif", "illustrate", ""),
            ],
            holds: vec![Hold {
                resource: "provider:openrouter".into(),
                reason: "the quota is used up".into(),
                left: Some(Duration::from_secs(130)),
            }],
            ..Sight::default()
        }
    }

    fn draw(sight: &Sight, rows: usize, cols: usize, look: Look) -> Vec<String> {
        let mut eta = Eta::default();
        eta.observe(&Sight { done: sight.done / 2, ..sight.clone() }, Duration::ZERO);
        eta.observe(sight, Duration::from_mins(10));
        eta.finished(Duration::from_secs(140));
        let jobs: Vec<&RunningJob> = sight.running.iter().collect();
        let elapsed = Duration::from_mins(10);
        frame(&Scene { sight, jobs: &jobs, eta: &eta, elapsed, rows, cols, look })
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        insta::assert_snapshot!(draw(&night(), 30, 100, PLAIN).join("\n"), @r#"
        butterfly.png            ━━━──────────────  discuss · craftsman          7/38     23s   eta 1m46s
        工艺美术 第…十七页.bmp   ━━━━━━───────────  rediscuss · manufacturer    14/38     46s   eta 1m22s
        a-name-that…e-0001.jpeg  ━━━━━━━━━────────  cluster                     21/38   1m09s     eta 59s
        two lines�[2J.png        ━━━━━━━━━━━━╸────  vote · consumer 2           28/38   1m32s     eta 35s
        moon.gif                 ━━━━━━━━━━━━━━━╸─  illustrate                  35/38   1m55s     eta 12s

        night  ━━━━━━━━━━━━━━━─────────────────────────  71/200   38%  3.6 jobs/min  eta 53m54s
        5 running · 1 waiting · 3 dead · 0.041230 USD · rehearsal · 12 calls out · 10m00s
        ! provider:openrouter: the quota is used up, 2m10s left
        "#);
    }

    #[test]
    fn a_terminal_of_the_usual_size_shows_everything_too() {
        insta::assert_snapshot!(draw(&night(), 24, 80, PLAIN).join("\n"), @r#"
        butterfly.png      ━─────  discuss · craftsman       7/38     23s   eta 1m46s
        工艺美术…七页.bmp  ━━────  rediscuss · manufact…    14/38     46s   eta 1m22s
        a-name-t…001.jpeg  ━━━───  cluster                  21/38   1m09s     eta 59s
        two lines�[2J.png  ━━━━──  vote · consumer 2        28/38   1m32s     eta 35s
        moon.gif           ━━━━━╸  illustrate               35/38   1m55s     eta 12s

        night  ━━━━━━━━━━━╸──────────────────  71/200   38%  3.6 jobs/min  eta 53m54s
        5 running · 1 waiting · 3 dead · 0.041230 USD · rehearsal · 12 calls out
        ! provider:openrouter: the quota is used up, 2m10s left
        "#);
    }

    #[test]
    fn a_small_terminal_shows_what_matters() {
        insta::assert_snapshot!(draw(&night(), 10, 40, PLAIN).join("\n"), @r#"
        butter…y.png  discuss · cra…     7/38
        工艺美….bmp   rediscuss · m…    14/38
        a-name….jpeg  cluster           21/38
        and 2 more
        ━━━━───────  71/200   38%  eta 53m54s
        5 running · 1 waiting · 3 dead
        0.041230 USD · rehearsal
        ! provider:openrouter: the quota is u
        "#);
    }

    #[test]
    fn a_terminal_without_utf8_shows_the_same_in_ascii() {
        let frame = draw(&night(), 24, 100, ASCII).join("\n");
        assert!(frame.is_ascii());
        insta::assert_snapshot!(frame, @r#"
        butterfly.png            ===..............  discuss, craftsman           7/38     23s   eta 1m46s
        ???? ??? ????.bmp        ======...........  rediscuss, manufacturer     14/38     46s   eta 1m22s
        a-name-that..-0001.jpeg  =========........  cluster                     21/38   1m09s     eta 59s
        two lines?[2J.png        ============-....  vote, consumer 2            28/38   1m32s     eta 35s
        moon.gif                 ===============-.  illustrate                  35/38   1m55s     eta 12s

        night  ===============.........................  71/200   38%  3.6 jobs/min  eta 53m54s
        5 running, 1 waiting, 3 dead, 0.041230 USD, rehearsal, 12 calls out, 10m00s
        ! provider:openrouter: the quota is used up, 2m10s left
        "#);
    }

    #[test]
    fn more_jobs_than_anybody_reads_are_counted() {
        let mut sight = night();
        sight.running = (1..=40).map(|n| job(n, "moon.gif", "story", "designer")).collect();
        let check = |rows, shown, more: &str| {
            let frame = draw(&sight, rows, 100, PLAIN);
            let jobs = frame.iter().filter(|line| line.contains("moon.gif")).count();
            assert_eq!(jobs, shown, "{rows} rows");
            assert!(frame.iter().any(|line| line == more), "{rows} rows: {frame:?}");
        };
        check(60, 21, "  and 19 more");
        check(30, 21, "  and 19 more");
        check(24, 15, "  and 25 more");
        check(12, 6, "  and 34 more");
    }

    proptest! {
        #[test]
        fn a_frame_is_always_smaller_than_its_terminal(
            rows in 1..60usize, cols in 1..220usize, jobs in 0..50u32, color: bool, utf8: bool,
        ) {
            let mut sight = night();
            sight.running = (0..jobs).map(|n| job(n, "蝴蝶在花园里飞舞的剪纸.png", "story", "designer")).collect();
            let frame = draw(&sight, rows, cols, Look { color, utf8 });
            prop_assert!(frame.len() < rows);
            for line in &frame {
                prop_assert!(measure_text_width(line) < cols, "{line}");
                prop_assert!(color || !line.contains('\x1b'));
                prop_assert!(utf8 || line.is_ascii());
            }
        }
    }
}
