//! How candidates compare with what they are to stand in for: sums over copies.
//!
//! In: an alias, or all, and a span of time. Out: a row for each candidate. Copies are read in pieces and summed up as they come: memory
//! holds no more than there are candidates, whatever the number of copies.

use std::collections::BTreeMap;

use sqlx::{Row, SqlitePool};
use yumen_telemetry::{ComparedRecord, ShadowRecord, Spread};

use crate::error::StoreError;

/// Records that are read at once.
const PIECE: i64 = 4096;
/// Rows that are told apart: settings have changed as often as they may.
const ROWS_MOST: usize = 1024;
/// Under what the others are summed up.
const OTHERS: &str = "(others)";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowQuery {
    /// The alias whose requests were copied; all without it.
    pub alias: Option<String>,
    /// First moment, in Unix microseconds.
    pub since_us: i64,
}

/// How a candidate compares with an alias. Figures in pairs are those of the originals and of their copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShadowRow {
    /// The alias.
    pub alias: String,
    /// The candidate, as it was asked for.
    pub candidate: String,
    /// Copies that were sent.
    pub copies: u64,
    /// Those that were not answered.
    pub failed: u64,
    /// Those of which both answers could be read. All below but the costs are of these.
    pub compared: u64,
    /// Answered copies of which both costs are known.
    pub priced: u64,
    /// What those have cost.
    pub cost_nanos: [u64; 2],
    /// Output tokens.
    pub output_tokens: [u64; 2],
    /// Characters of texts.
    pub characters: [u64; 2],
    /// Microseconds to the end that a half did not exceed, at most a hundredth too high.
    pub total_us_p50: [u64; 2],
    /// The same for nine in ten.
    pub total_us_p90: [u64; 2],
    /// Pairs in which JSON was asked for.
    pub json_asked: u64,
    /// Answers to those that are JSON.
    pub json_valid: [u64; 2],
    /// Pairs in which one or both call tools.
    pub with_tools: u64,
    /// Those that call the same in the same order.
    pub same_tools: u64,
    /// Those whose arguments are the same too.
    pub same_arguments: u64,
    /// Pairs that ended for the same reason.
    pub same_finish: u64,
    /// How many in a thousand of their words are in both texts, on average of the pairs that have any.
    pub common_words: Option<u64>,
}

/// A row under way.
#[derive(Default)]
struct Group {
    row: ShadowRow,
    times: [Spread; 2],
    words: (u64, u64),
}

/// Rows by alias and candidate.
pub(crate) async fn compare(pool: &SqlitePool, query: &ShadowQuery) -> Result<Vec<ShadowRow>, StoreError> {
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    // Ids begin with the second of their exchange.
    let mut after = format!("gen-{:010}", query.since_us.div_euclid(1_000_000).clamp(0, 9_999_999_999));
    loop {
        let rows = sqlx::query(
            "SELECT id, started_at_us, model_requested, outcome, cost_nanos, output_tokens, total_us, shadow \
             FROM records WHERE shadow IS NOT NULL AND id > $1 ORDER BY id LIMIT $2",
        )
        .bind(&after)
        .bind(PIECE)
        .fetch_all(pool)
        .await?;
        let Some(last) = rows.last() else { break };
        after = last.try_get("id")?;
        for row in &rows {
            let text: &str = row.try_get("shadow")?;
            let shadow: ShadowRecord =
                serde_json::from_str(text).map_err(|_| StoreError::Row("shadow".to_owned()))?;
            let is_other = query.alias.as_ref().is_some_and(|alias| *alias != shadow.alias);
            if is_other || row.try_get::<i64, _>("started_at_us")? < query.since_us {
                continue;
            }
            let number = |name: &str| -> Result<u64, StoreError> {
                let number: Option<i64> = row.try_get(name)?;
                Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
            };
            let copy = Copied {
                is_answered: row.try_get::<&str, _>("outcome")? == "completed",
                cost_nanos: row
                    .try_get::<Option<i64>, _>("cost_nanos")?
                    .and_then(|cost| u64::try_from(cost).ok()),
                output_tokens: number("output_tokens")?,
                total_us: number("total_us")?,
            };
            let key = (shadow.alias.clone(), row.try_get("model_requested")?);
            group(&mut groups, key).add(&shadow, &copy);
        }
    }
    Ok(groups.into_iter().map(|((alias, candidate), group)| group.row(alias, candidate)).collect())
}

/// The group of an alias and a candidate; of too many one for all others.
fn group(groups: &mut BTreeMap<(String, String), Group>, key: (String, String)) -> &mut Group {
    let has_room = groups.len() < ROWS_MOST || groups.contains_key(&key);
    groups.entry(if has_room { key } else { (OTHERS.to_owned(), OTHERS.to_owned()) }).or_default()
}

/// What the copy's own columns say.
struct Copied {
    is_answered: bool,
    cost_nanos: Option<u64>,
    output_tokens: u64,
    total_us: u64,
}

impl Group {
    fn add(&mut self, shadow: &ShadowRecord, copy: &Copied) {
        let row = &mut self.row;
        row.copies += 1;
        if !copy.is_answered {
            row.failed += 1;
            return;
        }
        if let (Some(original), Some(copied)) = (shadow.cost_nanos, copy.cost_nanos) {
            row.priced += 1;
            add(&mut row.cost_nanos, original, copied);
        }
        let Some(compared) = &shadow.compared else { return };
        row.compared += 1;
        add(&mut row.output_tokens, shadow.output_tokens, copy.output_tokens);
        add(&mut row.characters, compared.original.characters, compared.copy.characters);
        for (times, time) in self.times.iter_mut().zip([shadow.total_us, copy.total_us]) {
            times.add(time);
        }
        self.compare(compared);
    }

    fn compare(&mut self, compared: &ComparedRecord) {
        let ComparedRecord { original, copy, same_finish, same_tools, same_arguments, common_words } =
            compared;
        let row = &mut self.row;
        if let (Some(original), Some(copy)) = (original.valid_json, copy.valid_json) {
            row.json_asked += 1;
            add(&mut row.json_valid, original.into(), copy.into());
        }
        row.with_tools += u64::from(same_tools.is_some());
        row.same_tools += u64::from(*same_tools == Some(true));
        row.same_arguments += u64::from(*same_arguments == Some(true));
        row.same_finish += u64::from(*same_finish);
        if let Some(words) = common_words {
            self.words.0 += u64::from(*words);
            self.words.1 += 1;
        }
    }

    fn row(self, alias: String, candidate: String) -> ShadowRow {
        let at = |percent| self.times.each_ref().map(|times| times.percentile(percent).unwrap_or(0));
        let (words, pairs) = self.words;
        let (total_us_p50, total_us_p90) = (at(50), at(90));
        let common_words = words.checked_div(pairs);
        ShadowRow { alias, candidate, total_us_p50, total_us_p90, common_words, ..self.row }
    }
}

fn add(sums: &mut [u64; 2], original: u64, copy: u64) {
    for (sum, amount) in sums.iter_mut().zip([original, copy]) {
        *sum = sum.saturating_add(amount);
    }
}

#[cfg(test)]
mod tests {
    use yumen_telemetry::AnswerFacts;

    use super::*;

    fn shadow(total_us: u64, compared: Option<ComparedRecord>) -> ShadowRecord {
        ShadowRecord {
            cost_nanos: Some(100),
            output_tokens: 10,
            total_us,
            compared,
            ..ShadowRecord::default()
        }
    }

    #[test]
    fn copies_take_no_more_room_than_there_are_candidates() {
        let facts = AnswerFacts { characters: 1, tool_calls: 0, valid_json: None };
        let compared = ComparedRecord {
            original: facts.clone(),
            copy: facts,
            same_finish: true,
            ..ComparedRecord::default()
        };
        let mut groups = BTreeMap::new();
        for number in 0..200_000_u64 {
            let copied = Copied { is_answered: true, cost_nanos: None, output_tokens: 1, total_us: number };
            let key = ("a".to_owned(), (number % 2 * number).to_string());
            group(&mut groups, key).add(&shadow(number, Some(compared.clone())), &copied);
        }
        assert_eq!(groups.len(), ROWS_MOST + 1);
        let row = groups.remove(&("a".to_owned(), "0".to_owned())).unwrap().row("a".into(), "0".into());
        assert_eq!(row.copies, 100_000);
        let [told, _] = row.total_us_p50;
        assert!((100_000..=101_000).contains(&told), "{told}");
    }

    #[test]
    fn pairs_are_summed_and_failures_only_counted() {
        let facts = |characters, valid_json| AnswerFacts { characters, tool_calls: 1, valid_json };
        let compared = |same, words| ComparedRecord {
            original: facts(10, Some(true)),
            copy: facts(20, Some(same)),
            same_finish: same,
            same_tools: Some(true),
            same_arguments: Some(same),
            common_words: words,
        };
        let copy =
            |total_us, cost_nanos| Copied { is_answered: true, cost_nanos, output_tokens: 5, total_us };
        let mut group = Group::default();
        group.add(&shadow(1, Some(compared(true, Some(1000)))), &copy(11, Some(7)));
        group.add(&shadow(2, Some(compared(false, Some(501)))), &copy(12, None));
        group.add(&shadow(3, Some(compared(true, None))), &copy(13, Some(8)));
        group.add(&shadow(4, None), &copy(14, Some(9)));
        group.add(&shadow(5, None), &Copied { is_answered: false, ..copy(99, Some(1)) });
        let expected = ShadowRow {
            alias: "a".into(),
            candidate: "c".into(),
            copies: 5,
            failed: 1,
            compared: 3,
            priced: 3,
            cost_nanos: [300, 24],
            output_tokens: [30, 15],
            characters: [30, 60],
            total_us_p50: [2, 12],
            total_us_p90: [3, 13],
            json_asked: 3,
            json_valid: [3, 2],
            with_tools: 3,
            same_tools: 3,
            same_arguments: 2,
            same_finish: 2,
            common_words: Some(750),
        };
        assert_eq!(group.row("a".into(), "c".into()), expected);
        assert_eq!(Group::default().row("a".into(), "c".into()).common_words, None);
    }
}
