//! The columns themselves.

use super::{Column, Table};

const fn column(
    name: &'static str,
    meaning: &'static str,
    unit: &'static str,
    range: &'static str,
) -> Column {
    Column { name, meaning, unit, range }
}

const BATCH: Column = column("batch", "the batch's name", "text", "the same in every row");
const INDEX: Column =
    column("index", "position of the picture in the batch", "number", "from 1, without gaps");
const SEAT: Column = column("seat", "who, by place at the table", "id", "the agenda's seats");
const BALLOT: Column = column("ballot", "which vote", "id", "keywords, cards");
const RULE: Column = column(
    "rule",
    "how it was counted",
    "id",
    "approval, plurality, borda, instant_runoff, ranked_pairs",
);
const JOB: Column = column("job", "the job's id in the ledger", "id", "26 characters (ULID)");
const CANDIDATE: Column =
    column("candidate", "what people saw of it", "text", "a keyword, or a card's form");

/// One row for every picture given and readable.
pub const JOBS: Table = Table {
    file: "jobs.csv",
    about: "One row for every picture that was given and could be read; an alias for a duplicate.",
    columns: &[
        BATCH,
        INDEX,
        column("source", "the input as it was named", "text", "any"),
        column("external_id", "the user's own id", "text", "empty where none was given"),
        column("picture_sha256", "digest of the input file", "SHA-256", "64 hexadecimal digits"),
        column("topic", "what was discussed", "text", "never empty"),
        column(
            "agenda",
            "the order of business",
            "id",
            "glance, roundtable, workshop, or a file's",
        ),
        column("language", "the language of prompts and discussion", "id", "en, zh"),
        column("rehearsal", "no model was asked", "boolean", "true, false"),
        column(
            "state",
            "where the job is",
            "id",
            "queued, running, waiting, completed, dead, cancelled",
        ),
        column(
            "duplicate_of_index",
            "index of the row whose discussion this row shares",
            "number",
            "empty: a discussion of its own",
        ),
        column("description", "the picture in the vision model's words", "text", "empty: not held"),
        column(
            "keywords",
            "keywords the table went on with",
            "list",
            "by place in the vote; the user's own where given",
        ),
        column("core_concept", "the one idea the clusters lead to", "text", "empty: none obtained"),
        column("winning_seat", "whose card was chosen", "id", "empty: no decision"),
        column("winning_card", "the card that was chosen", "id", "c1, c2, …; empty: no decision"),
        column("generated_images", "images that were generated", "number", "from 0"),
        column("statements", "turns that were heard", "number", "from 0"),
        column("expected_calls", "answers the agenda asks for", "number", "from 0"),
        column("obtained_calls", "answers that were obtained", "number", "0 to expected_calls"),
        column(
            "not_obtained",
            "answers that are missing",
            "number",
            "expected_calls - obtained_calls; reasons are in discussion.json",
        ),
        column("error_code", "why the job is dead", "id", "empty: not dead"),
        column("error", "the same in words", "text", "empty: not dead"),
        column(
            "duplicate_of_batch",
            "batch of the row whose discussion this row shares",
            "text",
            "empty: a discussion of its own",
        ),
    ],
};

/// One row for every turn.
pub const TURNS: Table = Table {
    file: "turns.csv",
    about: "One row for every turn, spoken or not.",
    columns: &[
        BATCH,
        INDEX,
        column(
            "stage",
            "the stage of the agenda",
            "id",
            "introduce, story, discuss, switch, rediscuss",
        ),
        column("round", "which time around the table", "number", "from 1"),
        column("position", "place in the speaking order of the round", "number", "from 1"),
        SEAT,
        column("role", "the role worn in this turn", "id", "the agenda's roles"),
        column("persona", "the person in the seat", "id", "a file under prompts/personas"),
        column("status", "what became of it", "id", "spoken, not_obtained, blocked, truncated"),
        column("text", "what was said", "text", "empty unless spoken or truncated"),
    ],
};

/// One row for every keyword a seat named.
pub const KEYWORDS: Table = Table {
    file: "keywords.csv",
    about: "One row for every keyword that a seat named, as often as it did.",
    columns: &[
        BATCH,
        INDEX,
        column("stage", "the stage in which it was named", "id", "story, discuss, rediscuss, …"),
        SEAT,
        column("keyword", "as it was written", "text", "at most 60 characters"),
        column("normalised", "as keywords are compared", "text", "NFKC, lower case"),
        column("cluster", "title of its cluster", "text", "empty: in none"),
        column("votes", "ballots that approve of it", "number", "0 to seats; empty: no candidate"),
        column("kept", "the table went on with it", "boolean", "true, false"),
    ],
};

/// One row for every clustered keyword.
pub const CLUSTERS: Table = Table {
    file: "clusters.csv",
    about: "One row for every keyword that was grouped, once each, and for every leftover.",
    columns: &[
        BATCH,
        INDEX,
        column("cluster", "number of the cluster", "number", "from 1; empty: ungrouped"),
        column(
            "title",
            "what the cluster has in common",
            "text",
            "`ungrouped` where it is in none",
        ),
        column("keyword", "in its first spelling", "text", "any"),
        column(
            "core_concept",
            "the one idea the clusters lead to",
            "text",
            "the same in a picture",
        ),
    ],
};

/// One row for every seat and candidate.
pub const VOTES: Table = Table {
    file: "votes.csv",
    about: "One row for every seat and candidate of every vote; an abstention is one row.",
    columns: &[
        BATCH,
        INDEX,
        BALLOT,
        RULE,
        SEAT,
        column("role", "the role in which the seat voted", "id", "the agenda's roles"),
        column(
            "status",
            "valid at once, valid after one re-ask, or no valid ballot",
            "id",
            "valid, reasked, abstained",
        ),
        column("candidate_id", "the candidate", "id", "k1, k2, … or c1, c2, …; empty: abstained"),
        CANDIDATE,
        column(
            "shown_position",
            "where it stood on this seat's ballot",
            "number",
            "from 1; empty: not shown (own card)",
        ),
        column(
            "approved",
            "the seat approves of it",
            "boolean",
            "true, false; empty: another rule, or not shown",
        ),
        column("rank", "place the seat gave it", "number", "from 1; empty: not ranked"),
        column("own", "the seat's own card, on which it has no say", "boolean", "true, false"),
    ],
};

/// One row for every candidate.
pub const TALLIES: Table = Table {
    file: "tallies.csv",
    about: "One row for every candidate of every vote, by place.",
    columns: &[
        BATCH,
        INDEX,
        BALLOT,
        RULE,
        column("candidate_id", "the candidate", "id", "k1, k2, … or c1, c2, …"),
        CANDIDATE,
        column(
            "score",
            "what the rule gave it; the higher, the better",
            "number",
            "whole; for borda a share from 0.000000 to 1.000000",
        ),
        column("ballots_valid", "ballots that were counted", "number", "0 to seats"),
        column("seats", "seats that were asked", "number", "1 to 12"),
        column(
            "threshold",
            "votes a candidate needs to be kept",
            "number",
            "share of the valid ballots, rounded up; empty: the rule has none",
        ),
        column("kept", "it is what the vote was held to find", "boolean", "true, false"),
        column("place", "place in the count", "number", "from 1, each taken once"),
        column(
            "tie_break",
            "what told it apart from a neighbour with the same score",
            "id",
            "first_places, average_position, seeded_draw; empty: no tie",
        ),
    ],
};

/// One row for every design card.
pub const CARDS: Table = Table {
    file: "cards.csv",
    about: "One row for every design card, in seat order.",
    columns: &[
        BATCH,
        INDEX,
        SEAT,
        column("role", "the role in which it was designed", "id", "the agenda's roles"),
        column("card_id", "the card on the ballots", "id", "c1, c2, …, drawn, not in seat order"),
        column("form", "what it is", "text", "any"),
        column("elements", "what it takes from the picture", "text", "any"),
        column("function", "what it does", "text", "any"),
        column("users", "whom it is for", "text", "any"),
        column("meaning", "what it says", "text", "any"),
        column("image_prompt", "how it would be drawn", "text", "any"),
        column("place", "place in the vote", "number", "from 1; empty: no quorum or no vote"),
    ],
};

/// One row for every try of every call.
pub const CALLS: Table = Table {
    file: "calls.csv",
    about: "Telemetry. One row for every try of every call, in the order in which they were \
            opened, and one for every answer that a job used without asking.",
    columns: &[
        BATCH,
        INDEX,
        JOB,
        column(
            "call",
            "the question's name, the same in every attempt",
            "id",
            "stage/round/seat/ask; behind `shared:digest/` where jobs share it",
        ),
        column("stage", "the stage that asks", "id", "describe, introduce, …"),
        column("round", "which time around the table", "number", "from 1"),
        column("seat", "the seat that is asked", "id", "empty: the whole table"),
        column("ask", "question or re-ask", "number", "1, 2"),
        column("try", "which request for the same ask", "number", "from 1"),
        column(
            "outcome",
            "how it ended",
            "id",
            "answered, declined, unreadable, failed, lost, duplicate_paid, shared; empty: out now",
        ),
        column("provider", "the service", "id", "a provider's name"),
        column("model_asked", "the model that was asked for", "id", "a model's name"),
        column("model_used", "the model that answered", "id", "empty: not told"),
        column("request_id", "the service's name for the request", "id", "empty: not told"),
        column("tokens_in", "tokens sent, cached ones included", "tokens", "empty: not told"),
        column("tokens_cached", "tokens sent that were cached", "tokens", "empty: not told"),
        column("tokens_out", "tokens received, reasoning included", "tokens", "empty: not told"),
        column("tokens_reasoning", "tokens received as reasoning", "tokens", "empty: not told"),
        column(
            "cost_usd",
            "what it cost; for a lost call what it may have cost at most",
            "USD",
            "six decimals; 0.000000 where shared; empty: unknown",
        ),
        column(
            "price_source",
            "where the cost is from",
            "id",
            "reply, config, table, rehearsal, reserved (lost calls); empty: unknown or shared",
        ),
        column("ms", "from the request's start to its end", "ms", "empty: never ended"),
        column("started_at", "when the request left", "time", "RFC 3339, UTC"),
        column("attempt", "the job's attempt that asked", "number", "from 1; empty: not kept"),
    ],
};

/// One row for every attempt.
pub const ATTEMPTS: Table = Table {
    file: "attempts.csv",
    about: "Telemetry. One row for every attempt at a job; the newest 32 of each.",
    columns: &[
        BATCH,
        INDEX,
        JOB,
        column("attempt", "number of the attempt", "number", "from 1"),
        column("worker", "who made it", "id", "host-pid-random"),
        column("started_at", "when it was claimed", "time", "RFC 3339, UTC"),
        column("ended_at", "when it ended", "time", "RFC 3339, UTC; empty: going on"),
        column(
            "ending",
            "how it ended",
            "id",
            "completed, failed, dead, released, expired, crashed, cancelled; empty: going on",
        ),
        column("stage", "the stage it was in when it ended", "id", "empty: not begun"),
    ],
};

/// One row for every refused input.
pub const REJECTED: Table = Table {
    file: "rejected.csv",
    about: "One row for every input that was refused.",
    columns: &[
        BATCH,
        column("source", "the input as it was named", "text", "any"),
        column("external_id", "the user's own id", "text", "empty where none was given"),
        column(
            "code",
            "why",
            "id",
            "input.unreadable, input.truncated, input.too_large, input.unsupported",
        ),
        column("reason", "the same in words", "text", "any"),
    ],
};
