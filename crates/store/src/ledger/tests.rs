use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use yumen_telemetry::RecordWriter;

use super::insert::Step;
use super::*;
use crate::samples::{NOON_US, record};
use crate::usage::{self, GroupBy, UsageQuery, UsageRow};

/// Remembers which records passed.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl RecordObserver for Seen {
    fn observe(&mut self, record: &ExchangeRecord) {
        self.0.lock().unwrap().push(record.id.clone());
    }
}

impl Seen {
    fn take(&self) -> Vec<String> {
        let mut seen = std::mem::take(&mut *self.0.lock().unwrap());
        seen.sort();
        seen
    }
}

async fn database(dir: &Path) -> Database {
    Database::open(&dir.join("yumen.db")).await.unwrap()
}

fn settings(dir: &Path) -> SpoolSettings {
    SpoolSettings { segment_bytes: 2000, ..SpoolSettings::new(dir.join("spool")) }
}

async fn start(dir: &Path, seen: &Seen) -> Ledger {
    Ledger::start(database(dir).await, settings(dir), vec![Box::new(seen.clone())]).await.unwrap()
}

fn append(writer: &mut dyn RecordWriter, numbers: impl IntoIterator<Item = u64>) {
    numbers.into_iter().for_each(|number| writer.append(&record(number)).unwrap());
}

fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| record(number).id).collect()
}

async fn stored_ids(database: &Database) -> Vec<String> {
    sqlx::query_scalar("SELECT id FROM records ORDER BY id").fetch_all(&database.writer).await.unwrap()
}

async fn sums(database: &Database, since_us: i64, until_us: i64, group_by: GroupBy) -> Vec<UsageRow> {
    usage::sum(&database.readers, &UsageQuery { since_us, until_us, group_by }).await.unwrap()
}

fn segment_files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("spool")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "lock");
    names.sort();
    names
}

#[tokio::test]
async fn records_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let seen = Seen::default();
    let ledger = start(dir.path(), &seen).await;
    let mut writer = ledger.sink().writer().unwrap();
    append(&mut *writer, 0..40);
    for number in 0..40 {
        let record = record(number);
        let found = ledger.generation(&record.id, None).await.unwrap();
        assert_eq!(found.as_ref(), Some(&record));
        let own = ledger.generation(&record.id, record.key_id.as_deref()).await.unwrap();
        assert_eq!(own.as_ref(), Some(&record));
        assert_eq!(ledger.generation(&record.id, Some("key-other")).await.unwrap(), None);
    }
    assert_eq!(ledger.generation("gen-0", None).await.unwrap(), None);
    assert_eq!(ledger.generation(&"x".repeat(1000), None).await.unwrap(), None);
    assert_eq!((ledger.records_stored(), ledger.spool_bytes(), seen.take()), (40, 0, ids(0..40)));
    drop(writer);
    ledger.stop().await.unwrap();
    assert!(segment_files(dir.path()).is_empty(), "what is stored leaves no file behind");
    assert!(matches!(ledger.flush().await, Err(DrainError::Stopped)));
}

#[tokio::test]
async fn records_of_a_time_are_read_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = start(dir.path(), &Seen::default()).await;
    let mut writer = ledger.sink().writer().unwrap();
    append(&mut *writer, 0..40);
    ledger.flush().await.unwrap();
    let readers = &ledger.database.readers;
    let second = 1_000_000;
    for (since, until) in [(0, 40), (7, 23), (7, 7), (-5, 3), (39, 100)] {
        let span = (NOON_US + since * second, NOON_US + until * second);
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = super::page(readers, span, &after, 7).await.unwrap();
            assert!(page.len() <= 7);
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            found.extend(page);
        }
        let expected: Vec<_> = (since.max(0)..until.min(40)).map(|number| record(number as u64)).collect();
        assert_eq!(found, expected, "{since} to {until}");
        let newest = super::newest(readers, span, 3).await.unwrap();
        let behind = expected.len().checked_sub(4).map(|place| expected[place].id.clone());
        assert_eq!(newest, behind, "{since} to {until}");
    }
    // A part of a second counts, and absurd times are no error.
    let half = (NOON_US + second / 2, NOON_US + second + 1);
    assert_eq!(super::page(readers, half, "", 9).await.unwrap(), [record(1)]);
    assert_eq!(super::page(readers, (i64::MIN, i64::MAX), "", 100).await.unwrap().len(), 40);
}

#[tokio::test]
async fn counts_too_large_for_the_database_do_not_stop_it() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = start(dir.path(), &Seen::default()).await;
    let mut writer = ledger.sink().writer().unwrap();
    let mut odd = record(1);
    (odd.total_us, odd.cost_nanos, odd.tokens.input) = (u64::MAX, Some(u64::MAX), u64::MAX);
    (odd.model_requested, odd.started_at_us) = ("nul \u{0} inside".into(), i64::MIN);
    writer.append(&odd).unwrap();
    let found = ledger.generation(&odd.id, None).await.unwrap().unwrap();
    assert_eq!((found.total_us, found.model_requested), (i64::MAX as u64, odd.model_requested));
}

/// Stops at one step of the work as a kill would, then starts again.
async fn killed_at(step: Step) {
    let dir = tempfile::tempdir().unwrap();
    let dead = Arc::new(AtomicBool::new(false));
    let killer = Arc::clone(&dead);
    let checkpoint: Checkpoint = Arc::new(move |at| {
        // From this step on the process does nothing more.
        if at == step {
            killer.store(true, Ordering::SeqCst);
        }
        if killer.load(Ordering::SeqCst) { Err(sqlx::Error::WorkerCrashed) } else { Ok(()) }
    });
    let first = database(dir.path()).await;
    let seen: Vec<Box<dyn RecordObserver>> = Vec::new();
    let ledger = Ledger::start_with(first, settings(dir.path()), seen, checkpoint).await.unwrap();
    let mut writers = [ledger.sink().writer().unwrap(), ledger.sink().writer().unwrap()];
    append(&mut *writers[0], 0..20);
    append(&mut *writers[1], 20..35);
    assert!(ledger.flush().await.is_err());
    assert!(dead.load(Ordering::SeqCst), "{step:?} was reached");
    append(&mut *writers[0], 35..50);
    drop(writers);
    let _ = ledger.stop().await;
    ledger.database.close().await;
    drop(ledger);

    let seen = Seen::default();
    let ledger = start(dir.path(), &seen).await;
    append(&mut *ledger.sink().writer().unwrap(), 50..60);
    ledger.flush().await.unwrap();
    assert_eq!(stored_ids(&ledger.database).await, ids(0..60), "after a kill at {step:?}");
    let total = sums(&ledger.database, 0, i64::MAX, GroupBy::None).await;
    assert_eq!(total[0].requests, 60, "after a kill at {step:?}");
    ledger.stop().await.unwrap();
    assert!(segment_files(dir.path()).is_empty(), "after a kill at {step:?}");
    let left = positions(&ledger.database.writer).await.unwrap().len();
    drop(ledger);
    let ledger = start(dir.path(), &seen).await;
    assert_eq!(
        positions(&ledger.database.writer).await.unwrap().len(),
        0,
        "{left} positions were to be forgotten"
    );
}

#[tokio::test]
async fn a_kill_at_any_step_loses_and_doubles_nothing() {
    for step in [Step::RowsWritten, Step::SumsWritten, Step::BeforeCommit, Step::Committed, Step::Settled] {
        killed_at(step).await;
    }
}

#[tokio::test]
async fn what_is_stored_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = start(dir.path(), &Seen::default()).await;
    let mut writer = ledger.sink().writer().unwrap();
    append(&mut *writer, 0..3);
    ledger.flush().await.unwrap();
    ledger.stop().await.unwrap();
    let waiting = async |ledger: &Ledger| {
        waiting_records(&ledger.database.readers, &dir.path().join("spool")).await.unwrap()
    };
    assert_eq!(waiting(&ledger).await, 0);
    append(&mut *writer, 3..5);
    assert_eq!(waiting(&ledger).await, 2);
    let left = ledger.spool_bytes();
    ledger.database.close().await;
    drop((writer, ledger));
    assert_eq!(segment_files(dir.path()).len(), 1);
    let seen = Seen::default();
    let ledger = start(dir.path(), &seen).await;
    ledger.flush().await.unwrap();
    assert_eq!(seen.take(), ids(3..5), "{left} bytes were left");
    assert_eq!(stored_ids(&ledger.database).await, ids(0..5));
}

#[tokio::test]
async fn lost_positions_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = start(dir.path(), &Seen::default()).await;
    let mut writer = ledger.sink().writer().unwrap();
    append(&mut *writer, 0..3);
    ledger.flush().await.unwrap();
    let files = segment_files(dir.path());
    let copy = std::fs::read(dir.path().join("spool").join(&files[0])).unwrap();
    drop(writer);
    ledger.stop().await.unwrap();
    ledger.database.close().await;
    drop(ledger);
    std::fs::write(dir.path().join("spool").join(&files[0]), copy).unwrap();
    let ledger = start(dir.path(), &Seen::default()).await;
    append(&mut *ledger.sink().writer().unwrap(), [3, 3, 4]);
    ledger.flush().await.unwrap();
    assert_eq!(stored_ids(&ledger.database).await, ids(0..5));
    assert_eq!(sums(&ledger.database, 0, i64::MAX, GroupBy::None).await[0].requests, 5);
}

#[tokio::test]
async fn a_locked_database_loses_nothing_and_stops_no_observer() {
    let dir = tempfile::tempdir().unwrap();
    let seen = Seen::default();
    let ledger = start(dir.path(), &seen).await;
    let other = database(dir.path()).await;
    let held = other.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut writer = ledger.sink().writer().unwrap();
    append(&mut *writer, 0..30);
    assert!(matches!(ledger.flush().await, Err(DrainError::Database(_))));
    assert!(!ledger.is_database_up());
    assert_eq!(seen.take(), ids(0..30));
    append(&mut *writer, 30..50);
    assert!(ledger.flush().await.is_err());
    assert!(ledger.generation(&record(40).id, None).await.is_err(), "not found is not said without knowing");
    assert!(ledger.spool_bytes() > 0 && ledger.sink().has_room());
    held.rollback().await.unwrap();
    while ledger.flush().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(ledger.is_database_up());
    assert_eq!(stored_ids(&ledger.database).await, ids(0..50));
    assert_eq!(seen.take(), ids(30..50), "each record is shown once");
    assert_eq!(ledger.spool_bytes(), 0);
}

#[tokio::test]
async fn damage_is_counted_and_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let wide = SpoolSettings { segment_bytes: 1 << 20, ..settings(dir.path()) };
    let ledger = Ledger::start(database(dir.path()).await, wide, Vec::new()).await.unwrap();
    let checkpoint: Checkpoint = Arc::new(|_| Err(sqlx::Error::WorkerCrashed));
    ledger.stop().await.unwrap();
    append(&mut *ledger.sink().writer().unwrap(), 0..10);
    append(&mut *ledger.sink().writer().unwrap(), 10..20);
    ledger.database.close().await;
    drop((ledger, checkpoint));
    let files = segment_files(dir.path());
    let path = dir.path().join("spool").join(&files[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    let frame = bytes.len() / 10;
    bytes[3 * frame] ^= 0xFF;
    std::fs::write(&path, &bytes).unwrap();

    let ledger = start(dir.path(), &Seen::default()).await;
    ledger.flush().await.unwrap();
    let stored = stored_ids(&ledger.database).await;
    assert_eq!(stored[stored.len() - 10..], ids(10..20), "the next segment is whole");
    assert!(stored.len() >= 12 && stored.len() < 20);
    assert_eq!((ledger.damaged_frames(), ledger.spool_bytes()), (1, 0));
    assert_eq!(segment_files(dir.path()), [format!("{}.damaged", files[0])]);
}

#[tokio::test]
async fn a_segment_that_somebody_removed_does_not_stop_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = start(dir.path(), &Seen::default()).await;
    ledger.stop().await.unwrap();
    append(&mut *ledger.sink().writer().unwrap(), 0..3);
    append(&mut *ledger.sink().writer().unwrap(), 3..6);
    drop(ledger);
    let ledger_settings = settings(dir.path());
    let database = database(dir.path()).await;
    let ledger = Ledger::start(database, ledger_settings, Vec::new()).await.unwrap();
    // Removed after the spool was listed and, perhaps, before it was read.
    let _ = std::fs::remove_file(dir.path().join("spool").join(&segment_files(dir.path())[0]));
    ledger.flush().await.unwrap();
    let stored = stored_ids(&ledger.database).await;
    assert!(ids(3..6).iter().all(|id| stored.contains(id)));
    assert_eq!(ledger.spool_bytes(), 0);
}

/// The sums as anybody would count them.
fn expected(
    records: &[ExchangeRecord],
    group: impl Fn(&ExchangeRecord) -> String,
) -> BTreeMap<String, UsageRow> {
    let mut rows: BTreeMap<String, UsageRow> = BTreeMap::new();
    for record in records {
        let name = group(record);
        let row = rows.entry(name.clone()).or_default();
        (row.name, row.group) = (name.clone(), name);
        row.requests += 1;
        row.errors += u64::from(record.is_error());
        row.input_tokens += record.tokens.input;
        row.cached_input_tokens += record.tokens.cached_input;
        row.cache_write_tokens += record.tokens.cache_write;
        row.output_tokens += record.tokens.output;
        row.reasoning_tokens += record.tokens.reasoning;
        row.cost_nanos += record.cost_nanos.unwrap_or(0);
    }
    rows
}

#[tokio::test]
async fn usage_is_the_sum_of_the_records() {
    const MINUTE_US: i64 = 60_000_000;
    let dir = tempfile::tempdir().unwrap();
    let ledger = start(dir.path(), &Seen::default()).await;
    let mut records: Vec<_> = (0..400).map(record).collect();
    for (number, record) in records.iter_mut().enumerate() {
        record.started_at_us = NOON_US + number as i64 * MINUTE_US;
        record.id = format!("gen-{}-{number:020}", record.started_at_us / 1_000_000);
    }
    let mut writer = ledger.sink().writer().unwrap();
    records.iter().for_each(|record| writer.append(record).unwrap());
    ledger.flush().await.unwrap();
    let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let hour = NOON_US - NOON_US % (60 * MINUTE_US);
    for (since_us, until_us) in [
        (0, i64::MAX),
        (NOON_US + 7 * MINUTE_US, NOON_US + 250 * MINUTE_US),
        (NOON_US + 7 * MINUTE_US, NOON_US + 9 * MINUTE_US),
        (NOON_US + 20 * MINUTE_US, NOON_US + 40 * MINUTE_US),
        (hour + 60 * MINUTE_US, hour + 180 * MINUTE_US),
        (hour + 60 * MINUTE_US, hour + 60 * MINUTE_US),
        (NOON_US + 9 * MINUTE_US, NOON_US),
        (i64::MIN, i64::MAX),
    ] {
        let within: Vec<_> = records
            .iter()
            .filter(|record| record.started_at_us >= since_us && record.started_at_us < until_us)
            .cloned()
            .collect();
        let all = [
            (GroupBy::None, expected(&within, |_| String::new())),
            (GroupBy::Model, expected(&within, |record| text(record.counted_model()))),
            (GroupBy::Provider, expected(&within, |record| text(record.counted_provider()))),
            (GroupBy::Key, expected(&within, |record| text(record.key_id.as_deref()))),
        ];
        for (group_by, expected) in all {
            let found = sums(&ledger.database, since_us, until_us, group_by).await;
            assert!(found.is_sorted_by(|a, b| a.requests >= b.requests));
            let found: BTreeMap<_, _> = found.into_iter().map(|row| (row.group.clone(), row)).collect();
            assert_eq!(found, expected, "{group_by:?} from {since_us} to {until_us}");
        }
    }
}

#[tokio::test]
async fn what_a_key_has_cost_is_the_sum_of_its_records_and_found_by_an_index() {
    const HOUR_US: i64 = 3_600_000_000;
    let dir = tempfile::tempdir().unwrap();
    let ledger = start(dir.path(), &Seen::default()).await;
    let mut records: Vec<_> = (0..200).map(record).collect();
    for (number, record) in records.iter_mut().enumerate() {
        record.started_at_us = NOON_US + number as i64 * HOUR_US / 4;
        record.id = format!("gen-{}-{number:020}", record.started_at_us / 1_000_000);
        record.cost_nanos = (number % 5 != 0).then_some(number as u64 * 1_000_000_007);
    }
    let key = records.iter().find_map(|record| record.key_id.clone()).unwrap();
    let mut writer = ledger.sink().writer().unwrap();
    records.iter().for_each(|record| writer.append(record).unwrap());
    let first = NOON_US / HOUR_US;
    let since = [i64::MIN, first + 10, first + 49, i64::MAX];
    // Not flushed: what has just ended counts.
    let spent = ledger.spent(&key, since).await.unwrap();
    let expected: [u64; 4] = since.map(|hour| {
        let own = records.iter().filter(|record| record.key_id.as_deref() == Some(&key));
        own.filter(|record| record.started_at_us / HOUR_US >= hour)
            .filter_map(|record| record.cost_nanos)
            .sum()
    });
    assert!(spent[0] > spent[1] && spent[1] > spent[2] && spent[2] > 0 && spent[3] == 0, "{spent:?}");
    assert_eq!(spent, expected);
    assert_eq!(ledger.spent("nobody", since).await.unwrap(), [0; 4]);
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "EXPLAIN QUERY PLAN SELECT SUM(cost_nanos), SUM(hour) FROM usage_hours WHERE key_id = 'a'",
    )
    .fetch_all(&ledger.database.readers)
    .await
    .unwrap();
    assert!(plan[0].3.contains("USING COVERING INDEX usage_hours_key"), "{plan:?}");
}

#[tokio::test]
async fn batches_larger_than_one_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let ledger =
        Ledger::start(database(dir.path()).await, SpoolSettings::new(dir.path().join("spool")), Vec::new())
            .await
            .unwrap();
    let mut writers = [ledger.sink().writer().unwrap(), ledger.sink().writer().unwrap()];
    append(&mut *writers[0], 0..5000);
    append(&mut *writers[1], 5000..6001);
    ledger.flush().await.unwrap();
    assert_eq!(stored_ids(&ledger.database).await.len(), 6001);
    assert_eq!(ledger.records_stored(), 6001);
    assert_eq!(sums(&ledger.database, 0, i64::MAX, GroupBy::None).await[0].requests, 6001);
}
