//! Orders one image from one of three kinds of services and brings its bytes home.
//!
//! Base64 inside the reply is asked for where a service offers it. A URL is fetched at once, as
//! such links live for an hour or a day; how is in [`super::download`].

use super::client::{Client, request_id};
use super::clocks::Clocks;
use super::error::{End, Happened};
use super::{Error, Image, ImageRequest, Reply, body, download, usage};
use crate::domain::cost::Usage;
use crate::domain::models::ImageApi;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// The largest image that is kept, in bytes.
pub(super) const IMAGE_BYTES_MAX: usize = 32 << 20;
/// The largest reply: an image in base64 and some words around it.
const REPLY_BYTES_MAX: usize = IMAGE_BYTES_MAX / 3 * 4 + (1 << 20);

/// What has been learned of the reply so far.
#[derive(Debug, Default)]
struct Drawn {
    images: Vec<Image>,
    /// How many the service made, whether or not they could be brought home.
    made: usize,
    usage: Usage,
    cost_usd: Option<f64>,
    model: Option<String>,
    request_id: Option<String>,
}

impl Client {
    pub(super) async fn draw(&self, request: &ImageRequest) -> Result<Reply, Error> {
        let mut drawn = Drawn::default();
        let received = self.receive_images(request, &mut drawn).await;
        let Drawn { images, made, usage, cost_usd, model, request_id } = drawn;
        let cost = self.price(cost_usd, &request.model, &usage, made);
        if let Err(happened) = received {
            return Err(self.error(&happened, usage, cost, request_id));
        }
        let (cost, price_source) = cost.unzip();
        Ok(Reply {
            text: String::new(),
            truncated: false,
            images,
            usage,
            cost,
            price_source,
            model_used: model,
            request_id,
        })
    }

    async fn receive_images(
        &self,
        request: &ImageRequest,
        drawn: &mut Drawn,
    ) -> Result<(), Happened> {
        let mut clocks = Clocks::start(self.timeouts);
        let (path, order) = order(request, self.endpoint.image_api);
        let response = self.send(self.post(path, &order), &mut clocks).await?;
        drawn.request_id = request_id(response.headers());
        let reply = match body::sniff(response, REPLY_BYTES_MAX, &mut clocks).await? {
            body::Kind::Json(rest) => {
                let bytes = rest.whole(&mut clocks).await?;
                serde_json::from_slice(&bytes).map_err(|_| Happened::not_json(&bytes))?
            }
            body::Kind::Page(rest) => return Err(Happened::page(&rest.whole(&mut clocks).await?)),
            body::Kind::Events(_) => {
                return Err(Happened::Ended(End::NotJson("a stream instead of images".to_owned())));
            }
            body::Kind::Nothing => return Err(Happened::Ended(End::Empty)),
        };
        drawn.learn(&reply);
        let links = links(&reply)?;
        drawn.made = links.len();
        for link in links {
            let bytes = match link {
                Link::Inline(bytes) => bytes,
                Link::Url(url) => download::fetch(&url, &self.endpoint.base_url, &clocks).await?,
            };
            drawn.images.push(told_by_content(bytes)?);
        }
        Ok(())
    }
}

impl Drawn {
    fn learn(&mut self, reply: &Value) {
        let name = |field: &str| reply.get(field).and_then(Value::as_str).map(str::to_owned);
        self.model = name("model");
        self.request_id = self.request_id.take().or_else(|| name("id"));
        if let Some(reported) = reply.get("usage") {
            self.usage = usage::tokens(reported);
            self.cost_usd = usage::cost_usd(reported);
        }
    }
}

/// The path below the base URL, and the body.
fn order(request: &ImageRequest, api: ImageApi) -> (&'static str, Value) {
    let mut order = Map::new();
    let mut set = |field: &str, value: Value| {
        order.insert(field.to_owned(), value);
    };
    set("model", json!(request.model));
    set("prompt", json!(request.prompt));
    set("size", json!(request.size));
    let path = match api {
        ImageApi::Openai => {
            set("n", json!(1));
            // The GPT image models always answer in base64 and refuse to be told to. The service
            // refuses fields it does not know, so there is no seed.
            if !request.model.contains("gpt-image") {
                set("response_format", json!("b64_json"));
            }
            "images/generations"
        }
        ImageApi::Openrouter => {
            set("n", json!(1));
            set("seed", json!(request.seed));
            "images"
        }
        ImageApi::Ark => {
            set("response_format", json!("b64_json"));
            // Its default differs between versions; our pictures are labelled in the report.
            set("watermark", json!(false));
            // Models after 3.0 do not take a seed. The service's range is that of an i32.
            if request.model.contains("seedream-3") {
                set("seed", json!(request.seed & 0x7fff_ffff));
            }
            "images/generations"
        }
    };
    (path, Value::Object(order))
}

/// Where an image of a reply is.
enum Link {
    Inline(Bytes),
    Url(String),
}

/// The images of a reply, in its order. An item that is an error is no image; if there is no
/// other, that error is what happened.
fn links(reply: &Value) -> Result<Vec<Link>, Happened> {
    let no_image = |why: &str| Happened::Ended(End::NoImage(why.to_owned()));
    let said = |error: &&Value| !error.is_null();
    let items = reply.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut links = Vec::new();
    for item in items {
        if let Some(inline) = item.get("b64_json").and_then(Value::as_str) {
            // Some put a data URL where the bare base64 belongs.
            let base64 = inline.split_once("base64,").map_or(inline, |(_, rest)| rest);
            let bytes = STANDARD.decode(base64.trim()).map_err(|_| no_image("not base64"))?;
            links.push(Link::Inline(bytes.into()));
        } else if let Some(url) = item.get("url").and_then(Value::as_str) {
            links.push(Link::Url(url.to_owned()));
        }
    }
    if !links.is_empty() {
        return Ok(links);
    }
    let error = reply.get("error").filter(said);
    let error = error.or_else(|| items.iter().find_map(|item| item.get("error").filter(said)));
    Err(match error {
        Some(error) => Happened::ErrorInBody(error.clone()),
        None => no_image("the reply has none"),
    })
}

/// The type comes from the bytes: the reply's word for it, if any, is often wrong.
fn told_by_content(bytes: Bytes) -> Result<Image, Happened> {
    let mime = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        "image/png"
    } else if bytes.starts_with(b"\xFF\xD8\xFF") {
        "image/jpeg"
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        "image/webp"
    } else {
        return Err(Happened::Ended(End::NoImage("neither PNG, JPEG nor WebP".to_owned())));
    };
    if bytes.len() > IMAGE_BYTES_MAX {
        return Err(Happened::Ended(End::TooLong));
    }
    Ok(Image { bytes, mime: mime.to_owned() })
}
