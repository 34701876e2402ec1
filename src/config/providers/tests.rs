use super::*;
use secrecy::ExposeSecret;

/// Two services out there, and one on this machine.
fn preset(name: &str) -> Option<Service> {
    let (base_url, key_env, model) = match name {
        "openrouter" => ("https://openrouter.ai/api/v1", Some("OPENROUTER_API_KEY"), Some("usual")),
        "openai" => ("https://api.openai.com/v1", Some("OPENAI_API_KEY"), None),
        "ollama" => ("http://127.0.0.1:11434/v1", None, None),
        _ => return None,
    };
    let mut service = Service::bare(name);
    base_url.clone_into(&mut service.endpoint.base_url);
    service.endpoint.key_env = key_env.map(str::to_owned);
    service.endpoint.completion_tokens_field = key_env.is_some();
    service.vision_model = model.map(|model| format!("{model}-vision"));
    service.chat_model = model.map(|model| format!("{model}-chat"));
    Some(service)
}

const NAMES: [&str; 3] = ["openrouter", "openai", "ollama"];

fn keys() -> Environment {
    Environment::of([("OPENROUTER_API_KEY", "k1"), ("OPENAI_API_KEY", "k2"), ("MY_KEY", "k3")])
}

fn in_file(name: &str, entry: Entry) -> Providers {
    let origin = Origin::File { name: "t.toml".to_owned(), line: 1 };
    Providers { entries: [(name.to_owned(), (entry, origin))].into() }
}

fn resolve(providers: &Providers, wish: ServiceWish<'_>) -> Result<ProviderSettings, ServiceError> {
    providers.resolve(&wish, &keys(), &preset, &NAMES)
}

#[test]
fn without_a_wish_it_is_the_usual_service_with_its_models() {
    let settings = resolve(&Providers::default(), ServiceWish::default()).unwrap();
    assert_eq!(settings.endpoint.provider, "openrouter");
    assert_eq!(settings.key.unwrap().expose_secret(), "k1");
    assert_eq!(settings.vision_model, "usual-vision");
    assert_eq!(settings.chat_model, "usual-chat");
    assert_eq!(settings.image_model, None);
}

#[test]
fn an_address_alone_means_the_common_language_and_none_needs_a_key_on_this_machine() {
    let check = |base_url: &str, key: Option<&str>| {
        let wish = ServiceWish {
            base_url: Some(base_url),
            vision_model: Some("m"),
            ..ServiceWish::default()
        };
        let settings = resolve(&Providers::default(), wish).unwrap();
        assert_eq!(settings.endpoint.provider, "openai");
        assert_eq!(settings.key.as_ref().map(ExposeSecret::expose_secret), key, "{base_url}");
        assert_eq!(settings.endpoint.completion_tokens_field, key.is_some());
        assert!(!settings.endpoint.base_url.ends_with('/'));
    };
    check("https://gateway.example/v1/", Some("k2"));
    check("http://127.0.0.1:9/v1", None);
    check("http://localhost:9/v1/", None);
    check("http://[::1]:9/v1", None);
    check("http://127.0.0.1.example/v1", Some("k2"));
}

#[test]
fn models_come_from_the_flag_then_the_file_then_the_preset() {
    let entry = Entry { chat_model: Some("file-chat".to_owned()), ..Entry::default() };
    let providers = in_file("openrouter", entry);
    let check = |wish: ServiceWish<'_>, vision: &str, chat: &str| {
        let settings = resolve(&providers, wish).unwrap();
        assert_eq!((settings.vision_model.as_str(), settings.chat_model.as_str()), (vision, chat));
    };
    let none = ServiceWish::default();
    check(none, "usual-vision", "file-chat");
    check(ServiceWish { chat_model: Some("c"), ..none }, "usual-vision", "c");
    check(ServiceWish { vision_model: Some("v"), ..none }, "v", "file-chat");
}

#[test]
fn one_model_serves_for_both_where_none_is_usual() {
    let check = |vision: Option<&str>, chat: Option<&str>, expected: (&str, &str)| {
        let wish = ServiceWish {
            provider: Some("ollama"),
            vision_model: vision,
            chat_model: chat,
            ..ServiceWish::default()
        };
        let settings = resolve(&Providers::default(), wish).unwrap();
        assert_eq!((settings.vision_model.as_str(), settings.chat_model.as_str()), expected);
        assert!(settings.key.is_none());
    };
    check(Some("v"), None, ("v", "v"));
    check(None, Some("c"), ("c", "c"));
    check(Some("v"), Some("c"), ("v", "c"));
}

#[test]
fn an_image_model_can_be_refused() {
    let entry = Entry { image_model: Some("painter".to_owned()), ..Entry::default() };
    let providers = in_file("openrouter", entry);
    let check = |image_model: Option<&str>, expected: Option<&str>| {
        let wish = ServiceWish { image_model, ..ServiceWish::default() };
        assert_eq!(resolve(&providers, wish).unwrap().image_model.as_deref(), expected);
    };
    check(None, Some("painter"));
    check(Some("other"), Some("other"));
    check(Some("none"), None);
}

#[test]
fn a_service_of_one_s_own_is_what_the_file_says() {
    let entry = Entry {
        base_url: Some("https://models.example/v1".to_owned()),
        key_env: Some("MY_KEY".to_owned()),
        structured: Some(Structured::Prompt),
        chat_model: Some("m".to_owned()),
        ..Entry::default()
    };
    let wish = ServiceWish { provider: Some("mine"), ..ServiceWish::default() };
    let settings = resolve(&in_file("mine", entry), wish).unwrap();
    assert_eq!(settings.endpoint.base_url, "https://models.example/v1");
    assert_eq!(settings.endpoint.structured, Structured::Prompt);
    assert_eq!(settings.key.unwrap().expose_secret(), "k3");
    assert_eq!((settings.vision_model.as_str(), settings.chat_model.as_str()), ("m", "m"));
}

#[test]
fn a_key_named_in_the_file_holds_on_this_machine_too() {
    let entry = Entry {
        base_url: Some("http://127.0.0.1:1/v1".to_owned()),
        key_env: Some("MY_KEY".to_owned()),
        ..Entry::default()
    };
    let settings = resolve(&in_file("openrouter", entry), ServiceWish::default()).unwrap();
    assert_eq!(settings.key.unwrap().expose_secret(), "k3");
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_way_out() {
    let check = |wish: ServiceWish<'_>, providers: &Providers, expected: &str, hint: &[&str]| {
        let none = Environment::default();
        let error = providers.resolve(&wish, &none, &preset, &NAMES).unwrap_err();
        assert_eq!(error.to_string(), expected);
        for word in hint {
            assert!(error.hint().contains(word), "{}", error.hint());
        }
    };
    let none = Providers::default();
    let wish = |provider| ServiceWish { provider: Some(provider), ..ServiceWish::default() };
    check(
        ServiceWish::default(),
        &none,
        "the model service `openrouter` needs a key, and OPENROUTER_API_KEY is not set",
        &["OPENROUTER_API_KEY", ".env", "--rehearse"],
    );
    check(
        wish("openruter"),
        &none,
        "there is no model service `openruter` (did you mean `openrouter`?)",
        &["--provider", "[providers.NAME]"],
    );
    check(
        wish("ollama"),
        &none,
        "the model service `ollama` has no usual model",
        &["--vision-model", "[providers.ollama]"],
    );
    check(
        wish("mine"),
        &in_file("mine", Entry::default()),
        "the model service `mine` has no address",
        &["--base-url", "[providers.mine]"],
    );
}
