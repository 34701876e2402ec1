use super::*;
use crate::domain::cost::ModelPrice;
use crate::domain::models::{ImageApi, Structured};
use proptest::prelude::*;

fn keys() -> Vec<String> {
    ["data", "redis", "max_calls", "lang", "state"].map(str::to_owned).to_vec()
}

/// The mistakes in `text`, as a person reads them.
fn mistakes(text: &str) -> Vec<String> {
    read("t.toml", text, &keys()).1.iter().map(ToString::to_string).collect()
}

#[test]
fn settings_keep_their_kind_and_their_line() {
    let text = "\u{feff}data = 'here'\n\n# calls\nmax_calls = 0x10\nstate = ['dead', 'queued']\n";
    let (file, wrong) = read("t.toml", text, &keys());
    assert_eq!(wrong, []);
    let shown: Vec<_> =
        file.settings.iter().map(|s| (s.key.as_str(), &s.value, s.origin.to_string())).collect();
    assert_eq!(
        shown,
        [
            ("data", &Value::Text("here".to_owned()), "t.toml:1".to_owned()),
            ("max_calls", &Value::Whole("16".to_owned()), "t.toml:4".to_owned()),
            (
                "state",
                &Value::List(vec!["dead".to_owned(), "queued".to_owned()]),
                "t.toml:5".to_owned()
            ),
        ]
    );
}

#[test]
fn services_and_prices_are_read() {
    let text = r#"
[providers.mine]
base_url = "http://127.0.0.1:8080/v1/"
key_env = "MY_KEY"
structured = "json_object"
image_api = "ark"
completion_tokens_field = true
vision_model = "v"

[prices."maker/model-1"]
input = 0.25
cached = 0.1
output = 2

[prices.painter]
image = 0.04
"#;
    let (file, wrong) = read("t.toml", text, &keys());
    assert_eq!(wrong, []);
    let (entry, origin) = &file.providers["mine"];
    assert_eq!(origin.to_string(), "t.toml:2");
    assert_eq!(entry.base_url.as_deref(), Some("http://127.0.0.1:8080/v1"));
    assert_eq!(entry.key_env.as_deref(), Some("MY_KEY"));
    assert_eq!(entry.structured, Some(Structured::JsonObject));
    assert_eq!(entry.image_api, Some(ImageApi::Ark));
    assert_eq!(entry.completion_tokens_field, Some(true));
    assert_eq!((entry.vision_model.as_deref(), &entry.chat_model), (Some("v"), &None));
    let price = ModelPrice { input: 0.25, cached: Some(0.1), output: 2.0, image: 0.0 };
    assert_eq!(file.prices["maker/model-1"].0, price);
    assert_eq!(file.prices["painter"].0, ModelPrice { image: 0.04, ..ModelPrice::default() });
}

#[test]
fn each_mistake_is_told_in_its_own_words() {
    let check = |text: &str, expected: &[&str]| assert_eq!(mistakes(text), expected, "{text}");
    check("max_cals = 1", &["t.toml:1: unknown key `max_cals` (did you mean `max_calls`?)"]);
    check("colour = 1", &["t.toml:1: unknown key `colour`"]);
    check("[provider.x]", &["t.toml:1: unknown key `provider` (did you mean `providers`?)"]);
    check("data = 1979-05-27", &["t.toml:1: `data` cannot be a datetime"]);
    check("data = { a = 1 }", &["t.toml:1: `data` cannot be a table"]);
    check("providers = 1", &["t.toml:1: `providers` must be tables: [providers.NAME]"]);
    check("[providers]\nx = 1", &["t.toml:2: `providers.x` must be a table: [providers.x]"]);
    check(
        "[providers.x]\nbase_url = 'ftp://h'\nstructured = 'json'\nmodel = 'm'\nchat_model = ''",
        &[
            "t.toml:2: `base_url` cannot be this: `ftp://h` is not a URL that begins with http:// or https://",
            "t.toml:3: `structured` cannot be `json`; it is one of json_schema, json_object, prompt",
            "t.toml:4: unknown key `model`",
            "t.toml:5: `chat_model` must not be empty",
        ],
    );
    check(
        "[providers.x]\ncompletion_tokens_field = 'yes'\nvision_model = 3",
        &[
            "t.toml:2: `completion_tokens_field` must be true or false",
            "t.toml:3: `vision_model` must be a text in quotes",
        ],
    );
    check(
        "[providers.rehearsal]",
        &["t.toml:1: `rehearsal` is no service; ask for it with --rehearse"],
    );
    check(
        "[prices.m]\ninput = -1\noutput = 'free'",
        &[
            "t.toml:2: `input` must be US dollars from 0 to 1000000",
            "t.toml:3: `output` must be a number: US dollars per million tokens, or per image",
        ],
    );
    check(
        "[prices.m]\ninput = 1",
        &["t.toml:1: prices.\"m\" needs `input` and `output`, or `image`"],
    );
}

#[test]
fn a_secret_in_the_file_has_its_own_words_and_is_not_quoted() {
    let check = |text: &str| {
        let told = mistakes(text);
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].contains("environment"), "{told:?}");
        assert!(!told[0].contains("hush"), "{told:?}");
    };
    check("api_key = 'hush'");
    check("OPENROUTER_API_KEY = 'hush'");
    check("[providers.x]\nkey = 'hush'");
    check("[providers.x]\napi-key = 'hush'");
    check("[providers.x]\ntoken = 'hush'");
    check("[providers.x]\nkey_env = 'sk-hush'");
    check("redis = 'redis://:hush@h'");
    assert_eq!(mistakes("redis = 'redis://h'"), [""; 0]);
}

#[test]
fn broken_lines_are_all_told_and_the_rest_is_still_checked() {
    let told = mistakes("data = \nmax_cals = 1\nlang = 'en\ncolour = 2\n");
    let places: Vec<&str> =
        told.iter().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(places, ["t.toml:1", "t.toml:2", "t.toml:3", "t.toml:4"], "{told:?}");
    assert_eq!(mistakes("data = 'a'\ndata = 'b'").len(), 1, "a key twice");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~\n画]{0,80}") {
        let lines = text.lines().count().max(1) + 1;
        for mistake in read("t.toml", &text, &keys()).1 {
            prop_assert!((1..=lines).contains(&mistake.place.line()), "{}", mistake);
            prop_assert!(!mistake.message.contains('\n'));
        }
    }
}
