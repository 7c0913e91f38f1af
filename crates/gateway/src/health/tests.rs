use super::*;
use yumen_telemetry::Uptime;

fn named(health: &Health, id: u64) -> Arc<Figures> {
    health.entry(id, || Called::model(&"provider".into(), &"model".into()))
}

#[test]
fn invented_models_push_out_the_quiet_ones_only() {
    let health = Health::default();
    let busy = named(&health, 16);
    let open = busy.enter(1, false).unwrap();
    for number in 0..2 * DEPLOYMENTS_MOST as u64 {
        named(&health, number * SHARDS as u64 + 32);
    }
    let kept = health.shards[0].read().unwrap().len();
    assert_eq!(kept, DEPLOYMENTS_MOST / SHARDS);
    assert!(health.known(16).is_some(), "an exchange is open there");
    drop(open);
    assert_eq!(busy.open(), 0);
}

#[test]
fn exchanges_tell_of_their_deployment() {
    let health = Health::default();
    let figures = named(&health, 7);
    for at in 0..10 {
        let mut opened = figures.enter(at, false).unwrap();
        opened.answered(at);
        opened.first_token(at, 200_000);
        opened.completed(at, 1_200_000, 100, 1_000_000);
    }
    let mut failing = figures.enter(10, false).unwrap();
    failing.failed(10, None);
    drop(failing);
    let report = figures.report(10);
    assert_eq!((report.open, &*report.state, &*report.model), (0, "closed", "model"));
    assert_eq!([report.uptime_5m, report.uptime_30m, report.uptime_1d], [Uptime { good: 10, bad: 1 }; 3]);
    assert!((200..=250).contains(&report.first_token_ms.unwrap()[0]));
    assert!((100.0..=125.0).contains(&report.tokens_per_second.unwrap()[0]));
    assert!(figures.tokens_per_second().unwrap() > 90.0 && figures.success_rate().unwrap() < 1.0);
    assert_eq!(figures.latency_us(10), Some(200_000.0));
}

#[test]
fn a_probe_that_is_dropped_lets_the_next_one_look() {
    let health = Health::default();
    let figures = named(&health, 7);
    for _ in 0..5 {
        figures.enter(0, false).unwrap().failed(0, None);
    }
    assert!(figures.enter(500, false).is_none());
    assert!(figures.enter(500, true).is_some(), "when nobody else is left");
    let probe = figures.enter(1000, false).unwrap();
    assert!(figures.enter(1001, false).is_none());
    drop(probe);
    assert!(figures.enter(1002, false).is_some());
}

#[test]
fn figures_outlive_a_restart_and_grow_old_meanwhile() {
    let health = Health::default();
    let now = health.epoch;
    let now_ms = health.at(now);
    let figures = named(&health, 7);
    for _ in 0..10 {
        let mut opened = figures.enter(now_ms, false).unwrap();
        opened.answered(now_ms);
        opened.first_token(now_ms, 200_000);
        opened.completed(now_ms, 1_200_000, 100, 1_000_000);
    }
    let saved = serde_json::to_string(&health.saved(now)).unwrap();
    let restored = |passed_ms| {
        let after = Health::default();
        let epoch = after.epoch;
        after.restore(epoch, passed_ms, serde_json::from_str(&saved).unwrap());
        after.reports(epoch).remove(0).1
    };
    let before = figures.report(now_ms);
    assert_eq!(restored(0), before);
    let later = restored(600_000);
    assert_eq!(
        (later.uptime_5m, later.uptime_30m, later.uptime_1d),
        (Uptime::default(), before.uptime_30m, before.uptime_1d)
    );
    assert_eq!(later.first_token_ms, None);
    assert_eq!(restored(2 * 86_400_000).uptime_1d, Uptime::default());
}

#[test]
fn exchanges_leave_it_to_the_prober_as_long_as_that_is_there() {
    let health = Health::default();
    let figures = named(&health, 7);
    (0..5).for_each(|at| figures.enter(at, true).unwrap().failed(at, None));
    figures.guard(1_500);
    assert_eq!(
        (figures.standing(1_600), figures.standing_for_probes(1_600)),
        (Standing::Open, Standing::Due)
    );
    assert!(figures.enter(1_600, false).is_none());
    figures.probed(1_700, Probed::Failed);
    assert_eq!(figures.standing(3_000), Standing::Open);
    assert_eq!(figures.standing(3_500), Standing::Due, "nothing was heard of the prober");
    figures.guard(3_500);
    figures.probed(3_600, Probed::There);
    assert_eq!(figures.standing(3_600), Standing::Due, "an exchange may look");
    figures.enter(3_600, false).unwrap().failed(3_600, None);
    figures.guard(10_000);
    figures.probed(10_000, Probed::Well);
    assert!(figures.standing(10_000) < Standing::Due);
    let report = figures.report(10_000);
    let probes = report.probes.unwrap();
    assert_eq!((probes.good, probes.refused, probes.failed), (2, 0, 1));
    assert_eq!(report.uptime_5m, Uptime { good: 0, bad: 6 }, "probes are no exchanges");
}
