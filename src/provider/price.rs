//! What a call costs, where the service does not say it: tokens times a price.
//!
//! A price from the configuration goes before the built-in table, whose prices are as old as
//! the release. What has no price stays unknown; it is never taken for free.

use super::{Request, tokens};
use crate::domain::call::PriceSource;
use crate::domain::cost::{MicroUsd, ModelPrice, Usage};
use crate::domain::models::{ModelRef, Models};
use genai_prices::{Calculator, PriceRequest, UsageKey};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// All prices we know.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices {
    set: BTreeMap<String, ModelPrice>,
}

/// What was delivered.
#[derive(Debug, Clone, Copy)]
pub struct Bill<'a> {
    pub usage: &'a Usage,
    /// How many images.
    pub images: usize,
    /// When; some services are cheaper at night.
    pub at: SystemTime,
}

impl Prices {
    /// `set`: model → price, from the configuration. They hold at every provider.
    pub fn new(set: BTreeMap<String, ModelPrice>) -> Self {
        Self { set }
    }

    /// The prices that are set for these models, to travel with what is asked of them.
    pub fn set_for(&self, models: &Models) -> BTreeMap<String, ModelPrice> {
        let price = |model: &ModelRef| Some((model.model.clone(), *self.set.get(&model.model)?));
        models.all().filter_map(price).collect()
    }

    /// These, with others before them.
    #[must_use]
    pub fn after(&self, first: &BTreeMap<String, ModelPrice>) -> Self {
        let mut set = self.set.clone();
        set.extend(first.iter().map(|(model, price)| (model.clone(), *price)));
        Self { set }
    }

    /// What a request may cost at most, where a price is known.
    pub fn reserve(&self, provider: &str, request: &Request) -> Option<MicroUsd> {
        match request {
            Request::Chat(chat) => {
                let (tokens_in, tokens_out) = (tokens::tokens_of(chat), u64::from(chat.tokens_max));
                self.estimate(provider, &chat.model, tokens_in, tokens_out)
            }
            Request::Image(image) => self.estimate_image(provider, &image.model),
        }
    }

    /// The cost of what was delivered, if the price is known and the service told its usage.
    pub fn cost(
        &self,
        provider: &str,
        model: &str,
        bill: &Bill<'_>,
    ) -> Option<(MicroUsd, PriceSource)> {
        if provider == REHEARSAL {
            return Some((MicroUsd(0), PriceSource::Rehearsal));
        }
        if let Some(price) = self.set.get(model) {
            return Some((by_price(price, bill)?, PriceSource::Config));
        }
        let usage = table_usage(bill.usage)?;
        Some((from_table(provider, model, &usage, Some(bill.at))?, PriceSource::Table))
    }

    /// The cost of a call that has not been made, at the standard price of the moment.
    pub fn estimate(
        &self,
        provider: &str,
        model: &str,
        tokens_in: u64,
        tokens_out: u64,
    ) -> Option<MicroUsd> {
        let usage =
            Usage { tokens_in: Some(tokens_in), tokens_out: Some(tokens_out), ..Usage::default() };
        let bill = Bill { usage: &usage, images: 0, at: SystemTime::now() };
        self.cost(provider, model, &bill).map(|(cost, _)| cost)
    }

    /// The cost of one image that has not been made; known from the configuration only.
    pub fn estimate_image(&self, provider: &str, model: &str) -> Option<MicroUsd> {
        if provider == REHEARSAL {
            return Some(MicroUsd(0));
        }
        self.set
            .get(model)
            .filter(|price| price.image > 0.0)
            .and_then(|price| MicroUsd::from_usd(price.image))
    }
}

/// The provider that is a part of this program and costs nothing.
const REHEARSAL: &str = "rehearsal";

fn by_price(price: &ModelPrice, bill: &Bill<'_>) -> Option<MicroUsd> {
    let Usage { tokens_in, tokens_cached, tokens_out, tokens_reasoning: _ } = *bill.usage;
    let images = float(u64::try_from(bill.images).ok()?) * price.image;
    // Image services often tell no tokens; a chat service that tells none stays unknown.
    let by_image_alone = bill.images > 0 && price.image > 0.0;
    if !by_image_alone && (tokens_in.is_none() || tokens_out.is_none()) {
        return None;
    }
    let tokens_in = tokens_in.unwrap_or(0);
    let cached = tokens_cached.unwrap_or(0).min(tokens_in);
    let per_million = float(tokens_in - cached) * price.input
        + float(cached) * price.cached.unwrap_or(price.input)
        + float(tokens_out.unwrap_or(0)) * price.output;
    MicroUsd::from_usd(per_million / 1e6 + images)
}

fn table_usage(usage: &Usage) -> Option<genai_prices::Usage> {
    let (tokens_in, tokens_out) = (usage.tokens_in?, usage.tokens_out?);
    let mut known = genai_prices::Usage::new();
    known.insert(UsageKey::INPUT_TOKENS, float(tokens_in));
    known.insert(UsageKey::OUTPUT_TOKENS, float(tokens_out));
    if let Some(cached) = usage.tokens_cached {
        known.insert(UsageKey::CACHE_READ_TOKENS, float(cached.min(tokens_in)));
    }
    Some(known)
}

fn from_table(
    provider: &str,
    model: &str,
    usage: &genai_prices::Usage,
    at: Option<SystemTime>,
) -> Option<MicroUsd> {
    // Always with a provider: a model's name alone may be sold by several, at several prices.
    let provider = table_name(provider)?;
    let mut request = PriceRequest::new(model, usage).with_provider_id(provider);
    if let Some(at) = at {
        request = request.with_timestamp(at);
    }
    MicroUsd::from_usd(Calculator::bundled().calculate(&request).ok()?.total_price)
}

/// The table's name for one of our providers; services that it does not list have no price.
fn table_name(provider: &str) -> Option<&'static str> {
    match provider {
        "openrouter" => Some("openrouter"),
        "deepseek" => Some("deepseek"),
        "gemini" => Some("google"),
        "openai" => Some("openai"),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, UNIX_EPOCH};

    /// A Sunday, 2026-11-15 12:00 UTC.
    fn sunday_noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_hours(498_540)
    }

    fn usage(tokens_in: u64, tokens_cached: Option<u64>, tokens_out: u64) -> Usage {
        Usage {
            tokens_in: Some(tokens_in),
            tokens_cached,
            tokens_out: Some(tokens_out),
            tokens_reasoning: None,
        }
    }

    fn prices(price: ModelPrice) -> Prices {
        Prices::new(BTreeMap::from([("m".to_owned(), price)]))
    }

    fn cost(
        prices: &Prices,
        provider: &str,
        model: &str,
        usage: &Usage,
    ) -> Option<(u64, PriceSource)> {
        let bill = Bill { usage, images: 0, at: sunday_noon() };
        prices.cost(provider, model, &bill).map(|(cost, source)| (cost.0, source))
    }

    #[test]
    fn a_configured_price_goes_before_the_table() {
        let own = ModelPrice { input: 2.0, cached: Some(0.5), output: 10.0, image: 0.0 };
        let check = |usage: Usage, micro: u64| {
            let expected = Some((micro, PriceSource::Config));
            assert_eq!(cost(&prices(own), "openai", "m", &usage), expected);
        };
        check(usage(1000, None, 100), 3000);
        check(usage(1000, Some(600), 100), 2100);
        check(usage(1000, Some(5000), 0), 500);
        check(usage(0, None, 0), 0);
    }

    #[test]
    fn the_table_knows_the_services_by_its_own_names() {
        let million = usage(1_000_000, None, 0);
        for (provider, model) in [
            ("openai", "gpt-4o"),
            ("deepseek", "deepseek-flash"),
            ("gemini", "gemini-2.5-flash"),
            ("openrouter", "openai/gpt-4o"),
        ] {
            let (cost, source) = cost(&Prices::default(), provider, model, &million).unwrap();
            assert!((10_000..20_000_000).contains(&cost), "{model}: {cost}");
            assert_eq!(source, PriceSource::Table);
        }
    }

    #[test]
    fn what_is_not_known_is_not_free() {
        let known = usage(10, None, 10);
        assert_eq!(cost(&Prices::default(), "ark", "doubao-seed-2-1-pro-260915", &known), None);
        assert_eq!(cost(&Prices::default(), "openai", "no-such-model", &known), None);
        assert_eq!(cost(&Prices::default(), "ollama", "gpt-4o", &known), None, "not OpenAI's");
        let own = ModelPrice { input: 1.0, ..ModelPrice::default() };
        assert_eq!(cost(&prices(own), "ark", "m", &Usage::default()), None, "no usage was told");
        assert_eq!(Prices::default().estimate("ark", "m", 1, 1), None);
        assert_eq!(Prices::default().estimate_image("ark", "m"), None);
    }

    #[test]
    fn a_rehearsal_costs_nothing_and_says_so() {
        let nothing = Some((0, PriceSource::Rehearsal));
        assert_eq!(cost(&Prices::default(), "rehearsal", "any", &Usage::default()), nothing);
        assert_eq!(Prices::default().estimate("rehearsal", "any", 9, 9), Some(MicroUsd(0)));
        assert_eq!(Prices::default().estimate_image("rehearsal", "any"), Some(MicroUsd(0)));
    }

    #[test]
    fn images_are_priced_by_the_piece_even_without_tokens() {
        let own = prices(ModelPrice { image: 0.04, ..ModelPrice::default() });
        let bill = Bill { usage: &Usage::default(), images: 2, at: sunday_noon() };
        assert_eq!(own.cost("ark", "m", &bill), Some((MicroUsd(80_000), PriceSource::Config)));
        assert_eq!(own.estimate_image("ark", "m"), Some(MicroUsd(40_000)));
    }

    proptest! {
        #[test]
        fn more_tokens_never_cost_less(tokens_in in 0..2_000_000_u64, more in 0..2_000_000_u64, out in 0..100_000_u64) {
            let own = prices(ModelPrice { input: 0.3, cached: Some(0.03), output: 2.5, image: 0.0 });
            let less = own.estimate("any", "m", tokens_in, out);
            prop_assert!(less <= own.estimate("any", "m", tokens_in + more, out));
            prop_assert!(less <= own.estimate("any", "m", tokens_in, out + more));
        }
    }
}
