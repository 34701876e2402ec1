//! Laws that hold for every reply whatever.

use proptest::prelude::*;

use super::mend::mend;
use super::*;

fn candidates() -> Vec<(String, String)> {
    let named = [("c1", "Butterfly"), ("c2", "纸雕"), ("c3", "Mirror, halved")];
    named.map(|(id, label)| (id.into(), label.into())).to_vec()
}

fn ids() -> Vec<String> {
    candidates().into_iter().map(|(id, _)| id).collect()
}

/// Text made of the pieces that replies are made of, so that the deep branches are reached.
fn reply() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            "\"",
            ":",
            ",",
            "，",
            "、",
            "：",
            "“",
            "”",
            "'",
            "\\",
            "\n",
            " ",
            "```",
            "```json\n",
            "<think>",
            "</think>",
            "KEYWORDS:",
            "关键词：",
            "approved",
            "ranking",
            "c1",
            "c2",
            "c3",
            "c9",
            "Butterfly",
            "纸雕",
            "id",
            "rank",
            "1",
            "2",
            "true",
            "null",
            "groups",
            "title",
            "keywords",
            "core_concept",
            "form",
            "- ",
            "1. ",
            "**",
            ">",
            "\u{feff}",
            "\r\n",
            "🦋",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            r#"{"approved":["c1","c3"]}"#,
            r#"{"ranking":["c2","c1"]}"#,
            r#"{"c1":1,"c2":"2"}"#,
            r#"{"core_concept":"x","groups":[{"title":"t","keywords":["a"]}]}"#,
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn check_all(reply: &str) -> Result<(), TestCaseError> {
    if let Ok(read) = prose(reply, true) {
        prop_assert!(!read.value.text.is_empty());
        prop_assert!(read.value.keywords.is_none_or(|k| is_within_limits(&k)));
    }
    if let Ok(read) = prose(reply, false) {
        prop_assert!(!read.value.text.is_empty());
        prop_assert_eq!(read.value.keywords, None);
    }
    if let Ok(read) = keywords(reply) {
        prop_assert!(is_within_limits(&read.value));
    }
    if let Ok(read) = approvals(reply, &candidates(), 2) {
        prop_assert!((1..=2).contains(&read.value.len()));
        prop_assert!(is_subset_without_duplicates(&read.value));
    }
    if let Ok(read) = ranking(reply, &ids()) {
        prop_assert!(read.value.len() >= 2);
        prop_assert!(is_subset_without_duplicates(&read.value));
    }
    if let Ok(read) = clusters(reply) {
        prop_assert!(!read.value.groups.is_empty());
        prop_assert!(read.value.groups.iter().all(|(_, k)| !k.is_empty()));
    }
    drop(card(reply));
    Ok(())
}

fn is_within_limits(keywords: &[String]) -> bool {
    (1..=KEYWORDS_MAX).contains(&keywords.len())
        && keywords.iter().all(|k| !k.is_empty() && k.chars().count() <= KEYWORD_CHARS_MAX)
}

fn is_subset_without_duplicates(named: &[String]) -> bool {
    let distinct: BTreeSet<&String> = named.iter().collect();
    distinct.len() == named.len() && named.iter().all(|id| ids().contains(id))
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_within_the_limits(reply in ".*") {
        check_all(&reply)?;
    }

    #[test]
    fn any_pieces_of_replies_are_read_or_refused_within_the_limits(reply in reply()) {
        check_all(&reply)?;
    }

    #[test]
    fn reading_twice_reads_the_same(reply in reply()) {
        prop_assert_eq!(prose(&reply, true), prose(&reply, true));
        prop_assert_eq!(keywords(&reply), keywords(&reply));
        prop_assert_eq!(approvals(&reply, &candidates(), 2), approvals(&reply, &candidates(), 2));
        prop_assert_eq!(ranking(&reply, &ids()), ranking(&reply, &ids()));
        prop_assert_eq!(clusters(&reply), clusters(&reply));
        prop_assert_eq!(card(&reply), card(&reply));
    }

    #[test]
    fn valid_json_needs_no_mending(texts in prop::collection::vec(".*", 0..6), number: i32) {
        let json = serde_json::json!({ "texts": texts, "number": number, "deep": [[{}]] });
        let json = serde_json::to_string_pretty(&json).expect("JSON is text");
        let mut notes = Notes::default();
        let (mended, rest) = mend(&json, &mut notes).expect("a shallow value");
        prop_assert_eq!((mended.as_str(), rest), (json.as_str(), ""));
        prop_assert_eq!(notes, Notes::default());
    }

    #[test]
    fn a_ballot_cut_anywhere_is_not_read(at in 1_usize..38) {
        let whole = r#"{"approved": ["c1", "c3"], "why": "…"}"#;
        let cut: String = whole.chars().take(at).collect();
        prop_assume!(cut != whole);
        prop_assert!(approvals(&cut, &candidates(), 2).is_err(), "{}", cut);
    }

    #[test]
    fn what_was_asked_for_is_read_without_leniency(
        words in prop::collection::btree_set("[a-z]{3,10}", 1..=KEYWORDS_MAX),
    ) {
        prop_assume!(!words.contains("none"));
        let words: Vec<String> = words.into_iter().collect();
        let reply = format!("I would fold it.\n\nKEYWORDS: {}", words.join(", "));
        let read = prose(&reply, true).expect("the form that was asked for");
        prop_assert_eq!(read.value.text, "I would fold it.");
        prop_assert_eq!(read.value.keywords, Some(words));
        prop_assert_eq!(read.leniencies, []);
    }
}

#[test]
fn replies_are_read_up_to_the_limit_and_not_beyond() {
    let fits = "a".repeat(REPLY_BYTES_MAX);
    assert!(prose(&fits, true).is_ok());
    let error = prose(&format!("{fits}a"), true).expect_err("one byte too many");
    assert_eq!(error.why, Why::TooLong);

    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let why = |levels| approvals(&deep(levels), &candidates(), 2).expect_err("no ballot").why;
    assert_eq!(why(NESTING_MAX), Why::NoCandidate);
    assert_eq!(why(NESTING_MAX + 1), Why::TooDeep);
}

#[test]
fn the_worst_replies_are_refused_without_a_long_search() {
    for piece in [
        "[",
        "{",
        "[\"",
        "{\"a\":",
        "[1,",
        "<think>",
        "</think>",
        "<think></think>",
        "</s>",
        "```\n",
        "- ",
    ] {
        let reply = piece.repeat(REPLY_BYTES_MAX / piece.len());
        assert!(card(&reply).is_err(), "{piece}");
        assert!(keywords(&reply).is_err(), "{piece}");
    }
}
