//! The services known by name: where they are, how they are asked, which models to begin with.
//!
//! Models come and go within weeks, so every one here is only what is used when nothing else was
//! said; none is compiled in as the only choice.

use crate::domain::models::{Endpoint, ImageApi, Structured};

/// A service known by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    pub endpoint: Endpoint,
    /// For the describe call; none where the service is only as good as what runs on it.
    pub vision_model: Option<&'static str>,
    pub chat_model: Option<&'static str>,
    /// None: no images, unless the user names a model.
    pub image_model: Option<&'static str>,
}

/// One line per service.
struct Row {
    name: &'static str,
    base_url: &'static str,
    key_env: Option<&'static str>,
    structured: Structured,
    image_api: ImageApi,
    completion_tokens_field: bool,
    vision_model: Option<&'static str>,
    chat_model: Option<&'static str>,
    image_model: Option<&'static str>,
}

/// What most rows have in common.
const PLAIN: Row = Row {
    name: "",
    base_url: "",
    key_env: None,
    structured: Structured::JsonSchema,
    image_api: ImageApi::Openai,
    completion_tokens_field: false,
    vision_model: None,
    chat_model: None,
    image_model: None,
};

const ROWS: [Row; 8] = [
    Row {
        name: "openrouter",
        base_url: "https://openrouter.ai/api/v1",
        key_env: Some("OPENROUTER_API_KEY"),
        image_api: ImageApi::Openrouter,
        completion_tokens_field: true,
        vision_model: Some("google/gemini-3.8-flash"),
        chat_model: Some("~deepseek/deepseek-flash-latest"),
        ..PLAIN
    },
    Row {
        name: "deepseek",
        base_url: "https://api.deepseek.com",
        key_env: Some("DEEPSEEK_API_KEY"),
        // It knows no schemas.
        structured: Structured::JsonObject,
        vision_model: Some("deepseek-flash"),
        chat_model: Some("deepseek-flash"),
        ..PLAIN
    },
    Row {
        name: "gemini",
        base_url: "https://generativelanguage.googleapis.com/v1beta/openai",
        key_env: Some("GEMINI_API_KEY"),
        vision_model: Some("gemini-3.8-flash"),
        chat_model: Some("gemini-3.8-flash"),
        ..PLAIN
    },
    Row {
        name: "ark",
        base_url: "https://ark.cn-beijing.volces.com/api/v3",
        key_env: Some("ARK_API_KEY"),
        image_api: ImageApi::Ark,
        vision_model: Some("doubao-seed-2-1-turbo-260628"),
        chat_model: Some("doubao-seed-2-1-turbo-260628"),
        image_model: Some("doubao-seedream-5-0-260128"),
        ..PLAIN
    },
    Row {
        name: "openai",
        base_url: "https://api.openai.com/v1",
        key_env: Some("OPENAI_API_KEY"),
        completion_tokens_field: true,
        ..PLAIN
    },
    Row { name: "ollama", base_url: "http://127.0.0.1:11434/v1", ..PLAIN },
    Row { name: "vllm", base_url: "http://127.0.0.1:8000/v1", ..PLAIN },
    Row { name: "llamacpp", base_url: "http://127.0.0.1:8080/v1", ..PLAIN },
];

/// The service of this name, if it is a known one.
pub fn preset(name: &str) -> Option<Preset> {
    ROWS.iter().find(|row| row.name == name).map(Row::preset)
}

/// All names, in the order in which help shows them.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

/// The endpoint at another address. On this machine no key is asked for and the token limit
/// goes by the name that local servers know.
pub fn at(mut endpoint: Endpoint, base_url: &str) -> Endpoint {
    base_url.trim_end_matches('/').clone_into(&mut endpoint.base_url);
    let local = reqwest::Url::parse(base_url).is_ok_and(|url| super::download::is_loopback(&url));
    if local {
        endpoint.key_env = None;
        endpoint.completion_tokens_field = false;
    }
    endpoint
}

impl Row {
    fn preset(&self) -> Preset {
        Preset {
            endpoint: Endpoint {
                provider: self.name.to_owned(),
                base_url: self.base_url.to_owned(),
                key_env: self.key_env.map(str::to_owned),
                structured: self.structured,
                image_api: self.image_api,
                completion_tokens_field: self.completion_tokens_field,
            },
            vision_model: self.vision_model,
            chat_model: self.chat_model,
            image_model: self.image_model,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_service_with_a_usable_address() {
        for name in names() {
            let endpoint = preset(name).unwrap().endpoint;
            let url = reqwest::Url::parse(&endpoint.base_url).unwrap();
            let local = super::super::download::is_loopback(&url);
            assert_eq!(endpoint.provider, name);
            assert!(!endpoint.base_url.ends_with('/'), "{name}");
            assert_eq!(
                endpoint.key_env.is_none(),
                local,
                "{name}: a key is for a service out there"
            );
            assert_eq!(url.scheme() == "https", !local, "{name}");
        }
        assert_eq!(preset("nobody"), None);
    }

    #[test]
    fn openai_on_this_machine_needs_no_key() {
        let openai = preset("openai").unwrap().endpoint;
        let check = |url: &str, needs_key: bool| {
            let there = at(openai.clone(), url);
            assert_eq!(there.key_env.is_some(), needs_key, "{url}");
            assert_eq!(there.completion_tokens_field, needs_key, "{url}");
        };
        check("http://127.0.0.1:4200/v1/", false);
        check("http://localhost:4200/v1", false);
        check("http://[::1]:4200/v1", false);
        check("https://gateway.example/v1", true);
        check("http://127.0.0.1.example/v1", true);
        assert_eq!(at(openai, "http://127.0.0.1:1/v1/").base_url, "http://127.0.0.1:1/v1");
    }
}
