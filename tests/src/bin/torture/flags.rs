//! The grammar.

xflags::xflags! {
    /// Kills the real program at random moments and looks at what is left.
    cmd torture {
        /// How often. Default: 200.
        optional --kills count: usize
        /// What decides about documents and moments. Default: another one each time.
        optional --seed number: u64
    }
}
