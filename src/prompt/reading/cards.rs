//! Design cards: six texts, all of them or none.

use super::fields::{self, Key};
use super::json::Json;
use super::{FIELD_CHARS_MAX, Leniency, Notes, Read, Unreadable, Why, opening, search};

/// The fields of a design card, in the order in which they are asked for and shown.
pub const CARD_FIELDS: [&str; 6] =
    ["form", "elements", "function", "users", "meaning", "image_prompt"];

const KEYS: [Key; 6] = [
    Key { name: CARD_FIELDS[0], aliases: &["product_form", "形态", "形式", "产品形式"] },
    Key { name: CARD_FIELDS[1], aliases: &["design_elements", "元素", "设计元素"] },
    Key { name: CARD_FIELDS[2], aliases: &["functions", "功能"] },
    Key { name: CARD_FIELDS[3], aliases: &["target_users", "user", "用户", "目标用户"] },
    Key {
        name: CARD_FIELDS[4], aliases: &["cultural_meaning", "含义", "文化含义", "文化内涵"]
    },
    Key { name: CARD_FIELDS[5], aliases: &["prompt", "图像提示", "图像提示词"] },
];

/// What one seat designed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardReply {
    pub form: String,
    pub elements: String,
    pub function: String,
    pub users: String,
    pub meaning: String,
    pub image_prompt: String,
}

/// Reads a design card. A field that is a list becomes one text, joined by `", "`.
///
/// # Errors
/// All missing or empty fields at once; a field that is not text or too long by its name.
pub fn card(reply: &str) -> Result<Read<CardReply>, Unreadable> {
    let (text, mut notes) = opening::open(reply)?;
    let found = search::find(&text, &mut notes)?;
    let Json::Object(mut fields) = fields::unwrap_layer(found, &KEYS, &mut notes) else {
        return Err(Why::WrongShape.into());
    };
    let mut texts: [String; 6] = Default::default();
    let mut missing = Vec::new();
    for (key, text) in KEYS.iter().zip(&mut texts) {
        let value = key.take(&mut fields, &mut notes).unwrap_or(Json::Null);
        *text = field(key.name, value, &mut notes)?;
        if text.is_empty() {
            missing.push(key.name);
        }
    }
    if !missing.is_empty() {
        return Err(Why::FieldsMissing(missing).into());
    }
    notes.note_if(!fields.is_empty(), Leniency::UnknownDropped);
    let [form, elements, function, users, meaning, image_prompt] = texts;
    Ok(notes.read(CardReply { form, elements, function, users, meaning, image_prompt }))
}

/// The field's text, empty if there is none.
fn field(name: &'static str, value: Json, notes: &mut Notes) -> Result<String, Why> {
    let text = match value {
        Json::Null => String::new(),
        Json::List(items) => {
            notes.note(Leniency::ListForScalar);
            joined(items, notes).ok_or(Why::FieldNotText(name))?
        }
        other => other.into_text(notes).ok_or(Why::FieldNotText(name))?,
    };
    let text = text.trim();
    if text.chars().count() > FIELD_CHARS_MAX {
        return Err(Why::FieldTooLong(name));
    }
    Ok(text.to_owned())
}

fn joined(items: Vec<Json>, notes: &mut Notes) -> Option<String> {
    let mut texts = Vec::new();
    for item in items {
        let text = item.into_text(notes)?;
        if !text.trim().is_empty() {
            texts.push(text.trim().to_owned());
        }
    }
    Some(texts.join(", "))
}
