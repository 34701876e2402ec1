//! The JSON schemas we ask structured replies with.
//!
//! They keep the strict rules that `OpenAI` sets and others copied: every property is required and
//! nothing else is allowed. `uniqueItems` is not used, because several providers refuse a schema
//! that has it. A schema is a request, not a guarantee: [`super::reading`] checks every reply.

use serde_json::{Value, json};

/// An approval ballot: at most `votes_max` of the candidates' ids.
pub fn ballot(ids: &[String], votes_max: usize) -> (&'static str, Value) {
    let approved = json!({ "type": "array", "items": one_of(ids), "maxItems": votes_max });
    ("ballot", object(&[("approved", approved)]))
}

/// A ranking of the candidates' ids, best first.
pub fn ranking(ids: &[String]) -> (&'static str, Value) {
    let order = json!({ "type": "array", "items": one_of(ids), "maxItems": ids.len() });
    ("ranking", object(&[("ranking", order)]))
}

/// Groups of keywords with titles, and one concept above them all.
pub fn clusters() -> (&'static str, Value) {
    let group = object(&[("title", text()), ("keywords", list_of(&text()))]);
    let reply = object(&[("core_concept", text()), ("groups", list_of(&group))]);
    ("clusters", reply)
}

/// A design card: six texts, none of them optional.
pub fn card() -> (&'static str, Value) {
    let fields = super::reading::CARD_FIELDS.map(|name| (name, text()));
    ("card", object(&fields))
}

/// An object with exactly these properties.
fn object(properties: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn one_of(ids: &[String]) -> Value {
    json!({ "type": "string", "enum": ids })
}

fn list_of(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn text() -> Value {
    json!({ "type": "string" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<String> {
        vec!["c1".to_owned(), "c2".to_owned(), "c3".to_owned()]
    }

    fn all() -> [(&'static str, Value); 4] {
        [ballot(&ids(), 2), ranking(&ids()), clusters(), card()]
    }

    /// Walks every object schema inside `schema`.
    fn check_strict(schema: &Value) {
        if schema["type"] == "object" {
            assert_eq!(schema["additionalProperties"], false, "{schema}");
            let properties = schema["properties"].as_object().expect("an object schema");
            let required = schema["required"].as_array().expect("a list");
            assert_eq!(required.len(), properties.len(), "{schema}");
            for name in required {
                check_strict(&properties[name.as_str().expect("a name")]);
            }
        }
        if schema["type"] == "array" {
            assert!(schema.get("uniqueItems").is_none(), "{schema}");
            check_strict(&schema["items"]);
        }
    }

    #[test]
    fn every_schema_keeps_the_strict_rules() {
        for (name, schema) in all() {
            assert!(!name.is_empty());
            assert!(jsonschema::meta::is_valid(&schema), "{schema}");
            check_strict(&schema);
        }
    }

    fn check(schema: &Value, reply: &Value, valid: bool) {
        let validator = jsonschema::validator_for(schema).expect("a valid schema");
        assert_eq!(validator.is_valid(reply), valid, "{reply} against {schema}");
    }

    #[test]
    fn schemas_accept_what_they_ask_for_and_nothing_else() {
        let (_, ballot) = ballot(&ids(), 2);
        check(&ballot, &json!({ "approved": ["c1", "c3"] }), true);
        check(&ballot, &json!({ "approved": ["c1", "c2", "c3"] }), false);
        check(&ballot, &json!({ "approved": ["c4"] }), false);
        check(&ballot, &json!({ "approved": [], "why": "" }), false);

        let (_, ranking) = ranking(&ids());
        check(&ranking, &json!({ "ranking": ["c3", "c1", "c2"] }), true);
        check(&ranking, &json!({ "ranking": "c3" }), false);

        let (_, clusters) = clusters();
        let group = json!({ "title": "Wings", "keywords": ["butterfly"] });
        let good = json!({ "core_concept": "Symmetry", "groups": [group] });
        check(&clusters, &good, true);
        check(&clusters, &json!({ "groups": [] }), false);

        let (_, card) = card();
        let full: serde_json::Map<String, Value> = crate::prompt::reading::CARD_FIELDS
            .iter()
            .map(|name| ((*name).to_owned(), json!("x")))
            .collect();
        check(&card, &Value::Object(full.clone()), true);
        let mut short = full;
        short.remove("meaning");
        check(&card, &Value::Object(short), false);
    }
}
