//! Which models are asked, and where.

use serde::{Deserialize, Serialize};

/// How a service is asked for structured answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// `response_format: {type: "json_schema"}`.
    #[default]
    JsonSchema,
    /// `response_format: {type: "json_object"}`; the shape is told in the prompt.
    JsonObject,
    /// By the prompt alone.
    Prompt,
}

/// The wire form of an image service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageApi {
    /// `POST {base}/images/generations`.
    #[default]
    Openai,
    /// `POST {base}/images`.
    Openrouter,
    /// Volcano Engine Ark: `POST {base}/images/generations` with its own fields.
    Ark,
}

/// Where a model is asked, without the key: keys never leave the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The provider's name: `openrouter`, `deepseek`, `rehearsal`…
    pub provider: String,
    /// Without a trailing slash; empty for the rehearsal, which each worker starts for itself.
    pub base_url: String,
    /// The environment variable that holds the key; none where no key is needed.
    pub key_env: Option<String>,
    pub structured: Structured,
    pub image_api: ImageApi,
    /// The token limit's field is `max_completion_tokens` instead of `max_tokens`.
    pub completion_tokens_field: bool,
}

/// A model at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    pub endpoint: Endpoint,
    pub model: String,
}

/// The models of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Models {
    pub vision: ModelRef,
    pub chat: ModelRef,
    /// None: `illustrate` is skipped, and said so.
    pub image: Option<ModelRef>,
}

impl Models {
    /// Those there are.
    pub fn all(&self) -> impl Iterator<Item = &ModelRef> {
        let Self { vision, chat, image } = self;
        [Some(vision), Some(chat), image.as_ref()].into_iter().flatten()
    }
}
