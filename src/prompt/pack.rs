//! The prompt pack: templates, labels, roles, personas and scenarios of one language.
//!
//! The files under `prompts/` are compiled into the program. A folder named by an agenda may
//! replace any of them and add roles, personas and scenarios. What a batch uses is frozen with it
//! as text, so a pack is always built from a map of files, never from the disk.

use crate::domain::spec::Language;
use include_dir::{Dir, include_dir};
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

static PROMPTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts");

/// The text files of a pack by name, e.g. `vote.md` or `roles/designer.md`.
pub type Files = BTreeMap<String, String>;

/// Every template and the placeholders it must use, all of them and no others.
pub const TEMPLATES: &[(&str, &[&str])] = &[
    ("rules.md", &["topic", "scenario", "seats"]),
    ("describe.md", &[]),
    ("table.md", &["description", "introductions", "meeting", "kept_keywords", "core_concept"]),
    ("persona.md", &["seat_label", "persona", "role_label", "role_text", "switched"]),
    ("introduce.md", &["chars_min", "chars_max"]),
    ("story.md", &["chars"]),
    ("discuss.md", &["round", "rounds", "chars_min", "chars_max"]),
    ("keywords_line.md", &["count_min", "count_max"]),
    ("keywords.md", &["text", "count_min", "count_max"]),
    ("cluster.md", &["keywords"]),
    ("vote.md", &["candidates", "votes_max"]),
    ("switch.md", &["from_role_label", "to_role_label", "chars_min", "chars_max"]),
    ("rediscuss.md", &["from_role_label", "to_role_label", "chars_min", "chars_max"]),
    ("design.md", &["design_prompt"]),
    ("choose.md", &["cards"]),
    (
        "illustrate.md",
        &[
            "topic",
            "form",
            "elements",
            "users",
            "meaning",
            "image_prompt",
            "design_prompt",
            "keywords",
        ],
    ),
    ("reask.md", &["problem"]),
    (
        "minutes.md",
        &[
            "topic",
            "seats",
            "description",
            "stories",
            "keywords_kept",
            "keywords_outcome",
            "ballots_valid",
            "ballots_seats",
            "core_concept",
            "clusters",
            "switches",
            "winner",
            "cards_outcome",
            "dissent",
            "missing",
        ],
    ),
];

const LABELS: &str = "labels.toml";

/// What people read: names of roles, seats and stages, short words, reasons.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    pub roles: BTreeMap<String, String>,
    pub seats: BTreeMap<String, String>,
    pub stages: BTreeMap<String, String>,
    pub words: BTreeMap<String, String>,
    pub reasons: BTreeMap<String, String>,
}

/// What is wrong with a pack or an agenda's use of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the prompt pack has no file `{0}`")]
    NoFile(String),
    #[error(
        "`{0}` is no file of a prompt pack; roles/, personas/ and scenarios/ may hold new ones"
    )]
    UnknownFile(String),
    #[error("prompt `{file}` cannot be read as a template: {source}")]
    Template {
        file: String,
        #[source]
        source: minijinja::Error,
    },
    #[error("prompt `{file}` uses the unknown placeholder `{placeholder}`; it may use: {known}")]
    UnknownPlaceholder { file: String, placeholder: String, known: String },
    #[error("prompt `{file}` never uses its placeholder `{placeholder}`")]
    UnusedPlaceholder { file: String, placeholder: String },
    #[error("prompt file `labels.toml` cannot be read: {0}")]
    Labels(#[from] toml::de::Error),
}

/// The built-in files of a language.
pub fn built_in(language: Language) -> Files {
    let folder = PROMPTS.get_dir(language.code()).expect("both languages are compiled in");
    let mut files = Files::new();
    collect(folder, language.code(), &mut files);
    files
}

fn collect(folder: &Dir<'_>, root: &str, files: &mut Files) {
    for file in folder.files() {
        let path = file.path().strip_prefix(root).expect("it is below the language's folder");
        let text = file.contents_utf8().expect("prompts are UTF-8");
        files.insert(path.to_string_lossy().into_owned(), text.to_owned());
    }
    for inner in folder.dirs() {
        collect(inner, root, files);
    }
}

/// A checked pack, ready to render.
#[derive(Debug)]
pub struct Pack {
    env: Environment<'static>,
    files: Files,
    pub labels: Labels,
}

impl Pack {
    /// Compiles and checks every file: all templates are there, each uses all its placeholders
    /// and no others.
    pub fn new(files: Files) -> Result<Self, Error> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, placeholders) in TEMPLATES {
            let text = files.get(*name).ok_or_else(|| Error::NoFile((*name).to_owned()))?;
            let wrong = |source| Error::Template { file: (*name).to_owned(), source };
            env.add_template_owned(*name, text.clone()).map_err(wrong)?;
            let used = env.get_template(name).map_err(wrong)?.undeclared_variables(false);
            check_placeholders(name, placeholders, &used.into_iter().collect())?;
        }
        if let Some(stray) = files.keys().find(|name| !is_known(name)) {
            return Err(Error::UnknownFile(stray.clone()));
        }
        let labels = files.get(LABELS).ok_or_else(|| Error::NoFile(LABELS.to_owned()))?;
        let labels = toml::from_str(labels)?;
        Ok(Self { env, files, labels })
    }

    /// Fills in a template. `values` must hold all its placeholders.
    pub fn render(&self, name: &str, values: Value) -> Result<String, Error> {
        self.env
            .get_template(name)
            .and_then(|template| template.render(values))
            .map(|text| text.trim_end().to_owned())
            .map_err(|source| Error::Template { file: name.to_owned(), source })
    }

    /// The text of a role, persona or scenario, e.g. `plain("roles", "designer")`.
    pub fn plain(&self, folder: &str, name: &str) -> Result<&str, Error> {
        let file = format!("{folder}/{name}.md");
        self.files.get(&file).map(|text| text.trim()).ok_or(Error::NoFile(file))
    }

    /// The first line of a persona file without its `# `: the person's name.
    pub fn persona_name(&self, persona: &str) -> Result<&str, Error> {
        let text = self.plain("personas", persona)?;
        Ok(text.lines().next().unwrap_or_default().trim_start_matches('#').trim())
    }

    /// A role's name for people; a role without a label is shown by its id.
    pub fn role_label<'a>(&'a self, role: &'a str) -> &'a str {
        self.labels.roles.get(role).map_or(role, String::as_str)
    }

    /// A seat's name for people; a seat without a label is shown by its id.
    pub fn seat_label<'a>(&'a self, seat: &'a str) -> &'a str {
        self.labels.seats.get(seat).map_or(seat, String::as_str)
    }

    /// A stage's title.
    pub fn stage_title<'a>(&'a self, stage: &'a str) -> &'a str {
        self.labels.stages.get(stage).map_or(stage, String::as_str)
    }

    /// A reason of the closed set in `result::Missing`, in words.
    pub fn reason<'a>(&'a self, reason: &'a str) -> &'a str {
        self.labels.reasons.get(reason).map_or(reason, String::as_str)
    }
}

fn check_placeholders(name: &str, known: &[&str], used: &BTreeSet<String>) -> Result<(), Error> {
    if let Some(placeholder) = used.iter().find(|used| !known.contains(&used.as_str())) {
        return Err(Error::UnknownPlaceholder {
            file: name.to_owned(),
            placeholder: placeholder.clone(),
            known: known.join(", "),
        });
    }
    match known.iter().find(|known| !used.contains(**known)) {
        Some(placeholder) => Err(Error::UnusedPlaceholder {
            file: name.to_owned(),
            placeholder: (*placeholder).to_owned(),
        }),
        None => Ok(()),
    }
}

fn is_known(name: &str) -> bool {
    let in_folder =
        ["roles/", "personas/", "scenarios/"].iter().any(|folder| name.starts_with(folder));
    in_folder || name == LABELS || TEMPLATES.iter().any(|(template, _)| *template == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_hold_the_same_files_and_pass_the_check() {
        let (en, zh) = (built_in(Language::En), built_in(Language::Zh));
        assert_eq!(en.keys().collect::<Vec<_>>(), zh.keys().collect::<Vec<_>>());
        let (en, zh) = (Pack::new(en).unwrap(), Pack::new(zh).unwrap());
        let keys = |labels: &Labels| {
            [&labels.roles, &labels.seats, &labels.stages, &labels.words, &labels.reasons]
                .map(|table| table.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(keys(&en.labels), keys(&zh.labels));
    }

    #[test]
    fn personas_are_long_enough_to_be_somebody() {
        for (name, text) in built_in(Language::En) {
            if name.starts_with("personas/") {
                let words = text.split_whitespace().count();
                assert!(words >= 120, "{name} has {words} words");
            }
        }
    }

    #[test]
    fn a_wrong_placeholder_is_named_with_the_file() {
        let check = |text: &str, message: &str| {
            let mut files = built_in(Language::En);
            files.insert("reask.md".into(), text.into());
            assert_eq!(Pack::new(files).unwrap_err().to_string(), message);
        };
        check(
            "{{ problem }} {{ tpoic }}",
            "prompt `reask.md` uses the unknown placeholder `tpoic`; it may use: problem",
        );
        check("again", "prompt `reask.md` never uses its placeholder `problem`");
    }

    #[test]
    fn a_stray_file_is_refused_and_a_new_role_is_not() {
        let mut files = built_in(Language::En);
        files.insert("roles/gardener.md".into(), "You grow things.".into());
        assert!(Pack::new(files.clone()).is_ok());
        files.insert("vtoe.md".into(), String::new());
        assert!(matches!(Pack::new(files), Err(Error::UnknownFile(name)) if name == "vtoe.md"));
    }
}
