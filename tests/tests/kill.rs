//! The process is killed under load, twenty times over: no finished exchange is lost, none is counted twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use sqlx::Row;
use tokio::sync::Mutex;
use yumen_testkit::{Client, Gateway, Upstream, eventually, standard_config};
use yumen_tests::{CHAT, ask, ask_stream};

const KILLS: usize = 20;
const CLIENTS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_load_lose_and_double_nothing() {
    let upstream = Upstream::start().await;
    let finished: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let mut gateway = Gateway::start(&standard_config(&upstream)).await;
    for kill in 0..KILLS {
        let answered = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                tokio::spawn(load(gateway.client(), client, Arc::clone(&finished), Arc::clone(&answered)))
            })
            .collect();
        // A different moment each time, always in the middle of the load.
        let enough = 20 + 17 * kill;
        eventually("enough answers", async || (answered.load(Ordering::SeqCst) >= enough).then_some(()))
            .await;
        let again = gateway.kill();
        for client in clients {
            client.await.unwrap();
        }
        gateway = again.start().await;
    }
    let finished = finished.lock().await;
    assert!(finished.len() > KILLS * 20);
    check_ledger(&gateway, &finished, upstream.counts().received).await;
}

/// Asks until the gateway is gone; notes the id of every answer that came whole.
async fn load(
    client: Client,
    number: usize,
    finished: Arc<Mutex<BTreeSet<String>>>,
    answered: Arc<AtomicUsize>,
) {
    loop {
        let body = match number % 4 {
            0 => ask_stream("fake-openai/fake-chat"),
            1 => ask("fake-anthropic/fake-chat"),
            2 => ask_stream("fake-anthropic/fake-chat"),
            _ => ask("fake-openai/fake-chat"),
        };
        let Some(answer) = client.try_send(Method::POST, CHAT, body.to_string()).await else { return };
        let answer = answer.expect_status(200);
        if answer.header("content-type").starts_with("text/event-stream") && !answer.text().contains("[DONE]")
        {
            return;
        }
        finished.lock().await.insert(answer.header("x-generation-id").to_owned());
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

async fn check_ledger(gateway: &Gateway, finished: &BTreeSet<String>, received: usize) {
    let url = format!("sqlite://{}?mode=ro", gateway.data_dir().join("yumen.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let ids = async || {
        let rows = sqlx::query("SELECT id FROM records").fetch_all(&pool).await.ok()?;
        let ids: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let known: BTreeSet<&String> = ids.iter().collect();
        let all = finished.iter().all(|id| known.contains(id));
        all.then_some(ids)
    };
    let ids = eventually("every finished exchange in the ledger", ids).await;
    let once: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(once.len(), ids.len(), "no id twice");
    // What was not finished for the client may be recorded or not, but never without a request upstream.
    assert!(ids.len() <= received, "{} records of {received} requests", ids.len());
    let summed = async || {
        let row = sqlx::query("SELECT SUM(requests), (SELECT COUNT(*) FROM records) FROM usage_hours");
        let row = row.fetch_one(&pool).await.ok()?;
        (row.get::<i64, _>(0) == row.get::<i64, _>(1)).then_some(row.get::<i64, _>(0))
    };
    let summed = eventually("sums equal to the rows", summed).await;
    assert!(summed as usize <= received && summed as usize >= finished.len());
}
