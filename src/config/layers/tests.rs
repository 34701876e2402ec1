use super::*;
use crate::config::values::duration;
use clap::value_parser;

fn command() -> Command {
    Command::new("t").arg(Arg::new("json").long("json").action(ArgAction::SetTrue)).subcommand(
        Command::new("run")
            .arg(Arg::new("calls").long("max-calls").value_parser(value_parser!(u32).range(1..=99)))
            .arg(Arg::new("cost").long("max-cost").value_parser(value_parser!(MicroUsd)))
            .arg(Arg::new("fails").long("max-fails").value_parser(value_parser!(MaxFails)))
            .arg(Arg::new("wait").long("wait").value_parser(duration))
            .arg(Arg::new("lang").long("lang").value_parser(["en", "zh"]))
            .arg(Arg::new("state").long("state").value_delimiter(',').action(ArgAction::Append))
            .arg(Arg::new("verbose").long("verbose").action(ArgAction::Count))
            .arg(Arg::new("plain").required(true)),
    )
}

fn in_file(key: &str, value: Value) -> Setting {
    let origin = Origin::File { name: "t.toml".to_owned(), line: 7 };
    Setting { key: key.to_owned(), value, origin }
}

fn layered(environment: &Environment, file: &[Setting]) -> Result<Layers, Vec<String>> {
    Layers::new(&command(), environment, file)
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

#[test]
fn the_file_s_values_must_have_the_flag_s_kind() {
    let text = |t: &str| Value::Text(t.to_owned());
    let check = |key: &str, value: Value, expected: Result<&str, &str>| {
        let result = layered(&Environment::default(), &[in_file(key, value)]);
        let result = result.map(|layers| layers.get(key).unwrap().0.clone());
        let expected = expected.map(str::to_owned).map_err(|m| vec![format!("t.toml:7: {m}")]);
        assert_eq!(result, expected, "{key}");
    };
    check("json", Value::Flag(true), Ok("true"));
    check("json", text("true"), Err("`json` must be true or false"));
    check("max_calls", Value::Whole("9".to_owned()), Ok("9"));
    check("max_calls", text("9"), Err("`max_calls` must be a whole number"));
    check("max_calls", Value::Whole("100".to_owned()), Err("`max_calls`: 100 is not in 1..=99"));
    check("max_calls", Value::Whole("-1".to_owned()), Err("`max_calls`: -1 is not in 1..=99"));
    check("max_cost", Value::Number("2.5".to_owned()), Ok("2.5"));
    check("max_cost", Value::Whole("2".to_owned()), Ok("2"));
    check("max_cost", text("2.50"), Ok("2.50"));
    check(
        "max_cost",
        Value::Whole("-2".to_owned()),
        Err("`max_cost`: `-2` is not an amount in US dollars such as 12.50"),
    );
    check("max_fails", Value::Whole("3".to_owned()), Ok("3"));
    check("max_fails", text("5%"), Ok("5%"));
    check("wait", text("10m"), Ok("10m"));
    check(
        "wait",
        text("10"),
        Err("`wait`: `10` is not a length of time such as 90s, 10m or 1h30m"),
    );
    check("lang", text("zh"), Ok("zh"));
    check("lang", text("zhh"), Err("`lang`: `zhh` is not one of en, zh (did you mean `zh`?)"));
    check("state", Value::List(vec!["a".to_owned(), "b".to_owned()]), Ok("a,b"));
    check("state", text("a"), Ok("a"));
    check("verbose", Value::Whole("2".to_owned()), Ok("2"));
    check("lang", Value::Flag(true), Err("`lang` must be a text in quotes"));
}

#[test]
fn variables_are_texts_and_flags_read_the_usual_words() {
    let check = |name: &str, value: &str, expected: Option<&str>| {
        let key = name.strip_prefix(PREFIX).unwrap().to_lowercase();
        let result = layered(&Environment::of([(name, value)]), &[]);
        let result = result.ok().and_then(|layers| layers.get(&key).map(|(text, _)| text.clone()));
        assert_eq!(result.as_deref(), expected, "{name}={value}");
    };
    for yes in ["1", "true", "YES", "on"] {
        check("TABLEROUND_JSON", yes, Some("true"));
    }
    for no in ["0", "False", "no", "off"] {
        check("TABLEROUND_JSON", no, Some("false"));
    }
    check("TABLEROUND_JSON", "perhaps", None);
    check("TABLEROUND_MAX_CALLS", "7", Some("7"));
    check("TABLEROUND_MAX_CALLS", "seven", None);
    check("TABLEROUND_MAX_CALLS", "", None);
    check("TABLEROUND_STATE", "a,b", Some("a,b"));
    check("TABLEROUND_VERBOSE", "2", Some("2"));
}

#[test]
fn a_variable_goes_before_the_file_and_a_typed_flag_before_both() {
    let file = [in_file("lang", Value::Text("en".to_owned()))];
    let check = |environment: &Environment, typed: &[&str], expected: Option<&str>| {
        let layers = layered(environment, &file).unwrap();
        let words = ["t", "run", "x"].into_iter().chain(typed.iter().copied());
        let matches = layers.beneath(command()).try_get_matches_from(words).unwrap();
        let run = matches.subcommand_matches("run").unwrap();
        assert_eq!(run.get_one::<String>("lang").map(String::as_str), expected);
    };
    let variable = Environment::of([("TABLEROUND_LANG", "zh")]);
    check(&Environment::default(), &[], Some("en"));
    check(&variable, &[], Some("zh"));
    check(&variable, &["--lang", "en"], Some("en"));
}

#[test]
fn every_wrong_variable_and_setting_is_told_at_once() {
    let environment = Environment::of([("TABLEROUND_LANG", "fr"), ("TABLEROUND_WAIT", "soon")]);
    let file = [in_file("max_calls", Value::Whole("0".to_owned()))];
    let told = layered(&environment, &file).unwrap_err();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("TABLEROUND_WAIT: `wait`")), "{told:?}");
}

#[test]
fn a_misspelt_variable_is_pointed_out() {
    let environment = Environment::of([
        ("TABLEROUND_MAX_CALL", "1"),
        ("TABLEROUND_LANG", "en"),
        ("TABLEROUND_FAILPOINT", "x:1"),
    ]);
    assert_eq!(
        strange_variables(&command(), &environment),
        ["the variable TABLEROUND_MAX_CALL means nothing here (did you mean \
          `TABLEROUND_MAX_CALLS`?)"]
    );
}
