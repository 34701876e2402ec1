//! Whole discussions with the rehearsal: the real agenda, prompts and readers, only the wire
//! left out.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use tableround::discussion::{Answer, Ask, Asked, Brief, Question, Stop, hold};
use tableround::domain::call::ImageRef;
use tableround::domain::event::EventKind;
use tableround::domain::models::{Endpoint, ImageApi, ModelRef, Models, Structured};
use tableround::domain::result::{JobResult, Picture};
use tableround::domain::seed::Seed;
use tableround::domain::spec::{Agenda, Language, PictureLimits, Spec};
use tableround::imaging::{Limits, prepare};
use tableround::prompt::pack::{Pack, built_in};
use tableround::prompt::reading::Unreadable;
use tableround::provider::rehearsal;
use tableround::provider::{self, ChatRequest, Request, Speaker};
use tokio::sync::Notify;

const TOPIC: &str = "What could be made from this picture that people would want to own?";
const TOPIC_ZH: &str = "从这幅画面里能做出什么让人愿意拥有的东西？";

/// A table whose questions the rehearsal answers.
struct Rehearsed;

impl Ask for Rehearsed {
    async fn ask<T: Send, R>(&self, question: Question, read: R) -> Result<Asked<T>, Stop>
    where
        R: Fn(&Answer) -> Result<T, Unreadable> + Send + Sync,
    {
        let answer = match &question.request {
            Request::Chat(chat) => {
                let given = rehearsal::answer(&body(chat)).map_err(Stop::internal)?;
                Answer { text: given.text, truncated: given.truncated, images: Vec::new() }
            }
            Request::Image(image) => {
                let painted = rehearsal::paint(&json!({ "prompt": image.prompt }));
                let image =
                    ImageRef { sha256: painted.len().to_string(), mime: "image/png".into() };
                Answer { text: String::new(), truncated: false, images: vec![image] }
            }
        };
        Ok(read(&answer).map_or_else(Asked::Unreadable, Asked::Answer))
    }

    fn tell(&self, _: EventKind, _: &str, _: u32, _: &str, _: &str) {}
}

/// The same table, at which the first to speak waits with the story until another's was told.
#[derive(Default)]
struct Hesitating {
    told: Mutex<Vec<String>>,
    another: Notify,
}

impl Ask for Hesitating {
    async fn ask<T: Send, R>(&self, question: Question, read: R) -> Result<Asked<T>, Stop>
    where
        R: Fn(&Answer) -> Result<T, Unreadable> + Send + Sync,
    {
        if question.stage == "story" && question.seat == "craftsman" {
            self.another.notified().await;
        }
        Rehearsed.ask(question, read).await
    }

    fn tell(&self, event: EventKind, stage: &str, _: u32, seat: &str, _: &str) {
        if event == EventKind::Turn && stage == "story" {
            self.told.lock().unwrap().push(seat.to_owned());
            self.another.notify_one();
        }
    }
}

fn body(chat: &ChatRequest) -> Value {
    let last = chat.messages.len() - 1;
    let messages: Vec<Value> = chat
        .messages
        .iter()
        .enumerate()
        .map(|(at, (speaker, text))| {
            let role = match speaker {
                Speaker::System => "system",
                Speaker::User => "user",
            };
            let mut parts = vec![json!({ "type": "text", "text": text })];
            if let Some(picture) = chat.picture.as_ref().filter(|_| at == last) {
                parts.push(
                    json!({ "type": "image_url", "image_url": { "url": data_url(picture) } }),
                );
            }
            json!({ "role": role, "content": parts })
        })
        .collect();
    let mut body = json!({ "model": chat.model, "messages": messages, "seed": chat.seed });
    if let Some(schema) = &chat.schema {
        let named = json!({ "name": schema.name, "schema": schema.schema, "strict": true });
        body["response_format"] = json!({ "type": "json_schema", "json_schema": named });
    }
    body
}

fn data_url(picture: &provider::Picture) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(&picture.bytes);
    format!("data:{};base64,{encoded}", picture.mime)
}

fn spec(agenda: &str, language: Language) -> Spec {
    let agenda = fs::read_to_string(format!("jobs/{agenda}.toml")).expect("an agenda");
    let agenda: Agenda = toml::from_str(&agenda).expect("a valid agenda");
    let endpoint = Endpoint {
        provider: "rehearsal".to_owned(),
        base_url: String::new(),
        key_env: None,
        structured: Structured::JsonSchema,
        image_api: ImageApi::Openai,
        completion_tokens_field: false,
    };
    let model = ModelRef { endpoint, model: rehearsal::MODEL.to_owned() };
    Spec {
        agenda,
        language,
        models: Models { vision: model.clone(), chat: model.clone(), image: Some(model) },
        seed: 7,
        picture: PictureLimits::default(),
        prompts: built_in(language),
        rehearsal: true,
    }
}

fn discuss(sample: &str, agenda: &str, language: Language) -> JobResult {
    discuss_at(&Rehearsed, sample, agenda, language)
}

fn discuss_at(table: &impl Ask, sample: &str, agenda: &str, language: Language) -> JobResult {
    let file = fs::read(format!("samples/{sample}")).expect("a sample");
    let prepared = prepare(&file, &Limits::default()).expect("a good picture");
    let spec = spec(agenda, language);
    let pack = Pack::new(spec.prompts.clone()).expect("good prompts");
    let sha256 = hex::encode(prepared.sha256);
    let mime = prepared.mime.as_str().to_owned();
    let facts = Picture {
        sha256: sha256.clone(),
        width: prepared.width,
        height: prepared.height,
        mime: mime.clone(),
        bytes: prepared.bytes.len() as u64,
    };
    let brief = Brief {
        spec: &spec,
        pack: &pack,
        topic: match language {
            Language::En => TOPIC,
            Language::Zh => TOPIC_ZH,
        },
        keywords: &[],
        design_prompt: "",
        seed: Seed::from_bytes(sha256.as_bytes()),
        picture: provider::Picture { sha256, mime, bytes: prepared.bytes.into() },
        facts,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(hold(table, &brief)).expect("the rehearsal answers")
}

fn speeches(result: &JobResult) -> Vec<&str> {
    let rounds = result.stages.stages.iter().flat_map(|stage| &stage.rounds);
    rounds.flat_map(|round| &round.turns).map(|turn| turn.text.as_str()).collect()
}

#[test]
fn a_rehearsed_discussion_lacks_nothing_in_either_language() {
    for agenda in ["glance", "roundtable", "workshop"] {
        for language in [Language::En, Language::Zh] {
            let result = discuss("butterfly.png", agenda, language);
            assert!(result.completeness.missing.is_empty(), "{agenda}: {:?}", result.completeness);
            assert!(!result.keywords.is_empty(), "{agenda} {language}");
        }
    }
}

#[test]
fn two_pictures_make_two_discussions_and_one_picture_always_the_same() {
    let once = discuss("lantern.png", "roundtable", Language::En);
    assert_eq!(once, discuss("lantern.png", "roundtable", Language::En));
    let other = discuss("quilt.bmp", "roundtable", Language::En);
    assert_ne!(once.description, other.description);
    let (once, other) = (speeches(&once), speeches(&other));
    let in_common = once.iter().filter(|speech| other.contains(speech)).count();
    assert!(in_common <= 6, "only introductions may be alike, not {in_common} speeches");
}

#[test]
fn a_turn_is_told_when_it_is_over_though_another_seat_still_speaks() {
    let table = Hesitating::default();
    let result = discuss_at(&table, "street.gif", "roundtable", Language::En);
    let told = table.told.into_inner().unwrap();
    assert_eq!(told.len(), 6, "each once: {told:?}");
    assert_ne!(told[0], "craftsman");
    assert_eq!(result, discuss("street.gif", "roundtable", Language::En), "the order stays");
}

#[test]
fn six_people_do_not_say_the_same() {
    for language in [Language::En, Language::Zh] {
        let result = discuss("teapot.jpg", "roundtable", language);
        let all = speeches(&result);
        let different: BTreeSet<&&str> = all.iter().collect();
        assert_eq!(all.len(), different.len(), "{all:#?}");
    }
}

#[test]
#[ignore = "prints whole discussions to be read by a person"]
fn a_discussion_to_read() {
    for (sample, language) in [("butterfly.png", Language::En), ("koi-pond.webp", Language::Zh)] {
        let result = discuss(sample, "roundtable", language);
        println!("{}\n\n{}", script(&result), serde_json::to_string_pretty(&result).unwrap());
    }
}

/// A discussion as a play.
fn script(result: &JobResult) -> String {
    let mut script = vec![result.description.clone()];
    for stage in &result.stages.stages {
        script.push(format!("## {}", stage.stage));
        for turn in stage.rounds.iter().flat_map(|round| &round.turns) {
            script.push(format!("{} ({}): {}", turn.seat, turn.role, turn.text));
        }
    }
    script.push(result.minutes.clone());
    script.join("\n\n")
}
