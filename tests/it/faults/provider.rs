//! A provider that is slow, busy, broken, silent or cut off.

use super::scene::{PATIENCE, Scene, Store, ended};
use super::{Line, is_long, seeds};
use crate::support::provider_server::{Manner, Mischief};

pub(super) fn f10_whatever_the_provider_does_the_results_are_the_same_and_no_answer_is_asked_for_again(
    store: Store,
) {
    let mut line = Line::default();
    for seed in seeds() {
        let mut mischiefs = vec![
            Mischief::Slow,
            Mischief::Busy(1),
            Mischief::Broken,
            Mischief::HalfAnswer,
            Mischief::AnswersThenCuts,
        ];
        if is_long() {
            // Costs the whole patience with a first word: two minutes.
            mischiefs.push(Mischief::Hang);
        }
        let scene = Scene::new(
            store,
            8,
            Manner { mischiefs: mischiefs.clone(), seed, ..Manner::after(5, 30) },
        );
        let calm = scene.calm();
        scene.enqueue();
        assert!(ended(scene.hire(None), PATIENCE * 4).success(), "{}", scene.words());
        let seen = scene.server.seen();
        for mischief in mischiefs {
            assert!(
                seen.iter().any(|seen| seen.mischief == Some(mischief)),
                "{mischief:?} never came"
            );
        }
        scene.settle(&calm, &mut line);
    }
    line.print(
        store,
        if is_long() {
            "F10 provider slow, hung, busy, broken, cut"
        } else {
            "F10 provider slow, busy, broken, cut (hung: only with --long)"
        },
    );
    assert_eq!(line.repeated, 0, "an answer that came is never asked for again");
}
