use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use yumen_config::{
    Catalogue, KeyHasher, MaxPrice, ModelPatterns, PerToken, ProviderName, Quantization, Word as _,
    parse_and_check,
};

use super::*;
use crate::rejection::Code;

/// Five servers of one model, which differ in what can be wished for.
const CONFIGURATION: &str = r#"
providers:
  cheap:  { type: openai-compatible, base_url: "http://127.0.0.1:1/v1", region: us-east-1, discovery: off,
            models: { m: { canonical: a/m, context: 1000, price: { input: 1, output: 1 }, quantization: fp8 } } }
  middle: { type: openai-compatible, base_url: "http://127.0.0.1:2/v1", region: eu-west-1, discovery: off,
            data_policy: { trains: false, retention_days: 0 },
            models: { m: { canonical: a/m, price: { input: 2, output: 2, cache_read: 0.2 } } } }
  dear:   { type: openai-compatible, base_url: "http://127.0.0.1:3/v1", region: eu, discovery: off,
            data_policy: { trains: false, retention_days: 30 },
            models: { m: { canonical: a/m, price: { input: 10, output: 10 }, distillable: true } } }
  odd:    { type: openai-compatible, base_url: "http://127.0.0.1:4/v1", discovery: off,
            models: { m: { canonical: a/m, supports: [] } } }
models:
  shared:
    deployments:
      - { provider: cheap, model: m, weight: 6 }
      - { provider: middle, model: m, weight: 3 }
      - { provider: dear, model: m, weight: 1 }
    fallbacks: [ odd/m ]
  listed: { deployments: [ { provider: dear, model: m }, { provider: cheap, model: m } ], routing: { strategy: priority } }
  europe: { deployments: [ { provider: cheap, model: m }, { provider: dear, model: m } ], routing: { regions: [eu] } }
keys:
  - { name: all, secret: sk-0123456789abcdef }
  - { name: private, secret: sk-1123456789abcdef, routing: { zdr: true } }
"#;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::builtin().expect("the catalogue"));

struct World {
    snapshot: Snapshot,
    health: Health,
    affinity: Affinity,
    seed: Cell<u64>,
    now_ms: Cell<u64>,
    /// Deployments of which no credential has room.
    limited: RefCell<Vec<u64>>,
}

impl World {
    fn new() -> Self {
        let hasher = KeyHasher::new([0; 32]);
        let checked = parse_and_check(
            CONFIGURATION,
            "yumen.yaml",
            &|_| None,
            &|_| Err(String::new()),
            &CATALOGUE,
            &hasher,
            None,
        );
        assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
        Self {
            snapshot: checked.snapshot.expect("a Snapshot"),
            health: Health::default(),
            affinity: Affinity::default(),
            seed: Cell::new(1),
            now_ms: Cell::new(1_000_000),
            limited: RefCell::default(),
        }
    }

    fn key(&self, name: &str) -> Arc<VirtualKey> {
        let mut keys = self.snapshot.keys.iter();
        Arc::clone(keys.find(|(_, key)| &*key.name == name).expect("a key").1)
    }

    fn deployment(&self, provider: &str) -> Deployment {
        let target = self.snapshot.target(&format!("{provider}/m")).expect("a model");
        target.deployments.items()[0].clone()
    }

    fn plan(&self, key: &str, ask: &Ask<'_>) -> Result<Plan, Rejection> {
        let draw = |end: u64| {
            self.seed.set(
                self.seed
                    .get()
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407),
            );
            (self.seed.get() >> 31) % end
        };
        let is_limited = |deployment: &Deployment, _| self.limited.borrow().contains(&deployment.id);
        let live = Live {
            health: &self.health,
            affinity: &self.affinity,
            now_ms: self.now_ms.get(),
            draw: &draw,
            is_limited: &is_limited,
        };
        resolve(&live, &self.snapshot, &self.key(key), ask)
    }

    /// The providers of a plan in their order.
    fn order(&self, model: &str, wishes: Preferences) -> String {
        let plan = self.plan("all", &Ask::for_models(&[model], Some(&wishes), 100));
        plan.map_or_else(|rejection| rejection.message.clone(), |plan| shown(&plan))
    }

    /// A deployment fails until its breaker is open.
    fn breaks(&self, provider: &str) {
        let figures = self.health.of(&self.deployment(provider));
        for _ in 0..5 {
            figures.enter(self.now_ms.get(), true).expect("let in").failed(self.now_ms.get(), None);
        }
    }

    fn answers(&self, provider: &str, first_token_us: u64, tokens_per_second: u64) {
        let figures = self.health.of(&self.deployment(provider));
        let mut opened = figures.enter(self.now_ms.get(), true).expect("let in");
        opened.answered(self.now_ms.get());
        opened.first_token(self.now_ms.get(), first_token_us);
        opened.completed(self.now_ms.get(), first_token_us + 1_000_000, tokens_per_second, 1_000_000);
    }
}

fn shown(plan: &Plan) -> String {
    plan.steps.iter().map(|step| step.provider().id.to_string()).collect::<Vec<_>>().join(" ")
}

fn in_session(session: u64, mut ask: Ask<'_>) -> Ask<'_> {
    ask.source = super::ask::Source::Tokens { prompt: 10, session: Some(session) };
    ask
}

fn strategy(strategy: Strategy) -> Preferences {
    Preferences { strategy: Some(strategy), ..Preferences::default() }
}

fn names(names: &[&str]) -> Vec<ProviderName> {
    names.iter().map(|name| ProviderName::parse(name).expect("a name")).collect()
}

#[test]
fn strategies_put_deployments_in_their_order() {
    let world = World::new();
    world.answers("cheap", 900_000, 20);
    world.answers("middle", 100_000, 90);
    world.answers("dear", 500_000, 50);
    world.answers("odd", 700_000, 30);
    for (wished, expected) in [
        (Strategy::Price, "cheap middle dear odd"),
        (Strategy::Latency, "middle dear odd cheap"),
        (Strategy::Throughput, "middle dear odd cheap"),
        (Strategy::Exacto, "middle dear odd cheap"),
        (Strategy::Priority, "cheap dear middle odd"),
    ] {
        assert_eq!(world.order("a/m", strategy(wished)), expected, "{wished:?}");
    }
    assert_eq!(world.order("listed", Preferences::default()), "dear cheap");
    assert_eq!(
        world.order("listed", strategy(Strategy::Price)),
        "cheap dear",
        "the request is narrower than the alias"
    );
}

#[test]
fn fallbacks_of_an_alias_come_after_all_that_it_lists() {
    let world = World::new();
    for wished in Strategy::ALL.iter().copied() {
        let order = world.order("shared", strategy(wished));
        assert!(order.ends_with(" odd"), "{wished:?}: {order}");
    }
}

#[test]
fn hard_filters_fail_closed_and_say_why() {
    let world = World::new();
    let price = |prompt: &str| MaxPrice { prompt: PerToken::per_million(prompt), ..MaxPrice::default() };
    let none = Preferences::default;
    for (wishes, expected, word) in [
        (Preferences { only: names(&["DEAR", "middle"]), ..none() }, "dear middle", "allowed_providers"),
        (Preferences { ignore: names(&["cheap", "odd"]), ..none() }, "dear middle", "allowed_providers"),
        (Preferences { no_training: true, ..none() }, "dear middle", "data_policy:training"),
        (Preferences { zero_retention: true, ..none() }, "middle", "data_policy:zdr"),
        (Preferences { regions: vec!["eu".into()], ..none() }, "dear middle", "data_region"),
        (Preferences { regions: vec!["eu-west".into()], ..none() }, "middle", "data_region"),
        (Preferences { only: names(&["middle/eu-west-1"]), ..none() }, "middle", "allowed_providers"),
        (Preferences { max_price: price("2"), ..none() }, "cheap middle", "max_price"),
        (Preferences { quantizations: vec![Quantization::Fp8], ..none() }, "cheap", "quantization"),
        (Preferences { distillable: true, ..none() }, "dear", "distillable"),
    ] {
        let wishes = Preferences { strategy: Some(Strategy::Priority), ..wishes };
        assert_eq!(world.order("a/m", wishes.clone()), expected);
        let plan = world.plan("all", &Ask::for_models(&["a/m"], Some(&wishes), 100)).unwrap();
        let out = plan.decision.record(None).unwrap().considered.into_iter().find_map(|one| one.out);
        if expected.contains(' ') || plan.steps.len() == 1 {
            assert_eq!(out.as_deref(), Some(word));
        }
    }
    let nobody = Preferences { only: names(&["cheap"]), zero_retention: true, ..none() };
    let refusal = world.plan("all", &Ask::for_models(&["a/m"], Some(&nobody), 1)).unwrap_err();
    assert_eq!((refusal.code, refusal.status), (Code::NoEndpoints, 404));
    let availability = &refusal.metadata.as_ref().unwrap()["availability"];
    assert_eq!(availability["excluded_by"], serde_json::json!(["data_policy:zdr", "allowed_providers"]));
    assert!(refusal.message.contains("keep nothing"), "{}", refusal.message);
}

#[test]
fn models_that_are_not_approved_are_not_tried() {
    let world = World::new();
    let approved = |pattern: &str| Preferences {
        models: Some(ModelPatterns::new([pattern])),
        strategy: Some(Strategy::Priority),
        ..Preferences::default()
    };
    assert_eq!(world.order("a/m", approved("a/*")), "cheap dear middle odd");
    assert_eq!(world.order("shared", approved("a/m")), "cheap middle dear odd");
    let wishes = approved("b/*");
    let refusal = world.plan("all", &Ask::for_models(&["shared"], Some(&wishes), 1)).unwrap_err();
    let availability = &refusal.metadata.as_ref().unwrap()["availability"];
    assert_eq!(availability["excluded_by"], serde_json::json!(["allowed_models"]));
}

#[test]
fn what_rules_out_holds_at_every_level() {
    let world = World::new();
    let plan = |key, model, wishes: &Preferences| {
        let plan = world.plan(key, &Ask::for_models(&[model], Some(wishes), 100));
        plan.map_or_else(|rejection| rejection.code.row().name.to_owned(), |plan| shown(&plan))
    };
    let none = Preferences::default();
    assert_eq!(plan("private", "a/m", &none), "middle");
    assert_eq!(plan("all", "europe", &none), "dear");
    assert_eq!(plan("private", "europe", &none), "no_endpoints");
    assert_eq!(
        plan("private", "a/m", &Preferences { only: names(&["dear"]), ..none.clone() }),
        "no_endpoints"
    );
}

#[test]
fn an_order_comes_first_and_without_fallbacks_alone() {
    let world = World::new();
    let order = |names_: &[&str], allow_fallbacks| Preferences {
        order: names(names_),
        allow_fallbacks,
        strategy: Some(Strategy::Priority),
        ..Preferences::default()
    };
    assert_eq!(world.order("a/m", order(&["odd", "middle"], None)), "odd middle cheap dear");
    assert_eq!(world.order("a/m", order(&["odd", "middle"], Some(false))), "odd middle");
    assert_eq!(world.order("a/m", order(&[], Some(false))), "cheap");
}

/// A single deployment was taken whatever the order said.
#[test]
fn an_order_without_fallbacks_rules_out_a_single_deployment_too() {
    let world = World::new();
    let order = |name: &str, allow_fallbacks| Preferences {
        order: names(&[name]),
        allow_fallbacks,
        ..Preferences::default()
    };
    assert_eq!(world.order("odd/m", order("cheap", None)), "odd");
    assert_eq!(world.order("odd/m", order("odd", Some(false))), "odd");
    let wishes = order("cheap", Some(false));
    let ask = Ask::for_models(&["odd/m"], Some(&wishes), 100);
    assert_eq!(world.plan("all", &ask).unwrap_err().code, Code::NoEndpoints);
}

#[test]
fn who_fails_is_the_last_resort_and_is_looked_at_again() {
    let world = World::new();
    world.breaks("cheap");
    assert_eq!(world.order("a/m", strategy(Strategy::Price)), "middle dear odd cheap");
    assert_eq!(world.order("shared", strategy(Strategy::Priority)), "middle dear odd cheap");
    world.now_ms.set(world.now_ms.get() + 1_000);
    assert_eq!(world.order("a/m", strategy(Strategy::Price)), "cheap middle dear odd", "one may look");
}

#[test]
fn wishes_that_are_not_met_put_behind_and_never_out() {
    let world = World::new();
    world.answers("cheap", 3_000_000, 10);
    world.answers("middle", 200_000, 100);
    let wanted = |figure| vec![yumen_config::Wanted { percentile: yumen_config::Percentile::P50, figure }];
    let by_price = || strategy(Strategy::Price);
    let quick = Preferences { max_latency: wanted(1.0), ..by_price() };
    assert_eq!(world.order("a/m", quick), "middle dear odd cheap");
    let much = Preferences { min_throughput: wanted(50.0), ..by_price() };
    assert_eq!(world.order("a/m", much), "middle dear odd cheap");
    let wishes = by_price();
    let ask = Ask::for_models(&["a/m"], Some(&wishes), 5000);
    assert_eq!(shown(&world.plan("all", &ask).unwrap()), "middle dear odd cheap", "too long for one");
    let mut ask = Ask::for_models(&["a/m"], Some(&wishes), 10);
    ask.needs_tools = true;
    assert_eq!(shown(&world.plan("all", &ask).unwrap()), "cheap middle dear odd");
}

#[test]
fn who_has_no_room_comes_after_the_others_and_keeps_no_session() {
    let world = World::new();
    let limit = |provider| world.limited.borrow_mut().push(world.deployment(provider).id);
    limit("cheap");
    assert_eq!(world.order("a/m", strategy(Strategy::Price)), "middle dear odd cheap");
    let mut firsts = BTreeMap::new();
    for _ in 0..40 {
        let plan = world.plan("all", &Ask::for_models(&["shared"], None, 10)).unwrap();
        *firsts.entry(plan.steps[0].provider().id.to_string()).or_default() += 1;
    }
    assert_eq!(
        firsts,
        BTreeMap::from([("middle".to_owned(), 30), ("dear".to_owned(), 10)]),
        "in their shares"
    );
    let ask = in_session(7, Ask::for_models(&["shared"], None, 10));
    let session = world.plan("all", &ask).unwrap().session.unwrap();
    world.affinity.remember(session.key, world.deployment("cheap").id, world.now_ms.get());
    let plan = world.plan("all", &ask).unwrap();
    assert!(!plan.decision.sticky && !shown(&plan).starts_with("cheap"), "{}", shown(&plan));
    limit("middle");
    limit("dear");
    assert_eq!(world.order("shared", strategy(Strategy::Priority)), "cheap middle dear odd", "nobody is out");
}

#[test]
fn models_of_a_request_are_tried_one_after_the_other_or_together() {
    let world = World::new();
    let apart = strategy(Strategy::Price);
    let plan = |wishes: &Preferences| {
        shown(&world.plan("all", &Ask::for_models(&["listed", "middle/m"], Some(wishes), 9)).unwrap())
    };
    assert_eq!(plan(&apart), "cheap dear middle");
    assert_eq!(plan(&Preferences { across_models: true, ..apart }), "cheap middle dear");
}

#[test]
fn the_lottery_is_by_the_square_of_the_price_and_leaves_nobody_out() {
    let world = World::new();
    let mut firsts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..20_000 {
        let plan = world.plan("all", &Ask::for_models(&["a/m"], None, 100)).unwrap();
        *firsts.entry(plan.steps[0].provider().id.to_string()).or_default() += 1;
    }
    // 1, 1/4, 1/100, and of the unknown price as of the dearest.
    let share = |name: &str| f64::from(firsts[name]) / 20_000.0;
    assert!((share("cheap") - 0.787).abs() < 0.02, "{firsts:?}");
    assert!((share("middle") - 0.197).abs() < 0.02, "{firsts:?}");
    assert!(share("dear") > 0.002 && share("odd") > 0.002, "{firsts:?}");
}

#[test]
fn sessions_stay_where_they_are_until_it_fails() {
    let world = World::new();
    let target = world.snapshot.target("shared").unwrap();
    let key = world.key("all");
    let session = Session { key: key_of((&key.id, &target.name, 7_u64, false)), at_once: true };
    let ask = in_session(7, Ask::for_models(&["shared"], None, 10));
    assert_eq!(world.plan("all", &ask).unwrap().session, Some(session));
    world.affinity.remember(session.key, world.deployment("dear").id, world.now_ms.get());
    for _ in 0..20 {
        let plan = world.plan("all", &ask).unwrap();
        assert!(plan.decision.sticky && shown(&plan).starts_with("dear"), "{}", shown(&plan));
    }
    world.breaks("dear");
    assert!(!shown(&world.plan("all", &ask).unwrap()).starts_with("dear"), "it lets go of a dead one");
}

#[test]
fn a_consistent_hash_moves_only_those_whose_deployment_went() {
    let world = World::new();
    let hashed = strategy(Strategy::ConsistentHash);
    let first = |session, wishes: &Preferences| {
        let ask = in_session(session, Ask::for_models(&["a/m"], Some(wishes), 10));
        world.plan("all", &ask).unwrap().steps[0].provider().id.to_string()
    };
    let without = Preferences { ignore: names(&["dear"]), ..hashed.clone() };
    let mut seen = BTreeMap::new();
    for session in 0..400 {
        let (before, after) = (first(session, &hashed), first(session, &without));
        assert!(before == after || before == "dear", "{session}: {before} → {after}");
        *seen.entry(before).or_insert(0) += 1;
    }
    assert!(seen.len() == 4 && seen.values().all(|count| *count > 50), "{seen:?}");
}

#[test]
fn the_less_busy_of_two_is_taken() {
    let world = World::new();
    let busy = world.health.of(&world.deployment("cheap"));
    let held: Vec<_> = (0..10).map(|_| busy.enter(0, true).unwrap()).collect();
    let mut firsts = BTreeMap::new();
    for _ in 0..300 {
        *firsts
            .entry(world.order("a/m", strategy(Strategy::LeastBusy)).split(' ').next().unwrap().to_owned())
            .or_insert(0) += 1;
    }
    assert_eq!(firsts.get("cheap"), None, "it is never the quieter of two: {firsts:?}");
    assert_eq!(firsts.len(), 3);
    drop(held);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn weights_hold_for_those_that_are_left(left_out in 0..4_usize, turns in 100..400_usize) {
        let world = World::new();
        let all = [("cheap", 6.0), ("middle", 3.0), ("dear", 1.0)];
        let gone = all.get(left_out).map(|(name, _)| *name);
        let wishes = Preferences { ignore: names(&gone.into_iter().collect::<Vec<_>>()), sticky: Some(Sticky::Off), ..Preferences::default() };
        let mut firsts: BTreeMap<String, f64> = BTreeMap::new();
        for _ in 0..turns {
            let order = world.order("shared", wishes.clone());
            *firsts.entry(order.split(' ').next().unwrap().to_owned()).or_default() += 1.0;
        }
        let whole: f64 = all.iter().filter(|(name, _)| Some(*name) != gone).map(|(_, weight)| weight).sum();
        for (name, weight) in all.iter().filter(|(name, _)| Some(*name) != gone) {
            let (share, expected) = (firsts.get(*name).copied().unwrap_or(0.0) / turns as f64, weight / whole);
            prop_assert!((share - expected).abs() < 0.06, "{} {} {}", name, share, expected);
        }
    }

    #[test]
    fn no_order_ever_lets_in_what_is_ruled_out(
        strategy in proptest::sample::select(Strategy::ALL.to_vec()),
        no_training in any::<bool>(),
        zero_retention in any::<bool>(),
        broken in proptest::collection::vec(proptest::sample::select(vec!["cheap", "middle", "dear", "odd"]), 0..4),
        order in proptest::collection::vec(proptest::sample::select(vec!["cheap", "middle", "dear", "odd"]), 0..4),
    ) {
        let world = World::new();
        broken.iter().for_each(|provider| world.breaks(provider));
        let wishes = Preferences {
            strategy: Some(strategy), no_training, zero_retention, order: names(&order), ..Preferences::default()
        };
        let plan = world.plan("all", &Ask::for_models(&["a/m"], Some(&wishes), 10)).unwrap();
        for step in &plan.steps {
            prop_assert!(!no_training || step.provider().data_policy.trains == Some(false));
            prop_assert!(!zero_retention || step.provider().keeps_nothing());
        }
        let expected = if zero_retention { 1 } else if no_training { 2 } else { 4 };
        prop_assert_eq!(plan.steps.len(), expected, "nobody who may be tried is left out");
    }
}
