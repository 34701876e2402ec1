//! Votes whose outcome is known. The laws that hold for every vote are in `laws`.

mod laws;

use super::*;
use crate::domain::{ballot::BallotStatus, share::Share};

const SEED: u64 = 11;

fn strings(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn candidate(id: &str, own_seats: &[&str]) -> Candidate {
    Candidate { id: id.to_owned(), label: format!("card {id}"), own_seats: strings(own_seats) }
}

fn open_candidates(ids: &[&str]) -> Vec<Candidate> {
    ids.iter().map(|id| candidate(id, &[])).collect()
}

fn ballot(seat: usize, approved: &[&str], ranking: &[&str]) -> Ballot {
    Ballot {
        seat: format!("seat_{seat}"),
        role: "consumer".to_owned(),
        status: BallotStatus::Valid,
        shown: Vec::new(),
        approved: strings(approved),
        ranking: strings(ranking),
    }
}

fn abstention(seat: usize) -> Ballot {
    Ballot { status: BallotStatus::Abstained, ..ballot(seat, &[], &[]) }
}

/// `("3", "a b c")` is three ballots that rank a, then b, then c.
fn rankings(groups: &[(usize, &str)]) -> Vec<Ballot> {
    groups
        .iter()
        .flat_map(|(times, ranking)| std::iter::repeat_n(ranking, *times))
        .enumerate()
        .map(|(seat, ranking)| ballot(seat, &[], &ranking.split(' ').collect::<Vec<_>>()))
        .collect()
}

fn one_winner() -> Options {
    Options { quorum: Share::of_thousandths(500), threshold: None, keep_max: 1 }
}

fn keywords(keep_max: usize) -> Options {
    Options { threshold: Some(Share::of_thousandths(600)), keep_max, ..one_winner() }
}

fn count(rule: Rule, candidates: &[Candidate], ballots: &[Ballot], options: &Options) -> Tally {
    tally(rule, candidates, ballots, options, Seed::from(SEED))
}

/// `id=score` by place.
fn places(tally: &Tally) -> String {
    let standings = tally.standings.iter();
    let words: Vec<String> =
        standings.map(|standing| format!("{}={}", standing.id, standing.score)).collect();
    words.join(" ")
}

/// Tennessee's four cities choose a capital: each rule has its own answer, known from the
/// literature.
#[test]
fn each_rule_elects_its_own_capital() {
    let cities = open_candidates(&["memphis", "nashville", "chattanooga", "knoxville"]);
    let ballots = rankings(&[
        (42, "memphis nashville chattanooga knoxville"),
        (26, "nashville chattanooga knoxville memphis"),
        (15, "chattanooga knoxville nashville memphis"),
        (17, "knoxville chattanooga nashville memphis"),
    ]);
    let check = |rule, expected: &str| {
        assert_eq!(places(&count(rule, &cities, &ballots, &one_winner())), expected, "{rule}");
    };
    check(Rule::Plurality, "memphis=42 nashville=26 knoxville=17 chattanooga=15");
    // Borda's sums are 194, 173, 126 and 107 of 300.
    check(
        Rule::Borda,
        "nashville=0.646667 chattanooga=0.576667 memphis=0.420000 knoxville=0.356667",
    );
    check(Rule::InstantRunoff, "knoxville=58 memphis=42 nashville=26 chattanooga=15");
    check(Rule::RankedPairs, "nashville=3 chattanooga=2 knoxville=1 memphis=0");
}

#[test]
fn ranked_pairs_gives_up_the_weakest_side_of_a_circle() {
    let ballots = rankings(&[(7, "a b c"), (5, "b c a"), (4, "c a b")]);
    // a beats b 11:5, b beats c 12:4, c beats a 9:7: the last is not locked.
    let tally =
        count(Rule::RankedPairs, &open_candidates(&["a", "b", "c"]), &ballots, &one_winner());
    assert_eq!(places(&tally), "a=2 b=1 c=0");
}

#[test]
fn a_ballot_whose_candidates_are_out_is_exhausted() {
    let ballots = rankings(&[(3, "a"), (2, "b"), (1, "c b"), (1, "d")]);
    // d or c leaves first; then b has 3 of 6 and no majority, then the tie-break looks at first
    // places.
    let tally = count(
        Rule::InstantRunoff,
        &open_candidates(&["a", "b", "c", "d"]),
        &ballots,
        &one_winner(),
    );
    assert_eq!(tally.winner().unwrap().id, "a");
    assert_eq!(tally.standings[0].tie_break, Some(TieBreak::FirstPlaces));
    assert_eq!(tally.standings[1].tie_break, Some(TieBreak::FirstPlaces));
}

#[test]
fn a_keyword_is_kept_from_the_threshold_up() {
    let words = open_candidates(&["k1", "k2", "k3", "k4"]);
    let ballots = [
        ballot(0, &["k1", "k2", "k3"], &[]),
        ballot(1, &["k1", "k2", "k3"], &[]),
        ballot(2, &["k1", "k2"], &[]),
        ballot(3, &["k1", "k2"], &[]),
        ballot(4, &["k1"], &[]),
        abstention(5),
    ];
    let tally = count(Rule::Approval, &words, &ballots, &keywords(10));
    assert_eq!((tally.seats, tally.ballots_valid, tally.threshold), (6, 5, Some(3)));
    assert_eq!(tally.outcome, TallyOutcome::Decided);
    assert_eq!(places(&tally), "k1=5 k2=4 k3=2 k4=0");
    assert_eq!(tally.kept().map(|kept| kept.id.as_str()).collect::<Vec<_>>(), ["k1", "k2"]);

    let cut = count(Rule::Approval, &words, &ballots, &keywords(1));
    assert_eq!(cut.kept().map(|kept| kept.id.as_str()).collect::<Vec<_>>(), ["k1"]);
}

#[test]
fn without_agreement_places_are_stated_and_nothing_is_kept() {
    let words = open_candidates(&["k1", "k2", "k3"]);
    let ballots = [ballot(0, &["k1"], &[]), ballot(1, &["k2"], &[]), ballot(2, &["k1"], &[])];
    let strict = Options { threshold: Some(Share::of_thousandths(700)), ..keywords(10) };
    let tally = count(Rule::Approval, &words, &ballots, &strict);
    assert_eq!(tally.outcome, TallyOutcome::NoneReachedThreshold);
    assert_eq!(tally.winner(), None);
    assert_eq!(places(&tally), "k1=2 k2=1 k3=0");
}

#[test]
fn below_the_quorum_nobody_wins() {
    let words = open_candidates(&["k1", "k2"]);
    let check = |valid: usize, abstained: usize, expected| {
        let ballots: Vec<Ballot> = (0..valid)
            .map(|seat| ballot(seat, &["k1"], &["k1"]))
            .chain((valid..valid + abstained).map(abstention))
            .collect();
        for rule in Rule::ALL {
            let tally = count(rule, &words, &ballots, &one_winner());
            assert_eq!(tally.outcome, expected, "{rule}, {valid} of {}", valid + abstained);
            assert_eq!(tally.quorum, expected == TallyOutcome::Decided);
            assert_eq!(tally.winner().is_some(), tally.quorum);
        }
    };
    check(3, 3, TallyOutcome::Decided);
    check(2, 3, TallyOutcome::NoQuorum);
    check(3, 2, TallyOutcome::Decided);
    check(0, 6, TallyOutcome::NoQuorum);
    check(0, 0, TallyOutcome::NoQuorum);
}

#[test]
fn nobody_wins_a_vote_in_which_nobody_said_anything() {
    let anything = Options {
        quorum: Share::of_thousandths(0),
        threshold: Some(Share::of_thousandths(0)),
        keep_max: 5,
    };
    let words = open_candidates(&["k1", "k2"]);
    for rule in Rule::ALL {
        assert_eq!(count(rule, &words, &[], &anything).outcome, TallyOutcome::NoQuorum);
        let silent = count(rule, &words, &[ballot(0, &[], &[])], &anything);
        assert_eq!(silent.outcome, TallyOutcome::NoneReachedThreshold, "{rule}");
        assert_eq!(silent.winner(), None);
    }
}

#[test]
fn what_broke_a_tie_is_stated_on_both_sides() {
    let check = |ballots: &[Ballot], expected: &str| {
        let words = open_candidates(&["a", "b", "c"]);
        let standings = count(Rule::Approval, &words, ballots, &one_winner()).standings;
        let found: Vec<String> = standings
            .iter()
            .map(|Standing { id, tie_break, .. }| match tie_break {
                Some(tie_break) => format!("{id}:{tie_break}"),
                None => id.clone(),
            })
            .collect();
        assert_eq!(found.join(" "), expected);
    };
    let all = &["a", "b", "c"];
    check(&[ballot(0, &["a", "b"], &[]), ballot(1, &["a"], &[])], "a b c");
    check(&[ballot(0, &["a", "b"], &[])], "b:seeded_draw a:seeded_draw c");
    check(
        &[ballot(0, all, &["b", "c", "a"])],
        "b:first_places c:average_position a:average_position",
    );
    check(
        &[ballot(0, all, &["a", "c", "b"]), ballot(1, all, &["b", "c", "a"])],
        "b:seeded_draw a:seeded_draw c:first_places",
    );
    check(&[ballot(0, all, &["b"])], "b:first_places a:seeded_draw c:seeded_draw");
}

/// The draw is a function of the seed and the label, computed outside this program.
#[test]
fn the_seed_draws_between_equals_the_same_way_for_ever() {
    let words = open_candidates(&["a", "b", "c", "d", "e"]);
    let drawn = |rule| places(&count(rule, &words, &[ballot(0, &[], &[])], &one_winner()));
    for rule in [Rule::Approval, Rule::Plurality, Rule::InstantRunoff, Rule::RankedPairs] {
        assert_eq!(drawn(rule), "d=0 b=0 a=0 e=0 c=0", "{rule}");
    }
}

#[test]
fn an_owner_has_no_say_in_the_duels_of_its_own_card() {
    let cards = [candidate("a", &["seat_0"]), candidate("b", &[])];
    let ballots = [ballot(0, &[], &["b"]), ballot(1, &[], &["a", "b"])];
    let tally = count(Rule::RankedPairs, &cards, &ballots, &one_winner());
    assert_eq!(places(&tally), "a=1 b=0");
}

#[test]
fn not_ranking_ones_own_card_is_neutral() {
    // Every seat has a card and all agree on a, then b, then c, then d.
    let cards = [
        candidate("a", &["seat_0"]),
        candidate("b", &["seat_1"]),
        candidate("c", &["seat_2"]),
        candidate("d", &["seat_3"]),
    ];
    let ballots = [
        ballot(0, &[], &["b", "c", "d"]),
        ballot(1, &[], &["a", "c", "d"]),
        ballot(2, &[], &["a", "b", "d"]),
        ballot(3, &[], &["a", "b", "c"]),
    ];
    let expected = "a=1.000000 b=0.666667 c=0.333333 d=0.000000";
    assert_eq!(places(&count(Rule::Borda, &cards, &ballots, &one_winner())), expected);
    // The owner of d abstains: that is no advantage to d.
    let ballots = [ballots[0].clone(), ballots[1].clone(), ballots[2].clone(), abstention(3)];
    let expected = "a=1.000000 b=0.750000 c=0.500000 d=0.000000";
    assert_eq!(places(&count(Rule::Borda, &cards, &ballots, &one_winner())), expected);
}

#[test]
fn a_tally_is_read_back_as_it_was_written() {
    let ballots = rankings(&[(2, "a b"), (1, "b a")]);
    for rule in Rule::ALL {
        let tally = count(rule, &open_candidates(&["a", "b"]), &ballots, &one_winner());
        let json = serde_json::to_string(&tally).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&json).unwrap(), tally, "{json}");
    }
}
