#![doc = include_str!("../README.md")]

mod block;
mod characters;
mod embedder;
mod table;
mod tokens;
mod vectors;

pub use embedder::StaticEmbedder;
