use super::*;
use crate::domain::cost::MicroUsd;
use crate::domain::job::Progress;
use crate::watch::glance::{BatchGlance, WorkerGlance};
use crate::watch::sight::{Hold, RunningJob, Sight};
use crate::watch::why::Reason;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

fn job(name: &str, stage: &str, seat: &str, done: u32) -> RunningJob {
    RunningJob {
        job: name.to_owned(),
        name: name.to_owned(),
        progress: Progress { stage: stage.into(), seat: seat.into(), done, expected: 38 },
        elapsed: Duration::from_secs(u64::from(done) * 3),
        worker: "host-7-a".into(),
        ..RunningJob::default()
    }
}

fn night() -> Board {
    let sight = Sight {
        batch: "night".into(),
        total: 200,
        done: 71,
        dead: 3,
        waiting: 1,
        cost: MicroUsd(41_230),
        running: vec![
            job("butterfly.png", "discuss", "craftsman", 7),
            job("蝴蝶在花园里飞舞的剪纸作品.png", "vote", "consumer 2", 28),
        ],
        ..Sight::default()
    };
    let batch = BatchGlance {
        queued: 123,
        calls: 2840,
        eta: Some(Duration::from_secs(3234)),
        per_minute: Some(2.3),
        projected: Some(MicroUsd(110_000)),
        last_error: Some("input.truncated: moon.gif ends early; mend the file".into()),
        why: vec![
            Reason {
                what: "1 job waits for the delay of a retry, the next in 20s".into(),
                until: None,
                holds_all: false,
            },
            Reason {
                what: "held up: provider.quota: the quota is used up (add credit, then \
                       `tableround resume night`)"
                    .into(),
                until: Some(130_000),
                holds_all: true,
            },
        ],
        sight,
        ..BatchGlance::default()
    };
    let worker = |pid, lost, silence| WorkerGlance {
        name: format!("host-{pid}-a"),
        host: "host".into(),
        pid,
        slots: 16,
        busy: 2,
        silence: Duration::from_secs(silence),
        lost,
    };
    let glance = Glance {
        now: 0,
        batches: vec![batch],
        workers: vec![worker(7, false, 2), worker(8, true, 75)],
        holds: vec![Hold {
            resource: "provider:deepseek".into(),
            reason: "auth.rejected: the key was refused (set another)".into(),
            left: Some(Duration::from_secs(130)),
        }],
    };
    let spoken = Spoken {
        job: "butterfly.png".into(),
        stage: "discuss".into(),
        seat: "craftsman".into(),
        tail: "The wings are cut from red paper, and 每一片翅膀都有花纹".into(),
    };
    Board {
        glance: Some(glance),
        spoken: Some((spoken, "butterfly.png".into())),
        lately: vec!["lantern.png: completed".into()],
        ..Board::new("data/tableround.db".into(), Look { color: false, utf8: true })
    }
}

fn drawn(board: &mut Board, rows: u16, cols: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(cols, rows)).unwrap();
    terminal.draw(|frame| board.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| {
        let mut text = String::new();
        let mut x = 0;
        while x < cols {
            let symbol = buffer[(x, y)].symbol();
            text += symbol;
            // The cell behind a wide character belongs to it.
            x += u16::try_from(measure_text_width(symbol)).unwrap().max(1);
        }
        text.trim_end().to_owned()
    };
    (0..rows).map(row).collect()
}

#[test]
fn a_wide_terminal_shows_everything() {
    insta::assert_snapshot!(drawn(&mut night(), 26, 100).join("\n"), @r"
     tableround  data/tableround.db

      night  ━━━━━━━━━━━━━━╸─────────────────────────  71/200   37%  2.3 jobs/min  eta 53m54s
        123 queued · 2 running · 1 waiting · 71 completed · 3 dead
        2840 calls · 0.041230 USD spent, about 0.110000 USD in all
        ! 1 job waits for the delay of a retry, the next in 20s
        ! held up: provider.quota: the quota is used up (add credit, then `tableround resume night`),
        2m10s left
        ✗ last error: input.truncated: moon.gif ends early; mend the file
        butterfly.png          ━━━──────────────  discuss · craftsman          7/38     21s   eta 1m33s
        蝴蝶在花园…纸作品.png  ━━━━━━━━━━━━╸────  vote · consumer 2           28/38   1m24s     eta 30s

      workers
        host 7  2 of 16 slots busy  heard 2s ago
        host 8  LOST: heard 1m15s ago; its jobs go to others

      held up besides
        ! provider:deepseek: auth.rejected: the key was refused (set another), 2m10s left

      lately
        lantern.png: completed

    ────────────────────────────────────────────────────────────────────────────────────────────────────
     butterfly.png · discuss
     craftsman: The wings are cut from red paper, and 每一片翅膀都有花纹
     q quit   j/k or arrows scroll   ? help
    ");
}

#[test]
fn a_small_terminal_shows_the_beginning_and_the_rest_can_be_scrolled_to() {
    let mut board = night();
    insta::assert_snapshot!(drawn(&mut board, 8, 44).join("\n"), @r"
    tableround  data/tableround.db

     night  ━━╸─────  71/200   37%  eta 53m54s
       123 queued · 2 running · 1 waiting · 71…
       2840 calls · 0.041230 USD spent, about
       0.110000 USD in all
       ! 1 job waits for the delay of a retry,
    20 more below  q quit   j/k or arrows scro…
    ");
    board.scroll = usize::MAX / 2;
    let end = drawn(&mut board, 8, 44);
    assert!(end.iter().any(|line| line.contains("lantern.png: completed")), "{end:#?}");
    assert!(board.scroll < 40, "it stops where the page ends");
}

#[test]
fn a_ledger_that_is_away_is_said_before_all_else_and_what_was_known_stays() {
    let mut board = night();
    board.away = Some(Duration::from_secs(12));
    let lines = drawn(&mut board, 24, 80);
    assert!(lines[0].contains("reconnecting to the ledger for 12s"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("butterfly.png")));
}

#[test]
fn help_is_a_key_away() {
    let mut board = night();
    board.help = true;
    let lines = drawn(&mut board, 24, 80);
    assert!(lines.iter().any(|line| line.contains("leave; what is watched goes on")));
    assert!(!lines.iter().any(|line| line.contains("night")));
}

#[test]
fn a_lost_worker_stands_out_and_colour_only_repeats_what_the_words_say() {
    let styles = |color| {
        let mut board = night();
        board.look.color = color;
        let mut terminal = Terminal::new(TestBackend::new(100, 26)).unwrap();
        terminal.draw(|frame| board.draw(frame)).unwrap();
        let cells = terminal.backend().buffer().content();
        cells.iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert!(styles(true) > 20);
    assert_eq!(styles(false), 0);
    let lines = drawn(&mut night(), 26, 100);
    assert!(lines.iter().any(|line| line.contains("host 8  LOST: heard 1m15s ago")), "{lines:#?}");
}

proptest! {
    #[test]
    fn any_terminal_can_be_drawn_on(
        rows in 1..60u16, cols in 1..220u16, scroll in 0..100usize, utf8: bool, help: bool,
    ) {
        let mut board = night();
        (board.scroll, board.help, board.look.utf8) = (scroll, help, utf8);
        let lines = drawn(&mut board, rows, cols);
        prop_assert_eq!(lines.len(), usize::from(rows));
        prop_assert!(utf8 || lines.iter().all(|line| line.is_ascii()), "{lines:#?}");
    }
}
