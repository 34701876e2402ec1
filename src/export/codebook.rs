//! Every column of every table: its name, meaning, unit and range.
//!
//! The tables are written from these lists, so a column cannot exist without an explanation.
//! Columns may be added at a table's end; they are never renamed or reordered.

mod columns;

pub use columns::{
    ATTEMPTS, CALLS, CARDS, CLUSTERS, JOBS, KEYWORDS, REJECTED, TALLIES, TURNS, VOTES,
};

use std::fmt::Write as _;

/// One CSV file of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// E.g. `jobs.csv`.
    pub file: &'static str,
    /// What one row is.
    pub about: &'static str,
    pub columns: &'static [Column],
}

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub meaning: &'static str,
    /// `text`, `list`, `number`, `id`, `boolean`, `SHA-256`, `USD`, `ms`, `tokens`, `time`.
    pub unit: &'static str,
    /// The values it may take; where it may be empty, when.
    pub range: &'static str,
}

/// All tables, in the order in which the contract lists them.
pub const TABLES: [&Table; 10] =
    [&JOBS, &TURNS, &KEYWORDS, &CLUSTERS, &VOTES, &TALLIES, &CARDS, &CALLS, &ATTEMPTS, &REJECTED];

/// The codebook as Markdown: one section a table, one line a column.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Codebook\n\n\
         CSV files are UTF-8 with LF line ends, quoted after RFC 4180, always with a header. Rows \
         stand by index and then in natural order. Lists are joined by ` | `, booleans are `true` \
         and `false`, what is missing is empty. A text that starts with `=`, `+`, `-`, `@`, a tab \
         or a carriage return gets a leading `'`.\n",
    );
    for table in TABLES {
        write!(
            text,
            "\n## {}\n\n{}\n\n| column | meaning | unit | range |\n|---|---|---|---|\n",
            table.file, table.about
        )
        .expect("memory can be written to");
        for Column { name, meaning, unit, range } in table.columns {
            writeln!(text, "| `{name}` | {meaning} | {unit} | {range} |")
                .expect("memory can be written to");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(table: &Table) -> String {
        table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn every_table_has_the_columns_of_the_contract_in_its_order() {
        let check = |table: &Table, promised: &str, added: &str| {
            assert_eq!(header(table), format!("{promised}{added}"), "{}", table.file);
        };
        check(
            &JOBS,
            "batch,index,source,external_id,picture_sha256,topic,agenda,language,rehearsal,state,\
             duplicate_of_index,description,keywords,core_concept,winning_seat,winning_card,\
             generated_images,statements,expected_calls,obtained_calls,not_obtained,error_code,\
             error",
            ",duplicate_of_batch",
        );
        check(&TURNS, "batch,index,stage,round,position,seat,role,persona,status,text", "");
        check(&KEYWORDS, "batch,index,stage,seat,keyword,normalised,cluster,votes,kept", "");
        check(&CLUSTERS, "batch,index,cluster,title,keyword,core_concept", "");
        check(
            &VOTES,
            "batch,index,ballot,rule,seat,role,status,candidate_id,candidate,shown_position,\
             approved,rank,own",
            "",
        );
        check(
            &TALLIES,
            "batch,index,ballot,rule,candidate_id,candidate,score,ballots_valid,seats,threshold,\
             kept,place,tie_break",
            "",
        );
        check(
            &CARDS,
            "batch,index,seat,role,card_id,form,elements,function,users,meaning,image_prompt,place",
            "",
        );
        check(
            &CALLS,
            "batch,index,job,call,stage,round,seat,ask,try,outcome,provider,model_asked,\
             model_used,request_id,tokens_in,tokens_cached,tokens_out,tokens_reasoning,cost_usd,\
             price_source,ms,started_at,attempt",
            "",
        );
        check(&ATTEMPTS, "batch,index,job,attempt,worker,started_at,ended_at,ending,stage", "");
        check(&REJECTED, "batch,source,external_id,code,reason", "");
    }

    #[test]
    fn the_codebook_explains_every_column_of_every_table() {
        let text = markdown();
        for table in TABLES {
            assert!(text.contains(&format!("\n## {}\n", table.file)));
            for column in table.columns {
                let Column { name, meaning, unit, range } = column;
                assert!(text.contains(&format!("| `{name}` |")), "{name}");
                assert!(![meaning, unit, range].iter().any(|text| text.is_empty()), "{name}");
                assert!(!format!("{meaning}{unit}{range}").contains('|'), "{name}");
            }
        }
    }
}
