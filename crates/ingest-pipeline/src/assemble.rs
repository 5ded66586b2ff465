//! Documents that wait for their chunks' vectors, and texts that wait for a worker.
//!
//! A text is embedded once, however many chunks have it: the first chunk asks for it, the others wait for the same
//! answer. It stays known until every question to the store that may not have seen its vector has been dealt with.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ingest_core::{Chunk, ChunkFailure, ContentHash, DocumentRecord, Record, Result, Vector};

use crate::context::Context;
use crate::embed::Embedded;
use crate::pieces::pieces;
use crate::risk::Risk;
use crate::split::SplitDocument;
use crate::write::{Committed, Finished, Job};

/// Identifies an open document.
type Id = u64;

/// Waits for chunks of documents.
#[derive(Debug)]
pub(crate) struct Assembler {
    context: Arc<Context>,
    next: Id,
    open: HashMap<Id, Open>,
    texts: HashMap<ContentHash, State>,
    /// Texts that failed, or were too long, in this run: they are not sent again.
    refused: HashMap<ContentHash, Embedded>,
    /// Texts whose vectors were committed, by the commit.
    retiring: VecDeque<(u64, Vec<ContentHash>)>,
    wanted: Vec<Arc<Chunk>>,
    /// Pieces of chunks that were too long, whose vectors nobody has asked for yet.
    unasked: Vec<(Id, usize)>,
    jobs: Vec<Job>,
}

/// Where a text is.
#[derive(Debug)]
enum State {
    /// On its way to a worker or back.
    Awaited(Vec<(Id, usize)>),
    /// Here, and not committed.
    Here(Vector),
    /// Committed, or ahead of everything else in the writer's queue.
    Stored,
}

/// A document with chunks that have no answer.
#[derive(Debug)]
struct Open {
    split: SplitDocument,
    slots: Vec<Slot>,
    missing: usize,
}

/// A chunk's place.
#[derive(Debug)]
struct Slot {
    /// Place in the document, then in the pieces that a chunk was cut into, and in theirs.
    place: Place,
    chunk: Arc<Chunk>,
    /// `None` while there is no answer.
    vector: Option<Vector>,
    /// Whether pieces have taken its place.
    cut: bool,
    /// Whether it is the beginning of a chunk whose rest was dropped.
    truncated: bool,
}

/// A chunk's ordinal and the places of pieces below it. Most have none, and an empty box holds no memory.
type Place = (u32, Box<[u32]>);

impl Assembler {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            next: 0,
            open: HashMap::new(),
            texts: HashMap::new(),
            refused: HashMap::new(),
            retiring: VecDeque::new(),
            wanted: Vec::new(),
            unasked: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Texts to be embedded.
    pub(crate) fn take_texts(&mut self) -> impl Iterator<Item = Arc<Chunk>> + use<> {
        std::mem::take(&mut self.wanted).into_iter()
    }

    /// What can be written.
    pub(crate) fn take_jobs(&mut self) -> impl Iterator<Item = Job> + use<> {
        std::mem::take(&mut self.jobs).into_iter()
    }

    /// Takes a document in.
    pub(crate) async fn open(&mut self, mut split: SplitDocument) -> Result<()> {
        split.permit.arrived();
        self.retire(split.asked);
        let chunks = std::mem::take(&mut split.chunks);
        let known = std::mem::take(&mut split.known);
        let slots = chunks.into_iter().map(|chunk| Slot {
            place: (chunk.ordinal, Box::default()),
            chunk: Arc::new(chunk),
            vector: None,
            cut: false,
            truncated: false,
        });
        let slots: Vec<_> = slots.collect();
        let id = self.next;
        self.next += 1;
        self.open.insert(
            id,
            Open {
                missing: slots.len(),
                slots,
                split,
            },
        );
        for (slot, known) in known.into_iter().enumerate() {
            self.want(id, slot, known);
        }
        self.finish_if_whole(id);
        self.ask_for_pieces().await
    }

    /// Gives a chunk its vector, or asks for one.
    fn want(&mut self, id: Id, slot: usize, known: bool) {
        let Some(chunk) = self
            .open
            .get(&id)
            .and_then(|open| open.slots.get(slot))
            .map(|slot| Arc::clone(&slot.chunk))
        else {
            return;
        };
        let hash = chunk.content_hash;
        match self.texts.get_mut(&hash) {
            Some(State::Awaited(waiting)) => waiting.push((id, slot)),
            Some(State::Here(vector)) => {
                let vector = vector.clone();
                self.reuse(id, slot, vector);
            }
            Some(State::Stored) => self.reuse(id, slot, Vector::Stored),
            None if known => self.reuse(id, slot, Vector::Stored),
            None => match self.refused.get(&hash).cloned() {
                Some(refusal) => self.answer(id, slot, &refusal),
                None => {
                    self.texts.insert(hash, State::Awaited(vec![(id, slot)]));
                    self.wanted.push(chunk);
                }
            },
        }
    }

    fn reuse(&mut self, id: Id, slot: usize, vector: Vector) {
        if !matches!(vector, Vector::TextOnly) {
            self.context.tally.counts().chunks.reused += 1;
        }
        self.fill(id, slot, vector);
    }

    /// Takes what a worker says of texts. Vectors of documents that are not whole yet are handed to the store ahead of
    /// them: what was paid for is not lost, nor held in memory for long.
    pub(crate) async fn settle(
        &mut self,
        texts: Vec<(ContentHash, Embedded)>,
        risk: &mut Risk,
    ) -> Result<()> {
        let mut touched = Vec::new();
        for (hash, outcome) in texts {
            if !matches!(outcome, Embedded::Vector(_)) {
                risk.safe(&hash);
            }
            let Some(State::Awaited(waiting)) = self.texts.remove(&hash) else {
                risk.safe(&hash);
                continue;
            };
            touched.extend(waiting.iter().copied());
            match &outcome {
                Embedded::Vector(vector) => {
                    self.texts
                        .insert(hash, State::Here(Vector::New(Arc::clone(vector))));
                    let mut counts = self.context.tally.counts();
                    counts.chunks.embedded += 1;
                    counts.chunks.reused += waiting.len() as u64 - 1;
                }
                Embedded::Nothing => {}
                Embedded::TooLong(_) | Embedded::Failed(_) => {
                    self.refused.insert(hash, outcome.clone());
                }
            }
            for (id, slot) in waiting {
                self.answer(id, slot, &outcome);
            }
        }
        self.spill(touched);
        self.ask_for_pieces().await
    }

    /// Asks for the vectors of pieces. They are few and rare, so the store is asked in between.
    async fn ask_for_pieces(&mut self) -> Result<()> {
        while !self.unasked.is_empty() {
            // A piece may turn out to be known as too long, and leave pieces itself.
            let places = std::mem::take(&mut self.unasked);
            let hash =
                |&(id, slot): &(Id, usize)| Some(self.open.get(&id)?.slots.get(slot)?.chunk.content_hash);
            let (places, hashes): (Vec<_>, Vec<_>) = places
                .iter()
                .filter_map(|place| Some((*place, hash(place)?)))
                .unzip();
            let known = self.context.store.known(&hashes).await?;
            for ((id, slot), known) in places.into_iter().zip(known) {
                self.want(id, slot, known);
            }
        }
        Ok(())
    }

    /// Gives a chunk the answer for its text. One that is too long may be cut; its pieces are new slots at the end.
    fn answer(&mut self, id: Id, slot: usize, outcome: &Embedded) {
        match outcome {
            Embedded::Vector(vector) => self.fill(id, slot, Vector::New(Arc::clone(vector))),
            Embedded::Nothing => self.fill(id, slot, Vector::TextOnly),
            Embedded::Failed(failure) => self.fill(id, slot, Vector::Failed(failure.clone())),
            Embedded::TooLong(failure) => self.cut(id, slot, failure),
        }
    }

    fn cut(&mut self, id: Id, slot: usize, failure: &ChunkFailure) {
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        let Some(whole) = open.slots.get(slot) else {
            return;
        };
        let Some(cut) = pieces(&self.context, &whole.chunk) else {
            self.fill(id, slot, Vector::Failed(failure.clone()));
            return;
        };
        let (ordinal, above) = whole.place.clone();
        let newly_truncated = cut.truncated && !whole.truncated;
        let truncated = cut.truncated || whole.truncated;
        let new: Vec<_> = (0_u32..)
            .zip(cut.pieces)
            .map(|(at, chunk)| Slot {
                place: (ordinal, above.iter().copied().chain([at]).collect()),
                chunk: Arc::new(chunk),
                vector: None,
                cut: false,
                truncated,
            })
            .collect();
        let source = open.split.item.name.clone();
        let index = open.split.item.index;
        let added = new.len();
        self.unasked
            .extend((open.slots.len()..).take(added).map(|slot| (id, slot)));
        open.slots[slot].cut = true;
        open.missing = open.missing - 1 + added;
        open.slots.extend(new);
        if newly_truncated {
            self.context.tally.counts().chunks.truncated += 1;
            let message =
                format!("{source}: chunk {ordinal} is longer than the model reads; its end was cut off");
            self.context.tally.warn(&message);
        }
        self.context.tally.more_chunks(index, added as u64 - 1);
    }

    fn fill(&mut self, id: Id, slot: usize, vector: Vector) {
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        let Some(place) = open.slots.get_mut(slot) else {
            return;
        };
        if place.vector.replace(vector).is_none() {
            open.missing -= 1;
            self.context.tally.counts().progress.chunks_embedded += 1;
        }
        self.finish_if_whole(id);
    }

    /// Hands vectors at these places to the store ahead of their documents, where those are not whole.
    fn spill(&mut self, places: Vec<(Id, usize)>) {
        let bytes = self.context.dimensions.unwrap_or(0) * size_of::<f32>();
        let mut vectors = Vec::new();
        for (id, slot) in places {
            let Some(open) = self.open.get_mut(&id) else {
                continue;
            };
            let Some(taken) = open.slots.get_mut(slot).and_then(Slot::take_vector) else {
                continue;
            };
            open.split.permit.shrink(bytes);
            // Another document may have brought it to the store by now, or be about to.
            if let Some(state @ State::Here(_)) = self.texts.get_mut(&taken.0) {
                *state = State::Stored;
                vectors.push(taken);
            }
        }
        if !vectors.is_empty() {
            self.jobs.push(Job::Keep(vectors));
        }
    }

    fn finish_if_whole(&mut self, id: Id) {
        if self.open.get(&id).is_some_and(|open| open.missing == 0)
            && let Some(open) = self.open.remove(&id)
        {
            self.jobs
                .push(Job::Document(Box::new(open.finish(&self.context))));
        }
    }

    /// Forgets texts that the store has by now.
    pub(crate) fn committed(&mut self, commit: Committed) {
        for hash in &commit.hashes {
            if let Some(state @ State::Here(_)) = self.texts.get_mut(hash) {
                *state = State::Stored;
            }
        }
        if !commit.hashes.is_empty() {
            self.retiring.push_back((commit.commit, commit.hashes));
        }
    }

    /// Documents come in the order in which they were asked about, so what was committed before that needs no memory.
    fn retire(&mut self, asked: u64) {
        while self.retiring.front().is_some_and(|(commit, _)| *commit <= asked) {
            for hash in self
                .retiring
                .pop_front()
                .map(|(_, hashes)| hashes)
                .unwrap_or_default()
            {
                if matches!(self.texts.get(&hash), Some(State::Stored)) {
                    self.texts.remove(&hash);
                }
            }
        }
    }

    /// Gives up all documents that are not whole, and their vectors.
    pub(crate) fn abandon(&mut self) {
        self.wanted.clear();
        self.open.clear();
        self.jobs.clear();
    }

    /// Gives up all documents that are not whole, and keeps the vectors that were made for them.
    pub(crate) fn rescue(&mut self) {
        self.wanted.clear();
        for (_, mut open) in self.open.drain() {
            let vectors = open.take_vectors();
            if !vectors.is_empty() {
                self.jobs.push(Job::Keep(vectors));
            }
        }
    }
}

impl Slot {
    /// The vector, if it is new; from then on the store has it.
    fn take_vector(&mut self) -> Option<(ContentHash, Vector)> {
        match &mut self.vector {
            Some(vector @ Vector::New(_)) => {
                Some((self.chunk.content_hash, std::mem::replace(vector, Vector::Stored)))
            }
            _ => None,
        }
    }
}

impl Open {
    fn take_vectors(&mut self) -> Vec<(ContentHash, Vector)> {
        self.slots.iter_mut().filter_map(Slot::take_vector).collect()
    }

    fn finish(self, context: &Context) -> Finished {
        let Self { split, mut slots, .. } = self;
        slots.retain(|slot| !slot.cut);
        slots.sort_by(|a, b| a.place.cmp(&b.place));
        let mut bytes = 0;
        let records: Vec<_> = (0_u32..)
            .zip(slots)
            .map(|(ordinal, slot)| {
                let mut chunk = Arc::unwrap_or_clone(slot.chunk);
                chunk.ordinal = ordinal;
                bytes += chunk.text.len() + context.chunk_cost();
                Record {
                    chunk,
                    // Only whole documents come here.
                    vector: slot.vector.unwrap_or(Vector::Stored),
                }
            })
            .collect();
        Finished {
            record: DocumentRecord {
                document: split.document,
                origin: split.item.origin.to_string(),
                revision: split.revision,
                recipe: context.recipe,
                records,
            },
            item: split.item,
            before: split.before,
            bytes,
            permit: split.permit,
        }
    }
}
