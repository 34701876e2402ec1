//! What every answer owes, whatever it says.

use super::{answer, paint};
use crate::domain::spec::Language;
use crate::prompt::{reading, schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

const RULES: &str = "# House rules\n\n## Topic\n\nA gift\n\n## Seats\n\n- Craftsman (role: Craftsman)\n\
    - Consumer 1 (role: Consumer)\n- Designer (role: Designer)\n\nThey are listed (in order).";
const TABLE: &str = "# On the table\n\n## The picture, as described\n\n> Mainly red on about 60 per \
    cent and cream on 30. There is an almost exact mirror symmetry, a hard contrast and a dense, fine \
    grain. The colours are clearly warm.\n\n## The meeting so far\n\n### Stories\n\nConsumer 1:\n\n\
    > My aunt kept such a bowl behind the stove. It never left the house.";
const TABLE_ZH: &str = "# 桌面上的材料\n\n## 画面的描述\n\n> 红色约占百分之六十，米白色百分之三十。几乎分毫不差的\
    镜像对称，强烈的对比，又密又细的纹理，色调明显偏暖。\n\n## 到目前为止的会议\n\n### 故事\n\n消费者一：\n\n> 姑姑家灶台后面\
    有这样一只碗。它从没离开过那间屋子。";
const KEYWORDS: &str = "One last line:\n\nKEYWORDS: a, b, c\n\nIt holds 3 to 5 keywords.";
const KEYWORDS_ZH: &str = "最后一行：\n\n关键词：甲、乙、丙\n\n这一行写 3 到 5 个关键词。";

fn persona(seat: &str, role: &str) -> String {
    format!(
        "Your seat at this table is {seat}.\n\n# Ines\n\nYou are 58 and paint tiles. You learned from \
         an aunt.\n\nYou care about the underside of things.\n\n## The role you speak from: {role}\n\n\
         You speak for making things."
    )
}

fn persona_zh(seat: &str, role: &str) -> String {
    format!(
        "你坐的座位是“{seat}”。\n\n# 何\n\n你五十八岁，画瓷砖。\n\n你在意背面。\n\n## 你现在的角色：{role}\n\n你替人说话。"
    )
}

fn body(user: &str) -> Value {
    json!({
        "model": "any",
        "messages": [
            { "role": "system", "content": RULES },
            { "role": "user", "content": user },
        ],
    })
}

fn structured(user: &str, (name, schema): (&str, Value)) -> Value {
    let mut body = body(user);
    body["response_format"] =
        json!({ "type": "json_schema", "json_schema": { "name": name, "schema": schema } });
    body
}

fn text(body: &Value) -> String {
    answer(body).unwrap().text
}

fn spoken(seat: &str, role: &str, task: &str) -> String {
    text(&body(&format!("{TABLE}\n\n{}\n\n## Your task\n\n{task}", persona(seat, role))))
}

/// A picture with a coloured half, as PNG.
fn png(left: [u8; 3], right: [u8; 3]) -> Vec<u8> {
    let picture =
        image::RgbImage::from_fn(64, 48, |x, _| image::Rgb(if x < 32 { left } else { right }));
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

fn seen(mime: &str, bytes: &[u8], task: &str) -> Value {
    let url = format!("data:{mime};base64,{}", STANDARD.encode(bytes));
    json!({
        "model": "any",
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": task },
            { "type": "image_url", "image_url": { "url": url } },
        ]}],
    })
}

#[test]
fn the_same_request_gets_the_same_answer_streamed_or_not() {
    let mut request = body(&format!("{TABLE}\n\n## Your task\n\nThis is round 1 of 2."));
    let plain = answer(&request).unwrap();
    request["stream"] = json!(true);
    request["stream_options"] = json!({ "include_usage": true });
    assert_eq!(answer(&request).unwrap(), plain);
    assert!(plain.usage.tokens_in > Some(0) && plain.usage.tokens_out > Some(0));
}

#[test]
fn another_seat_persona_round_or_description_gets_another_answer() {
    let task = "This is round 1 of 2. Length: 150 to 300 characters.";
    let first = spoken("Craftsman", "Craftsman", task);
    let check = |other: String| assert_ne!(first, other);
    check(spoken("Consumer 1", "Consumer", task));
    check(spoken("Craftsman", "Designer", task));
    check(spoken("Craftsman", "Craftsman", &task.replace("round 1", "round 2")));
    let cool = TABLE.replace("red", "teal").replace("warm", "cool");
    let person = persona("Craftsman", "Craftsman");
    check(text(&body(&format!("{cool}\n\n{person}\n\n## Your task\n\n{task}"))));
    let someone =
        person.replace("You learned from", "You quarrelled with").replace("underside", "edge");
    check(text(&body(&format!("{TABLE}\n\n{someone}\n\n## Your task\n\n{task}"))));
}

#[test]
fn a_picture_is_described_by_what_is_in_it() {
    let red =
        text(&seen("image/png", &png([212, 36, 36], [252, 252, 252]), "Describe this picture."));
    assert!(red.contains("red") && red.contains("white"), "{red}");
    assert!((80..=200).contains(&red.split_whitespace().count()), "{red}");
    let blue =
        text(&seen("image/png", &png([42, 92, 196], [12, 12, 14]), "Describe this picture."));
    assert!(blue.contains("blue") && !blue.contains(" red "), "{blue}");
    let zh = text(&seen("image/png", &png([212, 36, 36], [252, 252, 252]), "请描述这幅画面。"));
    assert!(zh.contains("红色") && zh.chars().count() >= 120, "{zh}");
}

#[test]
fn a_keyword_line_is_there_if_it_was_asked_for_and_only_then() {
    let check = |task: &str, table: &str, person: &str, head: &str, separator: &str| {
        let message = format!("{table}\n\n{person}\n\n## Your task\n\n{task}");
        assert!(!text(&body(&message)).contains(head), "not asked: {task}");
        let asks = if separator == ", " { KEYWORDS } else { KEYWORDS_ZH };
        let spoken = text(&body(&format!("{message}\n\n{asks}")));
        let last = spoken.lines().last().unwrap();
        let keywords = last.strip_prefix(head).expect("the line is last");
        assert!((3..=5).contains(&keywords.split(separator).count()), "{last}");
        assert!(spoken.lines().count() > 1, "something is said before it: {spoken}");
    };
    for task in ["Tell the story. About 500 characters.", "Round 2 of 2.", "Look back first."] {
        check(task, TABLE, &persona("Designer", "Designer"), "KEYWORDS: ", ", ");
    }
    for task in ["讲一个故事。500 字左右。", "这是第 2 轮。", "先回头看。"] {
        check(task, TABLE_ZH, &persona_zh("设计师", "设计师"), "关键词：", "、");
    }
}

#[test]
fn lengths_are_kept_to() {
    for (seat, role) in
        [("Craftsman", "Craftsman"), ("Consumer 1", "Consumer"), ("Designer", "Designer")]
    {
        for (low, high) in [(150, 300), (250, 400), (400, 600)] {
            let speech = spoken(seat, role, &format!("Length: {low} to {high} characters."));
            let length = speech.chars().count();
            assert!((low - 30..=high).contains(&length), "{length}: {speech}");
        }
    }
}

#[test]
fn a_remark_is_answered_by_the_seat_it_came_from() {
    let table =
        format!("{TABLE}\n\n### Discussion\n\nConsumer 1:\n\n> The red will fade in every window.");
    let person = persona("Designer", "Designer");
    let reply =
        text(&body(&format!("{table}\n\n{person}\n\n## Your task\n\nThis is round 1 of 1.")));
    assert!(
        reply.contains("Consumer 1") && reply.contains("The red will fade in every window"),
        "{reply}"
    );
}

#[test]
fn the_keyword_line_alone_is_the_whole_reply_to_ones_own_words() {
    let task = format!(
        "## Your task\n\nYour own words:\n\n> I want a tea towel in linen, mostly red.\n\nTake \
        from them 3 to 5 keywords.\n\n{KEYWORDS}"
    );
    let reply = text(&body(&format!("{}\n\n{task}", persona("Consumer 1", "Consumer"))));
    assert!(reply.starts_with("KEYWORDS: ") && reply.lines().count() == 1, "{reply}");
    for word in ["tea towel", "linen", "red"] {
        assert!(reply.contains(word), "{reply}");
    }
}

/// A reply as the program reads it.
fn json_of(reply: &str) -> Value {
    let (start, end) = (reply.find('{').unwrap(), reply.rfind('}').unwrap());
    serde_json::from_str(reply.get(start..=end).unwrap()).unwrap()
}

fn check_schema(reply: &str, schema: &Value) -> Value {
    let value = json_of(reply);
    let validator = jsonschema::validator_for(schema).unwrap();
    assert!(validator.is_valid(&value), "{value} against {schema}");
    value
}

fn words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof!["[a-z]{3,8}", "[a-z]{3,6} [a-z]{3,6}", Just("红色".to_owned())];
    proptest::collection::btree_set(word, 2..20).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ballots_and_rankings_keep_to_the_schema(words in words(), votes_max in 1_usize..6) {
        let ids: Vec<String> = (1..=words.len()).map(|n| format!("k{n}")).collect();
        let listed: Vec<String> =
            ids.iter().zip(&words).map(|(id, word)| format!("> {id}: {word}")).collect();
        let person = persona("Designer", "Designer");
        let message = format!("{TABLE}\n\n{person}\n\n## Your task\n\nDecide:\n\n{}\n\nApprove.", listed.join("\n"));
        let (name, ballot) = schema::ballot(&ids, votes_max);
        let cast = check_schema(&text(&structured(&message, (name, ballot.clone()))), &ballot);
        let approved = cast["approved"].as_array().unwrap();
        prop_assert!(!approved.is_empty() && approved.len() <= votes_max);
        let (name, ranking) = schema::ranking(&ids);
        let order = check_schema(&text(&structured(&message, (name, ranking.clone()))), &ranking);
        let mut ranked: Vec<&str> =
            order["ranking"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        ranked.sort_unstable();
        let mut all: Vec<&str> = ids.iter().map(String::as_str).collect();
        all.sort_unstable();
        prop_assert_eq!(ranked, all);
    }

    #[test]
    fn clusters_hold_every_keyword_once(words in words()) {
        let listed: Vec<String> = words.iter().map(|word| format!("> {word}")).collect();
        let message = format!("{TABLE}\n\n## Your task\n\nSort:\n\n{}\n1. Read all.", listed.join("\n"));
        let (name, clusters) = schema::clusters();
        let value = check_schema(&text(&structured(&message, (name, clusters.clone()))), &clusters);
        let groups = value["groups"].as_array().unwrap();
        let mut sorted: Vec<&str> = groups
            .iter()
            .flat_map(|group| group["keywords"].as_array().unwrap())
            .filter_map(Value::as_str)
            .collect();
        sorted.sort_unstable();
        let mut given: Vec<&str> = words.iter().map(String::as_str).collect();
        given.sort_unstable();
        prop_assert_eq!(sorted, given);
        let mut titles: Vec<&str> = groups.iter().filter_map(|g| g["title"].as_str()).collect();
        let count = titles.len();
        titles.sort_unstable();
        titles.dedup();
        prop_assert_eq!(titles.len(), count, "titles differ");
    }
}

/// Lines as messages have them, in any order.
fn any_message() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "\\PC{0,30}",
        "> \\PC{0,30}",
        "#{1,3} [a-z手]{0,8}",
        "[A-Z][a-z]{2,6}:",
        Just("KEYWORDS: a, b".to_owned()),
        Just("Round 0 of 0, 12 to 9 or 3 到 3 字, 99999 characters".to_owned()),
        Just("Your story, red and 红色, mirror symmetry".to_owned()),
    ];
    proptest::collection::vec(line, 0..20).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_message_gets_an_answer(message in any_message()) {
        prop_assert!(!text(&body(&message)).is_empty());
    }
}

#[test]
fn a_card_is_complete_and_meets_the_clients_wish() {
    let (name, card) = schema::card();
    let task = "## Your task\n\nThe client has one wish:\n\nIt must float.\n\nReply with six fields:\n\n- form: x";
    let message = format!("{TABLE}\n\n{}\n\n{task}", persona("Designer", "Designer"));
    let value = check_schema(&text(&structured(&message, (name, card.clone()))), &card);
    for (field, text) in value.as_object().unwrap() {
        assert!(text.as_str().unwrap().chars().count() > 8, "{field}: {text}");
    }
    assert!(value["function"].as_str().unwrap().contains("It must float."), "{value}");
    assert!(value["image_prompt"].as_str().unwrap().split(' ').count() >= 40, "{value}");
}

#[test]
fn the_weaker_formats_are_answered_from_the_shape_shown_in_the_task() {
    let task = "## Your task\n\nDecide:\n\n> k1: red\n> k2: linen\n\nReply so:\n\n{\"approved\": [\"k2\"]}";
    let mut request = body(&format!("{TABLE}\n\n{}\n\n{task}", persona("Designer", "Designer")));
    request["response_format"] = json!({ "type": "json_object" });
    assert!(json_of(&text(&request))["approved"].as_array().unwrap().len() <= 2);
}

#[test]
fn some_structured_replies_are_careless_and_all_are_readable() {
    let ids: Vec<String> = (1..=6).map(|n| format!("k{n}")).collect();
    let names: Vec<(String, String)> = ids.iter().map(|id| (id.clone(), id.clone())).collect();
    let mut careless = 0;
    for seed in 0..300 {
        let (name, ballot) = schema::ballot(&ids, 3);
        let mut request = structured("## Your task\n\nVote.", (name, ballot));
        request["seed"] = json!(seed);
        let reply = text(&request);
        careless += usize::from(!reply.starts_with('{') || !reply.ends_with('}'));
        assert!(reading::approvals(&reply, &names, 3).is_ok(), "{reply}");
    }
    assert!((2..=25).contains(&careless), "about three in a hundred, not {careless} of 300");
}

#[test]
fn a_message_without_any_structure_is_answered_all_the_same() {
    for (message, language) in [("Hello there", Language::En), ("你好，说两句", Language::Zh)]
    {
        let reply = text(&body(message));
        let zh = reply.chars().any(super::wire::is_han);
        assert!(!reply.is_empty() && !reply.contains('{'), "{reply}");
        assert_eq!(zh, language == Language::Zh, "{reply}");
    }
}

#[test]
fn what_a_real_service_refuses_is_refused() {
    let check = |body: &Value, code: &str| {
        let refusal = answer(body).unwrap_err();
        assert_eq!((refusal.status, refusal.code), (400, code), "{body}");
        assert_eq!(refusal.to_json()["error"]["code"], code);
    };
    let good = png([0, 0, 0], [255, 255, 255]);
    check(&json!({}), "missing_model");
    check(&json!({ "model": "m" }), "missing_messages");
    check(&json!({ "model": "m", "messages": [] }), "missing_messages");
    check(&json!({ "model": "m", "messages": [{ "role": "user" }] }), "invalid_content");
    check(
        &json!({ "model": "m", "messages": [{ "role": "boss", "content": "x" }] }),
        "invalid_role",
    );
    check(&seen("image/jpeg", &good, "x"), "invalid_image_url");
    check(&seen("image/gif", b"GIF89a", "x"), "invalid_image_url");
    check(&seen("image/png", &good[..good.len() / 2], "x"), "invalid_image");
    let mut request = body("x");
    request["response_format"] = json!({ "type": "json_schema", "json_schema": {} });
    check(&request, "invalid_schema");
}

#[test]
fn an_answer_ends_at_the_token_limit_and_says_so() {
    let mut request = body("Hello there");
    request["max_tokens"] = json!(5);
    let short = answer(&request).unwrap();
    assert!(short.truncated && short.usage.tokens_out == Some(5), "{short:?}");
    assert_eq!(short.completion()["choices"][0]["finish_reason"], "length");
}

#[test]
fn a_painting_is_a_labelled_png_in_the_colours_of_its_prompt() {
    let order = |prompt: &str| paint(&json!({ "prompt": prompt }));
    let painted = order("A bowl with mirror symmetry in red and navy on cream");
    assert_eq!(painted, order("A bowl with mirror symmetry in red and navy on cream"));
    assert_ne!(painted, order("A bowl with lopsided balance in red and navy on cream"));
    let decoder = png::Decoder::new(std::io::Cursor::new(&painted));
    let mut reader = decoder.read_info().unwrap();
    let note = &reader.info().uncompressed_latin1_text[0];
    assert!(note.text.contains("no model was asked"), "{note:?}");
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert_eq!((reader.info().width, reader.info().height), (512, 512));
    let has = |rgb: [u8; 3]| pixels.chunks_exact(3).filter(|pixel| *pixel == rgb).count() > 500;
    assert!(has([212, 36, 36]) && has([26, 36, 78]), "both inks are used");
    // The row through the middle of the band holds dots of letters.
    let row = 512 - 18;
    let band = &pixels[row * 512 * 3..(row + 1) * 512 * 3];
    assert!(band.chunks_exact(3).any(|pixel| pixel == [255, 252, 244]), "the label can be read");
}
