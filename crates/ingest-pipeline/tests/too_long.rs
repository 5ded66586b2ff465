//! Texts that the model can't read whole are never cut unseen.

mod common;

use common::{Case, chunks, error, fake, sent};
use embed_core::ErrorKind;
use embed_core::testing::FakeEmbedder;
use ingest_pipeline::{OnTooLong, Outcome};

/// Refuses texts of more than so many words.
fn short_sighted(words: usize) -> FakeEmbedder {
    fake().fail_when(move |call| {
        let long = call
            .inputs
            .iter()
            .any(|input| input.split_whitespace().count() > words);
        long.then(|| error(ErrorKind::InputTooLong))
    })
}

fn long_case() -> Case {
    let case = Case::new();
    let words = (0..250)
        .map(|word| format!("word{word}"))
        .collect::<Vec<_>>()
        .join(" ");
    case.write("docs/long.md", format!("## Long\n\n{words}\n"));
    case.write("docs/short.md", "## Short\n\nfew words\n");
    case
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_too_long_is_cut_into_pieces_and_stored_whole() {
    let case = long_case();
    let report = case.run(&short_sighted(40), case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    let stored = chunks(case.store.as_ref()).await;
    let long: Vec<_> = stored
        .iter()
        .filter(|chunk| chunk.source == "docs/long.md")
        .collect();
    assert!(long.len() > 5, "{}", long.len());
    for (ordinal, chunk) in long.iter().enumerate() {
        assert_eq!(chunk.chunk.ordinal as usize, ordinal);
        assert!(chunk.chunk.text.split_whitespace().count() <= 40);
        assert!(chunk.vector.is_some());
    }
    let text = std::fs::read_to_string(case.path("docs/long.md")).expect("the file");
    for word in 0..250 {
        let word = format!("word{word}");
        let found = long.iter().any(|chunk| {
            text[chunk.chunk.span.bytes()]
                .split_whitespace()
                .any(|part| part == word)
        });
        assert!(found, "{word} is in no piece");
    }
    assert!(
        long.windows(2)
            .all(|pair| pair[0].chunk.span.start < pair[1].chunk.span.start)
    );
    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!(report.documents.unchanged, 2);
    assert!(sent(&second).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_too_long_may_be_truncated_or_fail() {
    let case = long_case();
    let mut options = case.options();
    options.on_too_long = OnTooLong::Truncate;
    let report = case.run(&short_sighted(40), options).await;
    assert_eq!(
        (report.outcome, report.chunks.truncated, report.chunks.stored),
        (Outcome::Ok, 1, 2)
    );
    assert!(case.heard.has("its end was cut off"));
    let stored = chunks(case.store.as_ref()).await;
    assert!(stored[0].chunk.text.contains("word0") && !stored[0].chunk.text.contains("word249"));

    let case = long_case();
    let mut options = case.options();
    options.on_too_long = OnTooLong::Fail;
    let report = case.run(&short_sighted(40), options).await;
    assert_eq!(
        (report.outcome, report.chunks.failed, report.chunks.stored),
        (Outcome::Partial, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_model_that_reads_nothing_fails_texts_and_does_not_cut_for_ever() {
    let case = long_case();
    let embedder = fake().fail_when(|call| {
        call.inputs
            .iter()
            .any(|input| input.contains("word"))
            .then(|| error(ErrorKind::InputTooLong))
    });
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.documents.failed, 2, "`few words` has the word, too");
    assert!(report.chunks.failed > 1);
}
