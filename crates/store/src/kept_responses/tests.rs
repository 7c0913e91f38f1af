use super::*;

const LIMITS: KeepLimits =
    KeepLimits { response_bytes: 10_000, key_bytes: 20_000, total_bytes: 100_000, since: 0 };
const MOST: u64 = 1 << 20;

async fn open(dir: &std::path::Path) -> KeptResponses {
    KeptResponses::new(Database::open(&dir.join("yumen.db")).await.unwrap(), Sealer::new(&[1; 32]))
}

fn response(id: &str, previous: Option<&str>, created_at: i64) -> KeptResponse {
    KeptResponse {
        id: id.into(),
        previous_id: previous.map(str::to_owned),
        created_at,
        input: format!("\"the question of {id}\"").into_bytes(),
        response: format!("{{\"id\":\"{id}\"}}").into_bytes(),
    }
}

fn large(id: &str, previous: Option<&str>, created_at: i64, bytes: usize) -> KeptResponse {
    KeptResponse {
        input: vec![b'x'; bytes - ROW_BYTES as usize],
        response: Vec::new(),
        ..response(id, previous, created_at)
    }
}

async fn turns(kept: &KeptResponses, key: &str, id: &str) -> Option<Vec<String>> {
    let found = kept.conversation(key, id, 0, MOST).await.unwrap()?;
    assert!(found.is_whole);
    Some(found.turns.into_iter().map(|turn| turn.id).collect())
}

async fn bytes(kept: &KeptResponses) -> Vec<(String, i64)> {
    let sums = "SELECT key_id, SUM(bytes) FROM kept_responses GROUP BY key_id ORDER BY key_id";
    let counted = "SELECT key_id, bytes FROM kept_bytes ORDER BY key_id";
    let read = async |query: &'static str| -> Vec<(String, i64)> {
        sqlx::query_as(query).fetch_all(&kept.database.readers).await.unwrap()
    };
    let (summed, counted) = (read(sums).await, read(counted).await);
    assert_eq!(summed, counted);
    counted
}

#[tokio::test]
async fn a_conversation_is_found_after_a_restart_and_by_its_key_alone() {
    let dir = tempfile::tempdir().unwrap();
    let kept = open(dir.path()).await;
    for (id, previous) in [("1", None), ("2", Some("1")), ("3", Some("2")), ("other", Some("1"))] {
        kept.keep("a", response(id, previous, 5), LIMITS).await.unwrap();
    }
    kept.database.close().await;
    let kept = open(dir.path()).await;
    assert_eq!(turns(&kept, "a", "3").await.unwrap(), ["1", "2", "3"]);
    assert_eq!(turns(&kept, "a", "other").await.unwrap(), ["1", "other"]);
    assert_eq!(kept.find("a", "2", 0).await.unwrap(), Some(response("2", Some("1"), 5)));
    assert_eq!(turns(&kept, "b", "3").await, None);
    assert_eq!(kept.find("b", "2", 0).await.unwrap(), None);
    assert!(!kept.delete("b", "2", 0).await.unwrap());
    let strange = kept.keep("b", response("4", Some("3"), 5), LIMITS).await;
    assert_eq!(strange, Err(NotKept::PreviousGone), "nobody goes on with what is another's");
    let much = kept.conversation("a", "3", 0, 100).await.unwrap().unwrap();
    assert!(much.turns.is_empty() && much.bytes > 100);
    // Another server key reads nothing.
    let blind = KeptResponses::new(kept.database.clone(), Sealer::new(&[2; 32]));
    assert!(blind.find("a", "2", 0).await.is_err());
}

#[tokio::test]
async fn what_is_deleted_is_gone_from_the_file_too() {
    let dir = tempfile::tempdir().unwrap();
    let kept = open(dir.path()).await;
    for (id, previous) in [("1", None), ("2", Some("1")), ("3", Some("2"))] {
        kept.keep("a", response(id, previous, 5), LIMITS).await.unwrap();
    }
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM kept_responses WHERE id = '2'")
        .fetch_one(&kept.database.readers)
        .await
        .unwrap();
    let stands = |sealed: &[u8]| {
        let file = std::fs::read(dir.path().join("yumen.db")).unwrap();
        assert!(!file.windows(12).any(|window| window == b"the question"), "a text that is not sealed");
        file.windows(32).any(|window| window == &sealed[..32])
    };
    kept.database.close().await;
    assert!(stands(&sealed));
    let kept = open(dir.path()).await;
    assert!(kept.delete("a", "2", 0).await.unwrap());
    assert!(!kept.delete("a", "2", 0).await.unwrap());
    let cut = kept.conversation("a", "3", 0, MOST).await.unwrap().unwrap();
    assert!(!cut.is_whole, "what follows it is not continued as if it had not been");
    assert_eq!(turns(&kept, "a", "1").await.unwrap(), ["1"]);
    for id in ["1", "3"] {
        assert!(kept.delete("a", id, 0).await.unwrap());
    }
    assert_eq!(bytes(&kept).await, []);
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM conversations")
        .fetch_one(&kept.database.readers)
        .await
        .unwrap();
    assert_eq!(left, 0);
    kept.database.close().await;
    assert!(!stands(&sealed));
}

#[tokio::test]
async fn a_keys_own_oldest_conversations_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let kept = open(dir.path()).await;
    kept.keep("b", large("b1", None, 1, 9_000), LIMITS).await.unwrap();
    for (id, previous, at) in [("1", None, 2), ("2", None, 3), ("1+", Some("1"), 4)] {
        kept.keep("a", large(id, previous, at, 6_000), LIMITS).await.unwrap();
    }
    // The first conversation was used last.
    kept.keep("a", large("3", None, 5, 6_000), LIMITS).await.unwrap();
    assert_eq!(turns(&kept, "a", "2").await, None);
    assert_eq!(turns(&kept, "a", "1+").await.unwrap(), ["1", "1+"]);
    assert_eq!(bytes(&kept).await, [("a".to_owned(), 18_000), ("b".to_owned(), 9_000)]);
    // One that goes on cannot make room for itself.
    kept.keep("a", large("1++", Some("1+"), 6, 6_000), LIMITS).await.unwrap();
    let full = kept.keep("a", large("1+++", Some("1++"), 7, 6_000), LIMITS).await;
    assert_eq!(full, Err(NotKept::Full { most: 20_000 }));
    assert_eq!(turns(&kept, "a", "1++").await.unwrap(), ["1", "1+", "1++"]);
    let too_large = kept.keep("a", large("4", None, 8, 10_001), LIMITS).await;
    assert_eq!(too_large, Err(NotKept::TooLarge { bytes: 10_001, most: 10_000 }));
    // Nobody makes room for another key.
    let small = KeepLimits { total_bytes: 28_000, ..LIMITS };
    assert_eq!(kept.keep("c", large("c1", None, 9, 2_000), small).await, Err(NotKept::Full { most: 28_000 }));
    assert_eq!(bytes(&kept).await, [("a".to_owned(), 18_000), ("b".to_owned(), 9_000)]);
}

#[tokio::test]
async fn conversations_are_forgotten_when_they_were_not_used_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let kept = open(dir.path()).await;
    for number in 0..250 {
        let limits = KeepLimits { key_bytes: MOST, total_bytes: MOST, ..LIMITS };
        kept.keep("a", response(&format!("old-{number}"), None, 1), limits).await.unwrap();
        if number == 0 {
            kept.keep("a", response("new", Some("old-0"), 9), limits).await.unwrap();
        }
    }
    assert_eq!(kept.find("a", "old-1", 5).await.unwrap(), None, "old ones are as good as gone");
    assert!(!kept.delete("a", "old-1", 5).await.unwrap());
    let late = kept.keep("a", response("late", Some("old-1"), 9), KeepLimits { since: 5, ..LIMITS }).await;
    assert_eq!(late, Err(NotKept::PreviousGone));
    assert_eq!(kept.forget_before(5).await.unwrap(), 249);
    assert_eq!(kept.forget_before(5).await.unwrap(), 0);
    assert_eq!(turns(&kept, "a", "new").await.unwrap(), ["old-0", "new"], "one that goes on stays whole");
    assert_eq!(bytes(&kept).await.len(), 1);
}
