//! A discussion made of given words: what was said, what is missing, who voted how.

use super::{IMAGE, PICTURE, sha256};
use crate::domain::ballot::{Ballot, BallotStatus, Candidate, Options, Rule};
use crate::domain::keyword::{Cluster, Clustering, Mention, candidates};
use crate::domain::panel::switch_roles;
use crate::domain::result::{
    Card, Completeness, Generated, JobResult, KeywordRow, Missing, Picture, Poll, PollTally, Winner,
};
use crate::domain::seed::Seed;
use crate::domain::spec::Spec;
use crate::domain::tally::{Tally, tally};
use crate::domain::transcript::{Round, Stage, Transcript, Turn, TurnStatus};
use serde::Deserialize;

/// What is said in a sample; a file of `tests/fixtures/exports`.
#[derive(Deserialize)]
pub(super) struct Words {
    pub(super) topic: String,
    description: String,
    core_concept: String,
    seat: Vec<SeatWords>,
    cluster: Vec<Cluster>,
}

#[derive(Deserialize)]
struct SeatWords {
    introduction: String,
    story: String,
    discuss: String,
    rediscuss: String,
    form: String,
    elements: String,
    function: String,
    users: String,
    meaning: String,
    image_prompt: String,
    story_keywords: Vec<String>,
    discuss_keywords: Vec<String>,
    rediscuss_keywords: Vec<String>,
}

/// What these words come to under this spec: turns with gaps, keywords, votes, cards.
pub(super) fn result(words: &Words, spec: &Spec) -> JobResult {
    let seed = Seed::from(7);
    let seats = &spec.agenda.seats;
    let switch = switch_roles(seats, seed);
    let stages = transcript(words, spec);
    let mentions = mentions(words, spec);
    let (poll, count) = keyword_vote(&mentions, spec, seed);
    let clusters = clustering(words, &mentions);
    let keywords = keyword_rows(&mentions, &clusters, &poll, &count);
    let mut cards = cards(words, spec);
    let (card_poll, card_count) = card_vote(&cards, spec, seed);
    for card in &mut cards {
        let standing = card_count.standings.iter().find(|it| it.id == card.card_id);
        card.place = standing.map(|standing| standing.place);
    }
    let won = card_count.winner().unwrap().id.clone();
    let winner = cards.iter().find(|card| card.card_id == won).unwrap();
    JobResult {
        picture: Picture {
            sha256: sha256(PICTURE),
            width: 640,
            height: 480,
            mime: "image/jpeg".to_owned(),
            bytes: PICTURE.len() as u64,
        },
        description: words.description.trim().to_owned(),
        stages,
        keywords,
        clusters: Some(clusters),
        switch,
        winner: Some(Winner { seat: winner.seat.clone(), card_id: won }),
        generated: vec![Generated {
            sha256: sha256(IMAGE),
            mime: "image/png".to_owned(),
            prompt: winner.image_prompt.clone(),
            model: "painter-1".to_owned(),
            seed: 42,
        }],
        cards,
        ballots: vec![poll, card_poll],
        tallies: vec![
            PollTally { ballot: "keywords".to_owned(), tally: count },
            PollTally { ballot: "cards".to_owned(), tally: card_count },
        ],
        minutes: format!(
            "# Minutes\n\n- Topic: {}\n- Seats: 6\n\n## Picture\n\n> {}\n\n## Not obtained\n\n- Introductions\n",
            words.topic, words.description
        ),
        completeness: Completeness {
            expected: 44,
            obtained: 41,
            missing: vec![
                missing("introduce", "consumer-3", "unreadable"),
                missing("vote", "consumer-3", "unreadable"),
                missing("rediscuss", "consumer-3", "content_blocked"),
            ],
        },
    }
}

fn missing(stage: &str, seat: &str, reason: &str) -> Missing {
    Missing { stage: stage.to_owned(), seat: seat.to_owned(), reason: reason.to_owned() }
}

fn transcript(words: &Words, spec: &Spec) -> Transcript {
    let switch = switch_roles(&spec.agenda.seats, Seed::from(7));
    let stage = |stage: &str, text: fn(&SeatWords) -> &String| {
        let turns = spec.agenda.seats.iter().zip(&words.seat).zip(&switch);
        let turns = turns.map(|((seat, words), switch)| {
            let status = match (stage, seat.seat.as_str()) {
                ("introduce", "consumer-3") => TurnStatus::NotObtained,
                ("rediscuss", "consumer-3") => TurnStatus::Blocked,
                ("story", "consumer-2") => TurnStatus::Truncated,
                _ => TurnStatus::Spoken,
            };
            let heard = matches!(status, TurnStatus::Spoken | TurnStatus::Truncated);
            let role = if stage == "rediscuss" { &switch.to } else { &seat.role };
            let text = if heard { text(words).clone() } else { String::new() };
            Turn { seat: seat.seat.clone(), role: role.clone(), status, text }
        });
        Stage { stage: stage.to_owned(), rounds: vec![Round { round: 1, turns: turns.collect() }] }
    };
    Transcript {
        stages: vec![
            stage("introduce", |words| &words.introduction),
            stage("story", |words| &words.story),
            stage("discuss", |words| &words.discuss),
            stage("rediscuss", |words| &words.rediscuss),
        ],
    }
}

fn mentions(words: &Words, spec: &Spec) -> Vec<Mention> {
    let stage = |stage: &'static str, keywords: fn(&SeatWords) -> &Vec<String>| {
        let said = spec.agenda.seats.iter().zip(&words.seat);
        said.flat_map(move |(seat, words)| {
            keywords(words).iter().filter_map(move |word| Mention::new(stage, &seat.seat, word))
        })
    };
    stage("story", |words| &words.story_keywords)
        .chain(stage("discuss", |words| &words.discuss_keywords))
        .chain(stage("rediscuss", |words| &words.rediscuss_keywords))
        .collect()
}

fn keyword_vote(mentions: &[Mention], spec: &Spec, seed: Seed) -> (Poll, Tally) {
    let voted: Vec<Mention> =
        mentions.iter().filter(|mention| mention.stage != "rediscuss").cloned().collect();
    let candidates = candidates(&voted, spec.agenda.candidates_max, seed);
    let ids: Vec<String> = candidates.iter().map(|candidate| candidate.id.clone()).collect();
    let ballots = spec.agenda.seats.iter().enumerate().map(|(place, seat)| {
        let status = match seat.seat.as_str() {
            "consumer-3" => BallotStatus::Abstained,
            "manufacturer" => BallotStatus::Reasked,
            _ => BallotStatus::Valid,
        };
        let likes = |number: usize| number < 3 || (number + place).is_multiple_of(6);
        let approved = ids.iter().enumerate().filter(|(number, _)| {
            // The designer likes what nobody else does.
            if seat.seat == "designer" { number % 7 == 6 } else { likes(*number) }
        });
        let approved = approved.map(|(_, id)| id.clone()).take(5);
        Ballot {
            seat: seat.seat.clone(),
            role: seat.role.clone(),
            status,
            shown: seed.order(&seat.seat, ids.clone(), Clone::clone),
            approved: if status.is_counted() { approved.collect() } else { Vec::new() },
            ranking: Vec::new(),
        }
    });
    let ballots: Vec<Ballot> = ballots.collect();
    let options = Options {
        quorum: spec.agenda.quorum,
        threshold: Some(spec.agenda.voting_threshold),
        keep_max: spec.agenda.keywords_max,
    };
    let count = tally(Rule::Approval, &candidates, &ballots, &options, seed);
    let poll = Poll { ballot: "keywords".to_owned(), rule: Rule::Approval, candidates, ballots };
    (poll, count)
}

fn card_vote(cards: &[Card], spec: &Spec, seed: Seed) -> (Poll, Tally) {
    let mut candidates: Vec<Candidate> = cards
        .iter()
        .map(|card| Candidate {
            id: card.card_id.clone(),
            label: card.form.clone(),
            own_seats: vec![card.seat.clone()],
        })
        .collect();
    candidates.sort_by(|a, b| a.id.cmp(&b.id));
    let orders: [&[&str]; 6] = [
        &["c4", "c2", "c6", "c5", "c3"],
        &["c4", "c6", "c1", "c2", "c3"],
        &["c2", "c4", "c6", "c5", "c1"],
        &["c2", "c6"],
        &["c4", "c1", "c6", "c3", "c5"],
        &["c2", "c4", "c1", "c5", "c3"],
    ];
    let ballots = spec.agenda.seats.iter().zip(orders).map(|(seat, order)| {
        let own =
            |id: &&&str| cards.iter().any(|card| card.seat == seat.seat && card.card_id == **id);
        let ranking: Vec<String> =
            order.iter().filter(|id| !own(id)).map(|id| (*id).to_owned()).collect();
        let status =
            if seat.seat == "designer" { BallotStatus::Reasked } else { BallotStatus::Valid };
        let shown = cards.iter().filter(|card| card.seat != seat.seat);
        let shown: Vec<String> = shown.map(|card| card.card_id.clone()).collect();
        Ballot {
            seat: seat.seat.clone(),
            role: seat.role.clone(),
            status,
            shown: seed.order(&seat.seat, shown, Clone::clone),
            approved: Vec::new(),
            ranking,
        }
    });
    let ballots: Vec<Ballot> = ballots.collect();
    let options = Options { quorum: spec.agenda.quorum, threshold: None, keep_max: 1 };
    let count = tally(Rule::Borda, &candidates, &ballots, &options, seed);
    (Poll { ballot: "cards".to_owned(), rule: Rule::Borda, candidates, ballots }, count)
}

fn clustering(words: &Words, mentions: &[Mention]) -> Clustering {
    let mut keywords: Vec<String> = Vec::new();
    for mention in mentions.iter().filter(|mention| mention.stage != "rediscuss") {
        if !keywords.contains(&mention.keyword) {
            keywords.push(mention.keyword.clone());
        }
    }
    Clustering::checked(words.core_concept.clone(), words.cluster.clone(), &keywords)
}

fn keyword_rows(
    mentions: &[Mention],
    clusters: &Clustering,
    poll: &Poll,
    count: &Tally,
) -> Vec<KeywordRow> {
    let row = |mention: &Mention| {
        let cluster = clusters.clusters.iter().find(|it| it.keywords.contains(&mention.keyword));
        let candidate = poll.candidates.iter().find(|it| it.label == mention.keyword);
        let votes = candidate.map(|candidate| {
            let approving = poll.ballots.iter().filter(|it| it.approved.contains(&candidate.id));
            u32::try_from(approving.count()).unwrap()
        });
        KeywordRow {
            stage: mention.stage.clone(),
            seat: mention.seat.clone(),
            keyword: mention.keyword.clone(),
            normalised: mention.normalised.clone(),
            cluster: cluster.map(|cluster| cluster.title.clone()),
            votes,
            kept: count.kept().any(|standing| standing.label == mention.keyword),
        }
    };
    mentions.iter().map(row).collect()
}

fn cards(words: &Words, spec: &Spec) -> Vec<Card> {
    let ids = ["c3", "c5", "c1", "c2", "c4", "c6"];
    let seats = spec.agenda.seats.iter().zip(&words.seat).zip(ids);
    seats
        .map(|((seat, words), id)| Card {
            seat: seat.seat.clone(),
            role: seat.role.clone(),
            card_id: id.to_owned(),
            form: words.form.clone(),
            elements: words.elements.clone(),
            function: words.function.clone(),
            users: words.users.clone(),
            meaning: words.meaning.clone(),
            image_prompt: words.image_prompt.clone(),
            place: None,
        })
        .collect()
}
