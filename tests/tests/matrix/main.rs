//! The page `docs/reference/dialects.md`: what works between clients of each surface and upstreams of each dialect.
//!
//! Every cell is tried over sockets, and the page is compared with what came out. What a format cannot say is in the
//! list of [`gaps`]; anything else that does not work fails here, and so does a gap that has closed.
//! `YUMEN_WRITE_REFERENCE=1` writes the page anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod features;
mod gaps;
mod page;
mod parameters;

use yumen_testkit::{Gateway, Reply, Upstream, wide_config, workspace_root};
use yumen_tests::{MORE_PROVIDERS, PROVIDERS, SURFACES};

use features::{FEATURES, PICTURE, Run};
use page::{Cell, Row};

/// One provider for each dialect of upstreams.
fn every_provider() -> impl Iterator<Item = &'static str> {
    PROVIDERS.into_iter().chain(MORE_PROVIDERS)
}

#[tokio::test]
async fn the_page_of_dialects_says_what_the_gateway_does() {
    let upstream = Upstream::start().await;
    upstream.script(|request| (request.path == "/gate.gif").then(|| Reply::whole(200, "image/gif", PICTURE)));
    let fetch = format!(
        "gateway: {{ fetch: {{ allow_private: [127.0.0.0/8], ports: [{}] }},",
        upstream.address().port()
    );
    let gateway = Gateway::start(&wide_config(&upstream).replace("gateway: {", &fetch)).await;
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let pairs =
        SURFACES.into_iter().flat_map(|surface| every_provider().map(move |provider| (surface, provider)));
    for (surface, provider) in pairs {
        let run = Run { upstream: &upstream, client: gateway.client(), surface, provider };
        let mut cells = Vec::new();
        for feature in FEATURES {
            let tried = run.try_out(feature).await;
            let gap = gaps::of(surface, provider, feature);
            match (&tried, gap) {
                (Err(why), None) => faults.push(format!("{surface:?} at {provider}, {feature:?}: {why}")),
                (Ok(()), Some(gap)) => {
                    faults.push(format!("{surface:?} at {provider}, {feature:?} works: {gap:?}"))
                }
                _ => {}
            }
            cells.push(gap.map_or(Cell::Works, Cell::Cannot));
        }
        rows.push(Row { surface, provider, cells });
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let losses = parameters::losses(&upstream, &gateway.client()).await;
    let page = page::write(&rows, &losses);
    let file = workspace_root().join("docs/reference/dialects.md");
    if std::env::var_os("YUMEN_WRITE_REFERENCE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == page,
        "{} is stale: run this test with YUMEN_WRITE_REFERENCE=1 and commit it. Now it says:\n{page}",
        file.display()
    );
}
