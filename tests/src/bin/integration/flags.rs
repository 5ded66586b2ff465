//! What `cargo xtask integration` hands on.

xflags::xflags! {
    /// A matrix of checks against a live Ollama.
    cmd integration {
        /// Install Ollama and a model under `target/`, and use these.
        optional --provision
        /// The versions to install, separated by commas. Default: the newest that is known to build.
        optional --ollama versions: String
        /// The model. Default: the installed one, else a small embedding model of the server.
        optional --model name: String
        /// Only cells whose name holds this; may be repeated.
        repeated --only text: String
        /// Every combination of settings instead of a covering choice.
        optional --full
        /// Name the cells and do nothing.
        optional --list
        /// Fail if docs/integration.md does not show all cells passed; needs no server.
        optional --check
    }
}
