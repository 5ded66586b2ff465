//! Azure OpenAI: other paths, another header.

use embed_core::{EmbedderExt, ErrorKind, InputKind};
use embed_http::testing::ScriptedServer;
use embed_openai::{OpenAiEmbedder, Profile};

use crate::fake::{self, Shape};

fn deployment() -> Profile {
    Profile::AzureDeployment {
        deployment: "my-emb".to_owned(),
        api_version: "2024-10-21".to_owned(),
    }
}

async fn ask(server: &ScriptedServer, profile: Profile) {
    let embedder = OpenAiEmbedder::builder("m")
        .base_url(server.url())
        .profile(profile)
        .api_key("azure-key-0123")
        .build()
        .expect("an embedder");
    embedder
        .embed_one("a text", InputKind::Document)
        .await
        .expect("a row");
}

#[tokio::test]
async fn a_deployment_is_asked_by_its_path_with_the_key_in_its_header() {
    let server = fake::server(Shape::Plain);
    ask(&server, deployment()).await;
    ask(&server, Profile::Azure).await;
    let requests = server.requests();
    assert_eq!(
        requests[0].path,
        "/openai/deployments/my-emb/embeddings?api-version=2024-10-21"
    );
    assert_eq!(requests[1].path, "/openai/v1/embeddings");
    for request in requests {
        assert_eq!(request.header("api-key"), Some("azure-key-0123"));
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.json()["encoding_format"], "base64");
    }
}

#[tokio::test]
async fn an_entra_token_goes_into_authorization() {
    let server = fake::server(Shape::Plain);
    let embedder = OpenAiEmbedder::builder("m")
        .base_url(server.url())
        .profile(deployment())
        .bearer_token("entra-token")
        .build()
        .expect("an embedder");
    embedder
        .embed_one("a text", InputKind::Document)
        .await
        .expect("a row");
    let request = server.requests().pop().expect("a request");
    assert_eq!(request.header("authorization"), Some("Bearer entra-token"));
    assert_eq!(request.header("api-key"), None);
}

#[test]
fn azure_without_a_key_is_refused() {
    let error = OpenAiEmbedder::builder("m")
        .base_url("https://me.openai.azure.com")
        .build()
        .expect_err("no key");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("no API key"), "{error}");
}
