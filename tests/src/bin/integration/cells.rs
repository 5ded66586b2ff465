//! The list of cells: what is checked on a server, by name.

use crate::axes::{Endpoint, Point, Width};

/// Something that is checked on one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Short texts at one point of the matrix.
    Short(Point),
    /// Short texts and one over the model's context, through the pipeline.
    Long(Point),
    /// The conformance suite of `embed-core`.
    Suite(Endpoint, Width),
    /// Something goes wrong.
    Fault(Endpoint, Fault),
    /// The program over a folder, disturbed half-way.
    EndToEnd(Disturbance),
    /// The same texts through another client.
    Peer,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    UnknownModel,
    TooLongWithoutTruncation,
    /// `dimensions` on a server that does not know it.
    DimensionsIgnored,
    StoppedHalfWay,
    RestartedBetweenBatches,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::UnknownModel => "unknown-model",
            Self::TooLongWithoutTruncation => "too-long-without-truncation",
            Self::DimensionsIgnored => "dimensions-ignored",
            Self::StoppedHalfWay => "server-stopped-half-way",
            Self::RestartedBetweenBatches => "server-restarted-between-batches",
        }
    }
}

/// What happens to a run half-way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// The program gets `kill -9`.
    Killed,
    /// The server is stopped and started again.
    ServerRestarted,
}

impl Cell {
    /// The cells of a server. `full` takes every combination instead of a covering choice.
    pub(crate) fn list(can_cut: bool, full: bool) -> Vec<Self> {
        let points = |strength| {
            if full {
                Point::all(can_cut)
            } else {
                Point::covering(can_cut, strength)
            }
        };
        let mut cells: Vec<_> = points(3).into_iter().map(Self::Short).collect();
        cells.extend(points(2).into_iter().map(Self::Long));
        for endpoint in Endpoint::ALL {
            cells.push(Self::Suite(endpoint, Width::Native));
            if can_cut {
                cells.push(Self::Suite(endpoint, Width::Cut));
            }
        }
        for endpoint in Endpoint::ALL {
            cells.push(Self::Fault(endpoint, Fault::UnknownModel));
            if endpoint == Endpoint::Native {
                cells.push(Self::Fault(endpoint, Fault::TooLongWithoutTruncation));
            }
            if !can_cut {
                cells.push(Self::Fault(endpoint, Fault::DimensionsIgnored));
            }
            cells.push(Self::Fault(endpoint, Fault::StoppedHalfWay));
            cells.push(Self::Fault(endpoint, Fault::RestartedBetweenBatches));
        }
        cells.extend([
            Self::EndToEnd(Disturbance::Killed),
            Self::EndToEnd(Disturbance::ServerRestarted),
            Self::Peer,
        ]);
        cells
    }

    /// What it is called on the command line and on the page.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Short(point) => format!("short/{}", point.name()),
            Self::Long(point) => format!("over-long/{}", point.name()),
            Self::Suite(endpoint, width) => format!("suite/{}/{}", endpoint.name(), width.name()),
            Self::Fault(endpoint, fault) => format!("fault/{}/{}", endpoint.name(), fault.name()),
            Self::EndToEnd(Disturbance::Killed) => "end-to-end/killed".to_owned(),
            Self::EndToEnd(Disturbance::ServerRestarted) => "end-to-end/server-restarted".to_owned(),
            Self::Peer => "peer/python-ollama".to_owned(),
        }
    }
}

/// Versions that are tried by `.ci/run`, oldest first, and whether each cuts rows to `dimensions`.
pub(crate) const KNOWN: [(&str, bool); 2] = [("0.6.5", false), ("0.17.4", true)];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_cells_have_one_name() {
        for can_cut in [false, true] {
            for full in [false, true] {
                let cells = Cell::list(can_cut, full);
                let names: BTreeSet<_> = cells.iter().map(Cell::name).collect();
                assert_eq!(names.len(), cells.len());
            }
        }
    }

    #[test]
    fn dimensions_are_cut_or_seen_to_be_ignored() {
        let ignored = Cell::Fault(Endpoint::Base64, Fault::DimensionsIgnored);
        let cut = Cell::Suite(Endpoint::Base64, Width::Cut);
        let (old, new) = (Cell::list(false, false), Cell::list(true, false));
        assert!(old.contains(&ignored) && !old.contains(&cut));
        assert!(!new.contains(&ignored) && new.contains(&cut));
    }
}
