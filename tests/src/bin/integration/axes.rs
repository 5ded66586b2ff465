//! The axes of the matrix, and the choice of cells that meets every few values of different axes together.

use std::collections::BTreeSet;

/// The path that is asked, and the form that vectors are asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/api/embed`.
    Native,
    /// `/v1/embeddings`, JSON numbers.
    Float,
    /// `/v1/embeddings`, base64.
    Base64,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 3] = [Self::Native, Self::Float, Self::Base64];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Float => "v1-float",
            Self::Base64 => "v1-base64",
        }
    }
}

/// An endpoint and what it is told of long inputs, which only the native one can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) endpoint: Endpoint,
    /// `None` where the server decides: it cuts.
    pub(crate) truncate: Option<bool>,
}

impl Mode {
    const ALL: [Self; 4] = [
        Self::new(Endpoint::Native, Some(false)),
        Self::new(Endpoint::Native, Some(true)),
        Self::new(Endpoint::Float, None),
        Self::new(Endpoint::Base64, None),
    ];

    pub(crate) const fn new(endpoint: Endpoint, truncate: Option<bool>) -> Self {
        Self { endpoint, truncate }
    }

    /// The way that every other axis is held still by: the native endpoint, nothing cut unseen.
    pub(crate) const fn of(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Native => Self::new(endpoint, Some(false)),
            Endpoint::Float | Endpoint::Base64 => Self::new(endpoint, None),
        }
    }

    fn name(self) -> String {
        let endpoint = self.endpoint.name();
        match self.truncate {
            Some(true) => format!("{endpoint}/truncate-on"),
            Some(false) => format!("{endpoint}/truncate-off"),
            None => endpoint.to_owned(),
        }
    }
}

/// How many values a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// As many as the model makes.
    Native,
    /// [`CUT`](Self::CUT), by `dimensions`.
    Cut,
}

impl Width {
    /// What is asked for where rows are cut.
    pub(crate) const CUT: usize = 128;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native-width",
            Self::Cut => "cut-width",
        }
    }
}

/// Which of the two interfaces is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    Async,
    Blocking,
}

/// Where records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Sqlite,
    Postgres,
}

/// One point of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) mode: Mode,
    /// Texts in a request.
    pub(crate) batch: usize,
    /// Requests under way at once.
    pub(crate) concurrency: usize,
    pub(crate) width: Width,
    pub(crate) adapter: Adapter,
    pub(crate) store: StoreKind,
}

const BATCHES: [usize; 3] = [1, 7, 64];
const CONCURRENCIES: [usize; 3] = [1, 4, 10];
const ADAPTERS: [Adapter; 2] = [Adapter::Async, Adapter::Blocking];
const STORES: [StoreKind; 2] = [StoreKind::Sqlite, StoreKind::Postgres];

impl Point {
    pub(crate) fn name(&self) -> String {
        let adapter = match self.adapter {
            Adapter::Async => "async",
            Adapter::Blocking => "blocking",
        };
        let store = match self.store {
            StoreKind::Sqlite => "sqlite",
            StoreKind::Postgres => "postgres",
        };
        format!(
            "{}/{}-at-once-{}/{}/{adapter}/{store}",
            self.mode.name(),
            self.batch,
            self.concurrency,
            self.width.name()
        )
    }

    /// Every combination; of widths only the native one where the server cannot cut rows.
    pub(crate) fn all(can_cut: bool) -> Vec<Self> {
        Picks::all(can_cut).iter().map(|picks| picks.point()).collect()
    }

    /// So many points that any `strength` values of different axes meet in at least one, in the order of [`all`](Self::all).
    ///
    /// Faults hide where two or three settings meet, hardly ever where five do; so this finds them in a fraction of the
    /// time that all combinations take.
    pub(crate) fn covering(can_cut: bool, strength: usize) -> Vec<Self> {
        let all = Picks::all(can_cut);
        let mut missing: BTreeSet<_> = all.iter().flat_map(|picks| picks.meetings(strength)).collect();
        let mut chosen = BTreeSet::new();
        while !missing.is_empty() {
            let gain = |picks: &Picks| {
                let meetings = picks.meetings(strength);
                meetings
                    .iter()
                    .filter(|meeting| missing.contains(*meeting))
                    .count()
            };
            // Of equally good ones the first, so that the list is the same on every machine.
            let best = (0..all.len()).rev().max_by_key(|&at| gain(&all[at]));
            let Some(best) = best else { break };
            for meeting in all[best].meetings(strength) {
                missing.remove(&meeting);
            }
            chosen.insert(best);
        }
        chosen.into_iter().map(|at| all[at].point()).collect()
    }
}

/// A point as positions on its axes.
#[derive(Clone, Copy, Debug)]
struct Picks([usize; 6]);

impl Picks {
    fn all(can_cut: bool) -> Vec<Self> {
        let lengths = [
            Mode::ALL.len(),
            BATCHES.len(),
            CONCURRENCIES.len(),
            if can_cut { 2 } else { 1 },
            ADAPTERS.len(),
            STORES.len(),
        ];
        let mut all = vec![Self([0; 6])];
        for (axis, length) in lengths.into_iter().enumerate() {
            all = all
                .into_iter()
                .flat_map(|picks| {
                    (0..length).map(move |pick| {
                        let mut next = picks;
                        next.0[axis] = pick;
                        next
                    })
                })
                .collect();
        }
        all
    }

    fn point(self) -> Point {
        let [mode, batch, concurrency, width, adapter, store] = self.0;
        Point {
            mode: Mode::ALL[mode],
            batch: BATCHES[batch],
            concurrency: CONCURRENCIES[concurrency],
            width: [Width::Native, Width::Cut][width],
            adapter: ADAPTERS[adapter],
            store: STORES[store],
        }
    }

    /// Which values of so many axes meet here.
    fn meetings(self, strength: usize) -> Vec<Vec<(usize, usize)>> {
        let axes = self.0.len();
        (0_u32..1 << axes)
            .filter(|subset| subset.count_ones() as usize == strength)
            .map(|subset| {
                let within = (0..axes).filter(|axis| subset & (1 << axis) != 0);
                within.map(|axis| (axis, self.0[axis])).collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covering_misses_no_meeting_and_is_far_smaller_than_everything() {
        for can_cut in [false, true] {
            for (strength, most) in [(2, 16), (3, 48)] {
                let chosen = Point::covering(can_cut, strength);
                assert!(
                    chosen.len() <= most,
                    "{} cells for strength {strength}",
                    chosen.len()
                );
                for picks in Picks::all(can_cut) {
                    for meeting in picks.meetings(strength) {
                        let met = chosen.iter().any(|point| {
                            let of_chosen = Picks::all(can_cut)
                                .into_iter()
                                .find(|other| other.point() == *point);
                            of_chosen.is_some_and(|other| {
                                meeting.iter().all(|&(axis, pick)| other.0[axis] == pick)
                            })
                        });
                        assert!(met, "{meeting:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_cut_only_where_the_server_can() {
        assert!(Point::all(false).iter().all(|point| point.width == Width::Native));
        assert_eq!(Point::all(true).len(), 2 * Point::all(false).len());
    }
}
