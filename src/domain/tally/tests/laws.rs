//! Laws that hold for every vote.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A vote as the reader may hand it over, with abstentions, blanks, own cards, unknown and doubled
/// ids.
#[derive(Debug, Clone)]
struct Vote {
    candidates: Vec<Candidate>,
    ballots: Vec<Ballot>,
}

fn any_vote() -> impl Strategy<Value = Vote> {
    (1_usize..7, 0_usize..8).prop_flat_map(|(candidates, seats)| {
        let owner = prop::option::of(0..8_usize);
        (
            prop::collection::vec(owner, candidates),
            prop::collection::vec(any_ballot(candidates), seats),
        )
            .prop_map(|(owners, ballots)| Vote {
                candidates: owners.into_iter().enumerate().map(owned_card).collect(),
                ballots: ballots
                    .into_iter()
                    .enumerate()
                    .map(|(seat, ballot)| Ballot { seat: format!("seat_{seat}"), ..ballot })
                    .collect(),
            })
    })
}

fn owned_card((index, owner): (usize, Option<usize>)) -> Candidate {
    let own_seats = owner.map(|seat| format!("seat_{seat}")).into_iter().collect();
    Candidate { id: format!("c{index}"), label: format!("card {index}"), own_seats }
}

fn any_ballot(candidates: usize) -> impl Strategy<Value = Ballot> {
    // One id more than there are candidates: nobody knows the last.
    let id = (0..=candidates).prop_map(|index| format!("c{index}"));
    let status = prop_oneof![
        4 => Just(BallotStatus::Valid),
        1 => Just(BallotStatus::Reasked),
        1 => Just(BallotStatus::Abstained),
    ];
    let ids = prop::collection::vec(id, 0..=candidates + 1);
    (status, ids.clone(), ids).prop_map(|(status, approved, ranking)| Ballot {
        status,
        approved,
        ranking,
        ..ballot(0, &[], &[])
    })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    prop::sample::select(Rule::ALL.to_vec())
}

fn any_options() -> impl Strategy<Value = Options> {
    let share = || (0..=1000_u16).prop_map(Share::of_thousandths);
    (share(), prop::option::of(share()), 0..8_usize)
        .prop_map(|(quorum, threshold, keep_max)| Options { quorum, threshold, keep_max })
}

/// Full rankings of all candidates, none of them anybody's own.
fn any_full_rankings() -> impl Strategy<Value = Vote> {
    (2_usize..6, 1_usize..10).prop_flat_map(|(candidates, seats)| {
        let ids: Vec<String> = (0..candidates).map(|index| format!("c{index}")).collect();
        prop::collection::vec(Just(ids).prop_shuffle(), seats).prop_map(move |rankings| Vote {
            candidates: (0..candidates).map(|index| owned_card((index, None))).collect(),
            ballots: rankings
                .into_iter()
                .enumerate()
                .map(|(seat, ranking)| Ballot { ranking, ..ballot(seat, &[], &[]) })
                .collect(),
        })
    })
}

/// The ids a ballot names that count, each once: a second reading, independent of `poll`.
fn counted<'a>(vote: &'a Vote, ballot: &'a Ballot, ids: &'a [String]) -> Vec<&'a str> {
    let mut counted: Vec<&str> = Vec::new();
    for id in ids {
        let known = vote.candidates.iter().find(|candidate| candidate.id == *id);
        let is_votable = known.is_some_and(|known| !known.own_seats.contains(&ballot.seat));
        if is_votable && ballot.status != BallotStatus::Abstained && !counted.contains(&id.as_str())
        {
            counted.push(id);
        }
    }
    counted
}

/// Whether more than half of all ballots rank `a` before `b`.
fn beats(vote: &Vote, a: &str, b: &str) -> bool {
    let position = |ballot: &Ballot, id: &str| ballot.ranking.iter().position(|other| other == id);
    let wins = vote.ballots.iter().filter(|ballot| position(ballot, a) < position(ballot, b));
    2 * wins.count() > vote.ballots.len()
}

/// Candidates in the order of the tie-break: a vote in which all scores are equal shows it.
fn tie_break_order(vote: &Vote) -> Vec<String> {
    let unapproved: Vec<Ballot> = vote
        .ballots
        .iter()
        .map(|ballot| Ballot { approved: Vec::new(), ..ballot.clone() })
        .collect();
    let tally = count(Rule::Approval, &vote.candidates, &unapproved, &one_winner());
    tally.standings.into_iter().map(|standing| standing.id).collect()
}

/// Ballots that place `a` before `b`, of those that may rank both.
fn duel(vote: &Vote, a: &str, b: &str) -> usize {
    let places_before = |ballot: &&Ballot| {
        let may_rank = |id: &str| {
            let candidate = vote.candidates.iter().find(|candidate| candidate.id == id);
            !candidate.unwrap().own_seats.contains(&ballot.seat)
        };
        let ranking = counted(vote, ballot, &ballot.ranking);
        let place = |id: &str| ranking.iter().position(|other| *other == id).unwrap_or(usize::MAX);
        may_rank(a) && may_rank(b) && place(a) < place(b)
    };
    vote.ballots.iter().filter(places_before).count()
}

/// The candidates that can be reached from `start` along `edges`.
fn reachable<'a>(edges: &[(&'a str, &'a str)], start: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(from) = open.pop() {
        let next = edges.iter().filter(|(winner, _)| *winner == from).map(|(_, loser)| *loser);
        open.extend(next.filter(|loser| reached.insert(*loser)));
    }
    reached
}

fn total(tally: &Tally) -> usize {
    let count = |standing: &Standing| match standing.score {
        Score::Count(count) => count,
        Score::Share(share) => panic!("{share} is no count"),
    };
    tally.standings.iter().map(count).sum()
}

proptest! {
    #[test]
    fn every_vote_has_one_result_of_one_shape(
        vote in any_vote(), rule in any_rule(), options in any_options(), seed: u64,
    ) {
        let tally = tally(rule, &vote.candidates, &vote.ballots, &options, Seed::from(seed));
        let places: Vec<u32> = tally.standings.iter().map(|standing| standing.place).collect();
        prop_assert_eq!(places, (1..).take(vote.candidates.len()).collect::<Vec<u32>>());
        let ids: BTreeSet<&str> =
            tally.standings.iter().map(|standing| standing.id.as_str()).collect();
        prop_assert_eq!(ids.len(), vote.candidates.len());

        let kept = tally.kept().count();
        prop_assert_eq!(tally.outcome == TallyOutcome::Decided, kept > 0);
        prop_assert_eq!(tally.outcome == TallyOutcome::NoQuorum, !tally.quorum);
        prop_assert!(kept <= options.keep_max);
        prop_assert!(tally.standings.iter().take(kept).all(|standing| standing.kept));
    }

    #[test]
    fn approvals_are_conserved(vote in any_vote()) {
        let given: usize = vote
            .ballots
            .iter()
            .map(|ballot| counted(&vote, ballot, &ballot.approved).len())
            .sum();
        let tally = count(Rule::Approval, &vote.candidates, &vote.ballots, &one_winner());
        prop_assert_eq!(total(&tally), given);
    }

    #[test]
    fn a_ballot_gives_at_most_one_first_place(vote in any_vote()) {
        let ranked = vote
            .ballots
            .iter()
            .filter(|ballot| !counted(&vote, ballot, &ballot.ranking).is_empty())
            .count();
        let tally = count(Rule::Plurality, &vote.candidates, &vote.ballots, &one_winner());
        prop_assert_eq!(total(&tally), ranked);
    }

    /// What a stranger does with votes.csv: points by position, the rest shared, own cards left
    /// out.
    #[test]
    fn borda_can_be_recomputed_from_the_votes(vote in any_vote()) {
        let mut won_and_of: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for ballot in vote.ballots.iter().filter(|ballot| ballot.status.is_counted()) {
            let own = |candidate: &&Candidate| candidate.own_seats.contains(&ballot.seat);
            let votable: Vec<&Candidate> =
                vote.candidates.iter().filter(|candidate| !own(candidate)).collect();
            let ranking = counted(&vote, ballot, &ballot.ranking);
            let number = |count: usize| f64::from(u32::try_from(count).unwrap());
            let most = number(votable.len()) - 1.0;
            let unranked = number(votable.len() - ranking.len());
            for candidate in &votable {
                let position = ranking.iter().position(|id| *id == candidate.id);
                let won = position
                    .map_or((unranked - 1.0) / 2.0, |position| most - number(position));
                let sums = won_and_of.entry(&candidate.id).or_default();
                *sums = (sums.0 + won, sums.1 + most);
            }
        }
        let tally = count(Rule::Borda, &vote.candidates, &vote.ballots, &one_winner());
        for Standing { id, score, .. } in &tally.standings {
            let (won, of) = won_and_of.get(id.as_str()).copied().unwrap_or_default();
            let expected = if of > 0.0 { won / of } else { 0.0 };
            let score: f64 = score.to_string().parse().unwrap();
            prop_assert!((score - expected).abs() < 0.000_001, "{} {} {}", id, score, expected);
        }
    }

    #[test]
    fn the_order_of_ballots_and_candidates_does_not_matter(
        (vote, shuffled) in any_vote().prop_flat_map(|vote| {
            let candidates = Just(vote.candidates.clone()).prop_shuffle();
            let ballots = Just(vote.ballots.clone()).prop_shuffle();
            let shuffled = (candidates, ballots)
                .prop_map(|(candidates, ballots)| Vote { candidates, ballots });
            (Just(vote), shuffled)
        }),
        rule in any_rule(),
    ) {
        prop_assert_eq!(
            count(rule, &vote.candidates, &vote.ballots, &keywords(3)),
            count(rule, &shuffled.candidates, &shuffled.ballots, &keywords(3))
        );
    }

    #[test]
    fn what_an_abstention_holds_is_never_counted(vote in any_vote(), rule in any_rule()) {
        let blank = |ballot: &Ballot| match ballot.status {
            BallotStatus::Valid | BallotStatus::Reasked => ballot.clone(),
            BallotStatus::Abstained => {
                Ballot { approved: Vec::new(), ranking: Vec::new(), ..ballot.clone() }
            }
        };
        let blanked: Vec<Ballot> = vote.ballots.iter().map(blank).collect();
        prop_assert_eq!(
            count(rule, &vote.candidates, &vote.ballots, &one_winner()),
            count(rule, &vote.candidates, &blanked, &one_winner())
        );
    }

    #[test]
    fn a_card_gains_nothing_from_its_owner(vote in any_vote(), rule in any_rule()) {
        let praised = vote.ballots.iter().map(|ballot| {
            let own: Vec<String> = vote
                .candidates
                .iter()
                .filter(|candidate| candidate.own_seats.contains(&ballot.seat))
                .map(|candidate| candidate.id.clone())
                .collect();
            Ballot {
                approved: [own.clone(), ballot.approved.clone()].concat(),
                ranking: [own, ballot.ranking.clone()].concat(),
                ..ballot.clone()
            }
        });
        prop_assert_eq!(
            count(rule, &vote.candidates, &vote.ballots, &one_winner()),
            count(rule, &vote.candidates, &praised.collect::<Vec<_>>(), &one_winner())
        );
    }

    #[test]
    fn equal_scores_and_only_they_are_reported_as_ties(vote in any_vote(), rule in any_rule()) {
        let tally = count(rule, &vote.candidates, &vote.ballots, &one_winner());
        let scores: Vec<Score> = tally.standings.iter().map(|standing| standing.score).collect();
        for (index, standing) in tally.standings.iter().enumerate() {
            let equals = scores.iter().filter(|score| **score == standing.score).count();
            prop_assert_eq!(standing.tie_break.is_some(), equals > 1, "place {}", index + 1);
        }
    }

    #[test]
    fn ranked_pairs_puts_who_beats_all_first_and_who_loses_to_all_last(
        vote in any_full_rankings(),
    ) {
        let tally = count(Rule::RankedPairs, &vote.candidates, &vote.ballots, &one_winner());
        let ids = || vote.candidates.iter().map(|candidate| candidate.id.as_str());
        if let Some(winner) = ids().find(|a| ids().all(|b| *a == b || beats(&vote, a, b))) {
            let first = tally.standings.first().unwrap();
            prop_assert_eq!(&first.id, winner);
            prop_assert_eq!(first.score, Score::Count(vote.candidates.len() - 1));
            prop_assert_eq!(first.tie_break, None);
        }
        if let Some(loser) = ids().find(|a| ids().all(|b| *a == b || beats(&vote, b, a))) {
            let last = tally.standings.last().unwrap();
            prop_assert_eq!(&last.id, loser);
            prop_assert_eq!(last.score, Score::Count(0));
            prop_assert_eq!(last.tie_break, None);
        }
    }

    /// The same count in other words: a list of edges, walked anew for every pair.
    #[test]
    fn ranked_pairs_locks_the_clearest_duels_that_close_no_circle(vote in any_vote()) {
        let order = tie_break_order(&vote);
        let mut duels = Vec::new();
        for (winner_place, winner) in order.iter().enumerate() {
            for loser in &order {
                let (won, lost) = (duel(&vote, winner, loser), duel(&vote, loser, winner));
                if won > lost {
                    let clearest_first = (Reverse(won - lost), Reverse(won), winner_place);
                    duels.push((clearest_first, winner.as_str(), loser.as_str()));
                }
            }
        }
        duels.sort();
        let mut locked = Vec::new();
        for (_, winner, loser) in duels {
            if !reachable(&locked, loser).contains(winner) {
                locked.push((winner, loser));
            }
        }
        let tally = count(Rule::RankedPairs, &vote.candidates, &vote.ballots, &one_winner());
        for Standing { id, score, .. } in &tally.standings {
            prop_assert_eq!(*score, Score::Count(reachable(&locked, id).len()), "{}", id);
        }
    }

    /// The same count in other words: rebuild the ballots without the weakest, and start again.
    #[test]
    fn the_instant_runoff_is_a_plurality_vote_repeated_without_the_weakest(vote in any_vote()) {
        let rules = |rule, vote: &Vote| {
            count(rule, &vote.candidates, &vote.ballots, &one_winner()).standings
        };
        let mut rest = vote.clone();
        for last in rules(Rule::InstantRunoff, &vote).into_iter().rev() {
            let round = rules(Rule::Plurality, &rest);
            let votes = |standing: &Standing| standing.score.to_string().parse::<usize>().unwrap();
            let cast: usize = round.iter().map(votes).sum();
            if 2 * votes(&round[0]) > cast {
                prop_assert_eq!(&rules(Rule::InstantRunoff, &vote)[0].id, &round[0].id);
                break;
            }
            let weakest = votes(round.last().unwrap());
            let lasts: Vec<&Standing> =
                round.iter().filter(|standing| votes(standing) == weakest).collect();
            prop_assert!(lasts.iter().any(|standing| standing.id == last.id));
            prop_assert_eq!(last.score, Score::Count(weakest));
            rest.candidates.retain(|candidate| candidate.id != last.id);
        }
    }

    #[test]
    fn a_majority_of_first_places_wins_the_instant_runoff_at_once(vote in any_full_rankings()) {
        let firsts =
            |id: &str| vote.ballots.iter().filter(|ballot| ballot.ranking[0] == id).count();
        let majority =
            vote.candidates.iter().find(|candidate| 2 * firsts(&candidate.id) > vote.ballots.len());
        let tally = count(Rule::InstantRunoff, &vote.candidates, &vote.ballots, &one_winner());
        if let Some(majority) = majority {
            prop_assert_eq!(&tally.winner().unwrap().id, &majority.id);
            // At once: everybody still has the votes of the first round.
            for standing in &tally.standings {
                prop_assert_eq!(standing.score, Score::Count(firsts(&standing.id)));
            }
        }
    }

    #[test]
    fn every_rule_agrees_where_all_ballots_do(
        order in Just(strings(&["c0", "c1", "c2", "c3"])).prop_shuffle(),
        seats in 1_usize..7,
        rule in prop::sample::select(vec![Rule::Borda, Rule::RankedPairs]),
    ) {
        let ballots: Vec<Ballot> = (0..seats)
            .map(|seat| Ballot { ranking: order.clone(), ..ballot(seat, &[], &[]) })
            .collect();
        let candidates = open_candidates(&["c0", "c1", "c2", "c3"]);
        let tally = count(rule, &candidates, &ballots, &one_winner());
        let places: Vec<String> =
            tally.standings.into_iter().map(|standing| standing.id).collect();
        prop_assert_eq!(places, order);
    }
}
