//! Who sits at the table, and what happens when they swap roles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::seed::Seed;

/// Most seats a panel may have: a sequential round is one call after the other, and every speaker
/// is shown all the others.
pub const SEATS_MAX: usize = 12;

/// One place at the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Id, unique in the panel, such as `consumer_2`. It stays when roles are switched.
    pub seat: String,
    /// What the seat speaks as, such as `consumer`.
    pub role: String,
    /// Who speaks: the name of a persona.
    pub persona: String,
}

/// The seats of a discussion, in speaking order: 1 to [`SEATS_MAX`], ids unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Seat>", into = "Vec<Seat>")]
pub struct Panel(Vec<Seat>);

/// Why some seats do not make a [`Panel`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody at the table, or more than [`SEATS_MAX`].
    #[error("a panel has 1 to {SEATS_MAX} seats, not {0}")]
    SeatCount(usize),
    /// Two seats have the same id.
    #[error("two seats are called `{0}`")]
    SeatTwice(String),
}

impl Panel {
    /// A panel of these seats, in this order.
    pub fn new(seats: Vec<Seat>) -> Result<Self, Error> {
        if seats.is_empty() || seats.len() > SEATS_MAX {
            return Err(Error::SeatCount(seats.len()));
        }
        let mut seen = BTreeSet::new();
        match seats.iter().find(|seat| !seen.insert(seat.seat.as_str())) {
            Some(again) => Err(Error::SeatTwice(again.seat.clone())),
            None => Ok(Self(seats)),
        }
    }

    /// The seats in speaking order.
    pub fn seats(&self) -> &[Seat] {
        &self.0
    }

    /// The seat with this id.
    pub fn seat(&self, seat: &str) -> Option<&Seat> {
        self.0.iter().find(|candidate| candidate.seat == seat)
    }
}

impl TryFrom<Vec<Seat>> for Panel {
    type Error = Error;

    fn try_from(seats: Vec<Seat>) -> Result<Self, Error> {
        Self::new(seats)
    }
}

impl From<Panel> for Vec<Seat> {
    fn from(panel: Panel) -> Self {
        panel.0
    }
}

/// The role one seat had before the switch and has after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSwitch {
    /// The seat's id.
    pub seat: String,
    /// The role it had.
    pub from: String,
    /// The role it has now.
    pub to: String,
}

/// Deals the panel's roles out again, so that no seat keeps its role where that is possible.
///
/// The seats are lined up role by role (roles and the seats within one in seeded order), and each
/// takes the role of the seat that sits as many places further round as the largest role has seats.
/// A role never reaches as far as that, so nobody meets their own role again, unless the largest
/// role holds more than half of the seats: then exactly the surplus keeps it, and no dealing does
/// better.
///
/// One entry a seat, in the order of `seats`; those who keep their role have `from == to`.
pub fn switch_roles(seats: &[Seat], seed: Seed) -> Vec<RoleSwitch> {
    let mut ring: Vec<usize> = (0..seats.len()).collect();
    ring.sort_by_cached_key(|&index| {
        let Seat { seat, role, persona: _ } = &seats[index];
        (seed.rank("switch.role", role), seed.rank("switch.seat", seat))
    });
    let step = largest_role(seats);

    let mut switches: Vec<(usize, RoleSwitch)> = ring
        .iter()
        .zip(ring.iter().cycle().skip(step))
        .map(|(&own, &other)| {
            let switch = RoleSwitch {
                seat: seats[own].seat.clone(),
                from: seats[own].role.clone(),
                to: seats[other].role.clone(),
            };
            (own, switch)
        })
        .collect();
    switches.sort_by_key(|(index, _)| *index);
    switches.into_iter().map(|(_, switch)| switch).collect()
}

/// How many seats the most frequent role has.
fn largest_role(seats: &[Seat]) -> usize {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for seat in seats {
        *sizes.entry(seat.role.as_str()).or_default() += 1;
    }
    sizes.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seats(roles: &[&str]) -> Vec<Seat> {
        let seat = |(index, role): (usize, &&str)| Seat {
            seat: format!("seat_{index}"),
            role: (*role).to_owned(),
            persona: format!("persona {index}"),
        };
        roles.iter().enumerate().map(seat).collect()
    }

    fn keepers(switches: &[RoleSwitch]) -> usize {
        switches.iter().filter(|switch| switch.from == switch.to).count()
    }

    #[test]
    fn a_panel_has_one_to_twelve_seats_with_ids_of_their_own() {
        let check = |seats: Vec<Seat>, expected: Result<(), Error>| {
            assert_eq!(Panel::new(seats).map(|_| ()), expected);
        };
        check(seats(&[]), Err(Error::SeatCount(0)));
        check(seats(&["a"]), Ok(()));
        check(seats(&["a"; 12]), Ok(()));
        check(seats(&["a"; 13]), Err(Error::SeatCount(13)));
        let twice = [seats(&["a"]), seats(&["b"])].concat();
        check(twice, Err(Error::SeatTwice("seat_0".to_owned())));
    }

    #[test]
    fn a_panel_is_a_list_in_files_and_is_checked_when_read() {
        let panel = Panel::new(seats(&["craftsman", "consumer"])).unwrap();
        let json = serde_json::to_string(&panel).unwrap();
        assert!(json.starts_with(r#"[{"seat":"seat_0","role":"craftsman","persona":"#), "{json}");
        assert_eq!(serde_json::from_str::<Panel>(&json).unwrap(), panel);
        assert_eq!(panel.seat("seat_1").unwrap().role, "consumer");
        let refusal = serde_json::from_str::<Panel>("[]").unwrap_err().to_string();
        assert!(refusal.contains("1 to 12 seats, not 0"), "{refusal}");
    }

    #[test]
    fn three_consumers_of_six_swap_with_the_three_others() {
        let table = ["craftsman", "consumer", "manufacturer", "consumer", "designer", "consumer"];
        for seed in 0..50 {
            for switch in switch_roles(&seats(&table), Seed::from(seed)) {
                assert_ne!(switch.from == "consumer", switch.to == "consumer", "{switch:?}");
            }
        }
    }

    #[test]
    fn where_everybody_cannot_change_the_surplus_keeps_its_role() {
        let check = |roles: &[&str], expected| {
            assert_eq!(keepers(&switch_roles(&seats(roles), Seed::from(3))), expected, "{roles:?}");
        };
        check(&[], 0);
        check(&["a"], 1);
        check(&["a", "b"], 0);
        check(&["a", "a", "b"], 1);
        check(&["a", "a", "a", "a", "b", "c", "d"], 1);
        check(&["a"; 5], 5);
    }

    #[test]
    fn another_seed_deals_other_roles() {
        let table = seats(&["a", "b", "c", "d", "e", "f"]);
        let deals: BTreeSet<Vec<String>> = (0..20)
            .map(|seed| switch_roles(&table, Seed::from(seed)))
            .map(|switches| switches.into_iter().map(|switch| switch.to).collect())
            .collect();
        assert!(deals.len() > 10, "{}", deals.len());
    }

    fn any_seats() -> impl Strategy<Value = Vec<Seat>> {
        let role = prop::sample::select(vec!["a", "b", "c", "d", "e"]);
        prop::collection::vec(role, 0..=SEATS_MAX).prop_map(|roles| seats(&roles))
    }

    proptest! {
        #[test]
        fn a_switch_is_a_permutation_with_as_few_keepers_as_can_be(
            seats in any_seats(),
            seed: u64,
        ) {
            let switches = switch_roles(&seats, Seed::from(seed));

            let mut before: Vec<&String> = seats.iter().map(|seat| &seat.role).collect();
            let mut after: Vec<&String> = switches.iter().map(|switch| &switch.to).collect();
            before.sort();
            after.sort();
            prop_assert_eq!(before, after);
            for (seat, switch) in seats.iter().zip(&switches) {
                prop_assert_eq!((&seat.seat, &seat.role), (&switch.seat, &switch.from));
            }

            // The largest role can hand away at most as many cards as the others hold.
            let surplus = (2 * largest_role(&seats)).saturating_sub(seats.len());
            prop_assert_eq!(keepers(&switches), surplus);
        }

        #[test]
        fn where_the_seats_sit_does_not_matter(seats in any_seats(), seed: u64) {
            let backwards: Vec<Seat> = seats.iter().rev().cloned().collect();
            let mut switches = switch_roles(&backwards, Seed::from(seed));
            switches.reverse();
            prop_assert_eq!(switch_roles(&seats, Seed::from(seed)), switches);
        }
    }
}
