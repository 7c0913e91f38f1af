//! The clock of these tests stands still until nothing else is to do, so no test waits.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

const WAITS: Waits =
    Waits { head: Duration::from_secs(30), idle: Duration::from_secs(60), write: Duration::from_secs(120) };

impl Peer for DuplexStream {
    fn has_left(&self) -> bool {
        false
    }
}

async fn opened(start: &[u8]) -> (DuplexStream, ClientSocket<DuplexStream>, Arc<Activity>) {
    let (mut client, socket) = duplex(64);
    client.write_all(start).await.unwrap();
    let activity = Arc::new(Activity::default());
    let io = ClientSocket::open(socket, Arc::clone(&activity), WAITS).await.unwrap();
    (client, io, activity)
}

#[tokio::test]
async fn the_first_bytes_tell_the_protocol_however_they_come() {
    for (text, http2) in
        [("PRI * HTTP/2.0\r\n", true), ("PRX / HTTP/1.1\r\n", false), ("GET / HTTP/1.1\r\n", false)]
    {
        for cut in 1..4 {
            let (mut client, socket) = duplex(64);
            let (first, rest) = text.as_bytes().split_at(cut);
            client.write_all(first).await.unwrap();
            let opening = tokio::spawn(ClientSocket::open(socket, Arc::default(), WAITS));
            tokio::task::yield_now().await;
            client.write_all(rest).await.unwrap();
            let mut io = opening.await.unwrap().unwrap();
            assert_eq!(io.is_http2(), http2, "{text} cut at {cut}");
            drop(client);
            let mut read = String::new();
            io.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_or_only_the_preface_is_given_up() {
    let (_client, socket) = duplex(64);
    assert!(ClientSocket::open(socket, Arc::default(), WAITS).await.is_none());
    for start in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nx: "] {
        let (_client, mut io, _activity) = opened(start.as_bytes()).await;
        let begin = Instant::now();
        let mut read = String::new();
        io.read_to_string(&mut read).await.unwrap();
        assert_eq!((read.as_str(), begin.elapsed().as_secs()), (start, 30));
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_given_up_and_one_with_an_open_exchange_is_not() {
    for start in ["PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\n"] {
        let (_client, mut io, activity) = opened(start.as_bytes()).await;
        let mut buffer = [0; 64];
        assert_eq!(io.read(&mut buffer).await.unwrap(), start.len());
        let open = activity.begin();
        let hour = Duration::from_secs(3600);
        assert!(
            tokio::time::timeout(hour, io.read(&mut buffer)).await.is_err(),
            "cut while its answer was under way"
        );
        drop(open);
        let begin = Instant::now();
        assert_eq!(io.read(&mut buffer).await.unwrap(), 0);
        assert!((60..=120).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_head_has_its_own_time_however_slowly_it_comes() {
    let (mut client, mut io, activity) = opened(b"GET / HTTP/1.1\r\n\r\n").await;
    let mut buffer = [0; 64];
    assert_eq!(io.read(&mut buffer).await.unwrap(), 18);
    drop(activity.begin());
    let drip = tokio::spawn(async move {
        while client.write_all(b"G").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let begin = Instant::now();
    while io.read(&mut buffer).await.unwrap() > 0 {}
    assert!((30..=60).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    drop(io);
    drip.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_given_up_and_a_slow_one_is_not() {
    let (mut client, mut io, _activity) = opened(b"GET / HTTP/1.1\r\n\r\n").await;
    let slow = tokio::spawn(async move {
        let mut byte = [0; 1];
        for _ in 0..200 {
            client.read_exact(&mut byte).await.unwrap();
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
        client
    });
    io.write_all(&[7; 200]).await.unwrap();
    let _client = slow.await.unwrap();
    let begin = Instant::now();
    let error = io.write_all(&[7; 65]).await.unwrap_err();
    assert_eq!((error.kind(), begin.elapsed().as_secs()), (io::ErrorKind::TimedOut, 120));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_slowly_after_its_exchange_ended_is_not_cut() {
    let (mut client, mut io, activity) = opened(b"PRI * HTTP/2.0\r\n").await;
    let mut buffer = [0; 64];
    assert_eq!(io.read(&mut buffer).await.unwrap(), 16);
    drop(activity.begin());
    let taken = tokio::spawn(async move {
        let mut piece = [0; 64];
        let mut length = 0;
        while let Ok(more @ 1..) = client.read(&mut piece).await {
            length += more;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        length
    });
    let (mut reads, mut writes) = tokio::io::split(io);
    let written = async {
        writes.write_all(&[7; 64 * 1000]).await.unwrap();
    };
    // 1000 pieces take 500 s, more than four times what an idle client is given.
    tokio::select! {
        biased;
        read = reads.read(&mut buffer) => panic!("cut: {read:?}"),
        () = written => {}
    }
    drop((reads, writes));
    assert_eq!(taken.await.unwrap(), 64 * 1000);
}

#[test]
fn length_lines_are_counted_at_every_cut() {
    let text = b"POST / HTTP/1.1\r\nContent-Length: 5\r\nx: content-length: 1\r\ncontent-length-x: 1\n\nCONTENT-LENGTH:7\r\n\
        content-\ncontent-length:1\r\n content-length:1\r\n\r\n";
    for cut in 0..=text.len() {
        let (first, rest) = text.split_at(cut);
        let mut scan = LengthScan::default();
        assert_eq!(scan.count(first) + scan.count(rest), 3, "cut at {cut}");
    }
    let mut scan = LengthScan::default();
    assert_eq!(text.iter().map(|byte| scan.count(&[*byte])).sum::<u64>(), 3);
}
