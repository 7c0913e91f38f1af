use std::pin::Pin;

use yumen_telemetry::{
    Account, AppendError, Conversation, Doing, KeepLimits, Keeping, KeptResponse, LookupError, ObjectKind,
    OwnedObject,
};

use super::*;

/// A sink that counts what is appended.
#[derive(Default)]
struct Shelf {
    full: AtomicBool,
    kept: Arc<AtomicU64>,
}

struct Counting(Arc<AtomicU64>);

impl RecordSink for Shelf {
    fn writer(&self) -> Result<Box<dyn RecordWriter>, AppendError> {
        Ok(Box::new(Counting(Arc::clone(&self.kept))))
    }

    fn has_room(&self) -> bool {
        !self.full.load(Ordering::Relaxed)
    }

    fn has_ample_room(&self) -> bool {
        self.has_room()
    }
}

impl RecordWriter for Counting {
    fn append(&mut self, _: &ExchangeRecord) -> Result<(), AppendError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl GenerationLookup for Shelf {
    fn find<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
    ) -> Pin<Box<dyn Future<Output = Result<Option<ExchangeRecord>, LookupError>> + Send + 'a>> {
        Box::pin(async { Ok(None) })
    }

    fn spent<'a>(
        &'a self,
        _: &'a str,
        _: [i64; 4],
    ) -> Pin<Box<dyn Future<Output = Result<[u64; 4], LookupError>> + Send + 'a>> {
        Box::pin(async { Ok([0; 4]) })
    }
}

/// No request of these tests asks for a file or a response.
struct NobodyOwns;

impl ObjectOwners for NobodyOwns {
    fn remember(&self, _: Vec<OwnedObject>) -> Doing<'_, bool> {
        Box::pin(async { Ok(true) })
    }

    fn find<'a>(&'a self, _: ObjectKind, _: &'a str, _: &'a str) -> Doing<'a, Option<OwnedObject>> {
        Box::pin(async { Ok(None) })
    }

    fn accounts<'a>(&'a self, _: ObjectKind, _: &'a str) -> Doing<'a, Vec<Account>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn of_these<'a>(
        &'a self,
        _: ObjectKind,
        _: &'a str,
        _: &'a str,
        _: Vec<String>,
    ) -> Doing<'a, Vec<String>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn forget<'a>(&'a self, _: &'a OwnedObject) -> Doing<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl ResponseKeeper for NobodyOwns {
    fn keep<'a>(&'a self, _: &'a str, _: KeptResponse, _: KeepLimits) -> Keeping<'a> {
        Box::pin(async { Ok(()) })
    }

    fn conversation<'a>(&'a self, _: &'a str, _: &'a str, _: i64, _: u64) -> Doing<'a, Option<Conversation>> {
        Box::pin(async { Ok(None) })
    }

    fn find<'a>(&'a self, _: &'a str, _: &'a str, _: i64) -> Doing<'a, Option<KeptResponse>> {
        Box::pin(async { Ok(None) })
    }

    fn delete<'a>(&'a self, _: &'a str, _: &'a str, _: i64) -> Doing<'a, bool> {
        Box::pin(async { Ok(false) })
    }
}

fn record(outcome: Outcome) -> ExchangeRecord {
    ExchangeRecord {
        id: "gen-1-x".into(),
        started_at_us: 1,
        status: 200,
        outcome,
        total_us: 1,
        overhead_us: 1,
        ..ExchangeRecord::default()
    }
}

#[test]
fn refusals_do_not_eat_the_room_kept_for_exchanges_under_way() {
    let shelf = Arc::new(Shelf::default());
    let (snapshot, _) = yumen_config::from_environment(
        &|_| None,
        &|_| Err(String::new()),
        &yumen_config::Catalogue::default(),
        false,
    );
    let gateway = Gateway::new(
        Arc::new(snapshot),
        KeyHasher::new([0; 32]),
        Arc::clone(&shelf) as _,
        Arc::clone(&shelf) as _,
        Arc::new(NobodyOwns),
        Arc::new(NobodyOwns),
    );
    let gateway = Arc::new(gateway);
    let worker = Worker::new(&gateway).unwrap();
    let numbers = || {
        let unrecorded = gateway.gauges.refusals_unrecorded.load(Ordering::Relaxed);
        (shelf.kept.load(Ordering::Relaxed), unrecorded)
    };
    worker.append(&record(Outcome::Refused));
    assert_eq!(numbers(), (1, 0));
    shelf.full.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        worker.append(&record(Outcome::Refused));
    }
    assert_eq!(numbers(), (1, 3));
    for outcome in [Outcome::Completed, Outcome::Failed, Outcome::ClientGone] {
        worker.append(&record(outcome));
    }
    assert_eq!(numbers(), (4, 3), "what was begun leaves its record");
    assert_eq!(gateway.gauges.records_lost.load(Ordering::Relaxed), 0);
}
