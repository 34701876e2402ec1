//! `index.html` and `transcript.md`: a discussion for people.
//!
//! Every value is escaped for its format by the template engine; nothing a model or a user wrote
//! is ever marked as safe. Pages carry their style, need no network and run no script but the one
//! that shows the numbers of `telemetry.js`, if that is there.

use super::{BatchInput, JobInput, markdown, view, words};
use crate::domain::result::JobResult;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/telemetry.js");

/// The name of Markdown's escaping.
const MARKDOWN: &str = "markdown";

/// The one template that is not HTML.
const TRANSCRIPT: &str = "transcript.md";

const TEMPLATES: [(&str, &str); 6] = [
    ("base.html", include_str!("html/base.html")),
    ("parts.html", include_str!("html/parts.html")),
    ("votes.html", include_str!("html/votes.html")),
    ("index.html", include_str!("html/index.html")),
    ("report.html", include_str!("html/report.html")),
    (TRANSCRIPT, include_str!("html/transcript.md")),
];

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.expect("the usual marks are a syntax"));
    env.set_auto_escape_callback(|name| {
        if name == TRANSCRIPT { AutoEscape::Custom(MARKDOWN.into()) } else { AutoEscape::Html }
    });
    env.set_formatter(write_value);
    env.add_filter("quote", markdown::quote_filter);
    env.add_filter("shown", shown);
    env.add_global("style", Value::from_safe_string(STYLE.to_owned()));
    env.add_global("script", Value::from_safe_string(SCRIPT.to_owned()));
    env.add_global("policy", Value::from_safe_string(policy()));
    for (name, text) in TEMPLATES {
        env.add_template(name, text).expect("the built-in templates are checked by tests");
    }
    env
});

/// Escapes for Markdown where a template is one; the engine's own way otherwise.
fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    let is_markdown = matches!(state.auto_escape(), AutoEscape::Custom(name) if name == MARKDOWN);
    if !is_markdown || value.is_undefined() {
        return minijinja::escape_formatter(out, state, value);
    }
    let text = value.to_string();
    let text = if value.is_safe() { text } else { markdown::inline(&text) };
    out.write_str(&text).map_err(Error::from)
}

/// Control characters made visible: HTML has no way to write most of them.
fn shown(text: &str) -> String {
    let shown = |c: char| {
        let hidden = c.is_control() && !matches!(c, '\n' | '\t' | '\r');
        if hidden { char::REPLACEMENT_CHARACTER } else { c }
    };
    text.chars().map(shown).collect()
}

/// The page may show pictures that lie beside it, its own style and its own script; no network.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; img-src 'self' file:; style-src 'sha256-{}'; \
         script-src 'self' file: 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT),
    )
}

/// The bytes of a job's `index.html`.
pub fn index_html(batch: &BatchInput<'_>, job: &JobInput<'_>, result: &JobResult) -> Vec<u8> {
    render(batch, "index.html", &view::of(batch, job, result))
}

/// The bytes of a job's `transcript.md`.
pub fn transcript_md(batch: &BatchInput<'_>, job: &JobInput<'_>, result: &JobResult) -> Vec<u8> {
    render(batch, TRANSCRIPT, &view::of(batch, job, result))
}

/// Fills in a template with a view and the words of the batch's language.
pub(super) fn render(batch: &BatchInput<'_>, template: &str, view: &impl Serialize) -> Vec<u8> {
    let values = minijinja::context! {
        it => Value::from(Serde(view)),
        t => words::translator(batch),
    };
    let rendered = ENGINE.get_template(template).and_then(|template| template.render(values));
    let mut text = rendered.expect("the built-in templates name only what their views have");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.into_bytes()
}
